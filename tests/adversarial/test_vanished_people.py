"""Who removes a person's rows by SQL, but has not the keys, is noticed; and the person's source brings them back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.health.alarms import servers
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guard import CHANGED, PUT_BACK, REMOVED
from cekalwatch.server.storage.integrity.scan import RowMismatch, RowScan
from cekalwatch.server.wiring import alarms
from tests.integration.sync.test_sync_server import Source, listed
from tests.support.builders.audit import entry
from tests.support.builders.keys import key_store
from tests.support.builders.watchlist import order, reference, subject
from tests.support.scenarios.alarms import Watcher
from tests.support.scenarios.intruder import Intruder
from tests.support.scenarios.server import running, settings
from tests.support.scenarios.sign_in import WAIT_S, becomes
from tests.support.scenarios.sync import SyncBench, SyncCaller, TestSource, hold_schedule

TABLES = ("template", "reference_picture", "reference_face", "subject_identity", "ban_order", "subject")
FACES, NUMBERS = TABLES[:3], TABLES[3:4]
NIK = {"nik": "2171013101800001"}
WITHOUT_SUBJECT = {"reference_picture"}


@pytest.fixture
def bench(chosen: ServerSettings) -> Iterator[SyncBench[TestSource]]:
    with closing(Database(chosen.database_address)) as database:
        database.upgrade()
        key_store(database)
        bench = SyncBench.of_seven(database)
        bench.source.deltas = True
        bench.source.offer(subject("S-O-1", **NIK), order("O-1", subject_id="S-O-1"))
        bench.done()
        bench.watchlist.put(subject("S-O-1", **NIK), order("O-1", subject_id="S-O-1"), [reference(b"a face")])
        yield bench


@pytest.fixture
def scan(bench: SyncBench[TestSource]) -> RowScan:
    guard = bench.database.guard
    assert guard
    return RowScan(bench.database, guard)


def remove(intruder: Intruder, *tables: str) -> None:
    """Remove the rows of S-O-1."""
    for table in tables:
        of = "subject_id = 'S-O-1'"
        if table in WITHOUT_SUBJECT:
            of = f"reference_id IN (SELECT reference_id FROM reference_face WHERE {of})"  # noqa: S608  # ours
        intruder.run(f"DELETE FROM {table} WHERE {of}")  # noqa: S608


@pytest.mark.parametrize("tables", [TABLES, FACES, NUMBERS, ("ban_order",)], ids=["all", "faces", "numbers", "orders"])
def test_what_is_missing_is_named_and_comes_back(
    bench: SyncBench[TestSource], intruder: Intruder, scan: RowScan, tables: tuple[str, ...]
) -> None:
    assert scan.all() == []
    remove(intruder, *tables)
    assert scan.all() == [RowMismatch(("watchlist_change", "S-O-1"), REMOVED)]
    assert bench.done().counts.read == 0, "the source has no change to tell"
    assert bench.store.read_again(["S-O-1"], bench.clock.now())
    bench.done()
    assert [one.order_id for one in bench.watchlist.get_subject("S-O-1").orders] == ["O-1"]
    # The source of the test has no photographs.
    assert bool(scan.all()) is ("reference_face" in tables)


def test_who_removes_what_tells_of_the_removal_is_noticed_too(
    bench: SyncBench[TestSource], intruder: Intruder, scan: RowScan
) -> None:
    remove(intruder, *TABLES, "watchlist_change")
    (found,) = scan.all()
    assert found == RowMismatch(("watchlist_change", "*"), REMOVED)
    bench.store.read_again([], bench.clock.now())
    bench.done()
    assert scan.all() == [found], "until two people accept the list as it is"
    scan.accept([found], entry(1))
    assert scan.all() == []
    bench.source.put("O-8")
    bench.done()
    assert scan.all() == []


def test_a_row_of_the_log_that_becomes_another_subjects_is_named(intruder: Intruder, scan: RowScan) -> None:
    intruder.run("UPDATE watchlist_change SET subject_id = 'S-X' WHERE subject_id = 'S-O-1'")
    found = [RowMismatch(("watchlist_change", key), why) for key, why in (("S-O-1", REMOVED), ("S-X", CHANGED))]
    assert [one for one in scan.all() if one.key[1] != "*"] == found
    scan.accept(scan.all(), entry(1))
    assert scan.all() == []


def test_who_hides_a_removed_person_behind_another_key_is_noticed(intruder: Intruder, scan: RowScan) -> None:
    """The key that is named is the intruder's; that somebody is missed whom nobody can name is said too."""
    remove(intruder, *TABLES)
    intruder.run("UPDATE watchlist_change SET subject_id = 'S-X' WHERE subject_id = 'S-O-1'")
    assert scan.all() == [RowMismatch(("watchlist_change", key), REMOVED) for key in ("S-X", "*")]


def test_a_number_that_was_removed_by_hand_stays_missed_when_the_person_changes(
    bench: SyncBench[TestSource], intruder: Intruder, scan: RowScan
) -> None:
    remove(intruder, *NUMBERS)
    bench.source.drop("O-1")
    assert bench.done().counts.ended == 1
    assert scan.all() == [RowMismatch(("watchlist_change", "S-O-1"), REMOVED)]


def test_a_number_that_a_source_corrects_is_in_order(bench: SyncBench[TestSource], scan: RowScan) -> None:
    bench.source.offer(subject("S-O-1"), order("O-1", subject_id="S-O-1"))
    bench.done()
    assert scan.all() == []


def test_the_sum_itself_is_missed(bench: SyncBench[TestSource], intruder: Intruder, scan: RowScan) -> None:
    assert scan.all() == []
    remove(intruder, *TABLES, "watchlist_change")
    assert intruder.run("DELETE FROM list_inventory") == 1
    found = scan.all()
    assert found == [RowMismatch(("list_inventory", "1"), REMOVED), RowMismatch(("watchlist_change", "*"), REMOVED)]
    bench.source.put("O-8")
    bench.done()
    assert scan.all() == found, "a change of the list makes no new sum"
    scan.accept(found, entry(1))
    assert scan.all() == []


def test_somebody_who_was_deleted_and_is_put_back_is_noticed(
    bench: SyncBench[TestSource], intruder: Intruder, scan: RowScan
) -> None:
    before = {table: intruder.rows(table) for table in ("subject", "ban_order")}
    bench.watchlist.delete_subject("S-O-1", lambda _: entry(1))
    assert scan.all() == []
    for table, rows in before.items():
        (row,) = (one for one in rows if one["subject_id"] == "S-O-1")
        intruder.insert(table, row)
    assert scan.all() == [RowMismatch(("watchlist_change", "S-O-1"), PUT_BACK)]


def test_what_the_server_does_with_a_list_is_in_order(bench: SyncBench[TestSource], scan: RowScan) -> None:
    bench.source.drop("O-2")
    bench.source.put("O-3", "S-O-4")
    assert bench.done().outcome is SyncOutcome.DONE
    bench.watchlist.erase_subject("S-O-2", lambda _: True, lambda _: entry(1))
    bench.watchlist.delete_subject("S-O-5", lambda _: entry(1))
    assert scan.all() == []


@pytest.mark.slow
async def test_a_person_who_vanished_is_an_alarm_within_a_minute_and_comes_back(
    tmp_path: Path, database_setting: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert alarms.LOOK_AT_ROWS_PERIOD_S + servers.MISSED_PERIOD_S < 60
    monkeypatch.setattr(alarms, "LOOK_AT_ROWS_PERIOD_S", 0.2)
    monkeypatch.setattr(servers, "MISSED_PERIOD_S", 1.0)
    source = Source(tmp_path / "list")
    source.write(listed())
    chosen = settings(
        tmp_path / "data", watchlist={"source": {"kind": "folder", "path": source.folder}}, **database_setting
    )
    hold_schedule(chosen)
    intruder = Intruder(chosen)
    async with running(chosen) as server, Watcher(server.channel).watching() as watcher:
        await SyncCaller(server.channel).now()
        for table in TABLES:
            intruder.run(f"DELETE FROM {table}")  # noqa: S608  # ours
        intruder.run("UPDATE sync_order SET erased = true")
        await watcher.until(lambda one: "ROWS_CHANGED watchlist_change" in one.kinds, WAIT_S)

        async def is_back() -> bool:
            return {len(intruder.rows(table)) for table in TABLES[:3]} == {1}

        await becomes(is_back)
        await watcher.until(lambda one: not any("ROWS_CHANGED" in kind for kind in one.kinds), WAIT_S)
