"""Who can write the database by SQL, but has not its keys, makes no synchronisation take anybody off the list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guard import CHANGED
from tests.support.scenarios.intruder import Intruder
from tests.support.scenarios.sync import SyncBench, TestSource

OF_ONE_PERSON = (
    "DELETE FROM subject_identity WHERE subject_id = 'S-O-1'",
    "DELETE FROM ban_order WHERE subject_id = 'S-O-1'",
    "DELETE FROM subject WHERE subject_id = 'S-O-1'",
)


@pytest.fixture
def bench(chosen: ServerSettings) -> Iterator[SyncBench[TestSource]]:
    with closing(Database(chosen.database_address)) as database:
        database.upgrade()
        bench = SyncBench.of_seven(database)
        bench.done()
        yield bench


def in_force(bench: SyncBench[TestSource]) -> set[str]:
    files = bench.watchlist.list_subjects("", 100)
    return {one.order_id for file in files for one in file.orders if one.withdrawn_at is None}


ALL = {f"O-{number}" for number in range(1, 8)}


def test_nobody_is_kept_out_by_a_row_that_says_erased(bench: SyncBench[TestSource], intruder: Intruder) -> None:
    for statement in (*OF_ONE_PERSON, "UPDATE sync_order SET erased = true WHERE order_id = 'O-1'"):
        assert intruder.run(statement) is not None
    bench.done()
    assert in_force(bench) == ALL


def test_a_list_that_was_called_new_by_hand_counts_as_never_read(
    bench: SyncBench[TestSource], intruder: Intruder
) -> None:
    """So that it is shown as old; `rows check` names the row."""
    assert bench.watchlist.last_success_at("test source") == bench.clock.now()
    assert intruder.run("UPDATE watchlist_success SET last_success_at = '2026-12-31 00:00:00'") == 1
    assert bench.watchlist.last_success_at("test source") is None
    assert bench.database.guard
    assert bench.database.guard.refused == {("watchlist_success", "test source"): CHANGED}
    bench.done()
    assert bench.watchlist.last_success_at("test source") == bench.clock.now()


def test_a_shrunken_list_that_was_accepted_by_hand_waits(bench: SyncBench[TestSource], intruder: Intruder) -> None:
    bench.source.drop(*sorted(ALL)[:5])
    assert bench.run().outcome is SyncOutcome.SHRUNK
    assert intruder.run("UPDATE sync_state SET accepted = 5") == 1
    assert bench.run().outcome is SyncOutcome.SHRUNK
    assert in_force(bench) == ALL


@pytest.mark.parametrize("change", ["gone = true", "seen_reading = 0", "seen_reading = 2000000000"])
def test_an_order_that_was_marked_as_gone_by_hand_stays(
    bench: SyncBench[TestSource], intruder: Intruder, change: str
) -> None:
    """The mark comes while a reading is under way, before what has left is ended."""
    bench.source.put("O-8")
    asked = iter(range(100))

    def mark() -> None:
        if next(asked) == 1:
            assert intruder.run(f"UPDATE sync_order SET {change} WHERE order_id = 'O-1'") == 1  # noqa: S608  # ours

    bench.give_way = mark
    bench.run()
    assert in_force(bench) >= ALL


def test_an_order_that_was_added_by_hand_to_what_a_source_had_stays(
    bench: SyncBench[TestSource], intruder: Intruder
) -> None:
    bench.source.changes.clear()
    row = intruder.rows("sync_order")[0] | {"order_id": "O-BY-HAND"}
    bench.source.put("O-BY-HAND")
    ban = bench.source.records.pop("O-BY-HAND")
    bench.watchlist.put(ban.subject, ban.order)  # type: ignore[union-attr]
    intruder.insert("sync_order", row)
    bench.done()
    assert in_force(bench) == {*ALL, "O-BY-HAND"}
