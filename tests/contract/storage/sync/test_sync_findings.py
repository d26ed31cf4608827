"""What a synchronisation refuses, and what it tells of the rest, on every kind of database."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cekalwatch.contract.values.imports import SyncCounts, SyncRefusal, SyncRemark
from cekalwatch.contract.values.orders import OrderFlag, OrderKind, OrderRule
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.syncs import MAX_REMARKS, PHOTOGRAPHS
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.storage.database import Database
from cekalwatch.server.watchlist.imports.records import Photograph
from cekalwatch.server.watchlist.sources.source import Reading, SourcePage
from tests.support.builders.portraits import astronaut
from tests.support.scenarios.server import jpeg
from tests.support.scenarios.sync import MISSING, SyncBench, TestSource


@pytest.fixture
def bench(database: Database) -> SyncBench[TestSource]:
    return SyncBench.of_seven(database)


def test_a_refused_record_leaves_what_was_held_and_is_tried_at_every_run(bench: SyncBench[TestSource]) -> None:
    bench.done()
    good = bench.source.records["O-4"]
    before = bench.watchlist.get_subject("S-O-4")
    bench.source.spoil("O-4")
    run = bench.done()
    assert run.counts == SyncCounts(read=7, unchanged=6, refused=1)
    assert run.refusals == (SyncRefusal("O-4", Code.RECORD_INVALID, "valid_from"),)
    assert bench.watchlist.get_subject("S-O-4") == before
    bench.source.records["O-4"] = good  # with the fingerprint that it had
    assert bench.done().counts == SyncCounts(read=7, unchanged=7)
    assert bench.source.loaded == ["O-4"]


def test_a_refused_record_of_a_delta_is_asked_for_again_until_it_is_good(bench: SyncBench[TestSource]) -> None:
    bench.source.deltas = True
    bench.done()
    good = bench.source.records["O-4"]
    bench.source.spoil("O-4")
    bench.source.put("O-8")
    assert bench.done().counts == SyncCounts(read=2, added=1, refused=1)
    assert bench.done().counts == SyncCounts(read=2, unchanged=1, refused=1)
    bench.source.records["O-4"] = good
    assert bench.done().counts == SyncCounts(read=2, unchanged=2)
    assert bench.source.loaded == ["O-4"]
    assert bench.done().counts == SyncCounts()


def test_the_audit_trail_says_once_that_a_record_is_refused_for_the_same_reason(bench: SyncBench[TestSource]) -> None:
    bench.source.spoil("O-4")
    refused = ("RECORD_INVALID", '["order:O-4","subject:S-O-4"]')
    for _ in range(3):
        bench.done()
    assert bench.trail(Action.ORDER_IMPORTED).count(refused) == 1
    bench.source.spoil("O-4", "valid_until")
    bench.done()
    assert bench.trail(Action.ORDER_IMPORTED).count(refused) == 2


@pytest.mark.slow
def test_nothing_is_ended_by_absence_while_a_row_without_a_key_could_be_it(bench: SyncBench[TestSource]) -> None:
    bench.done()
    bench.source.drop("O-2")
    bench.source.stray_rows = 1
    run = bench.done()
    assert run.counts == SyncCounts(read=7, unchanged=6, refused=1, kept=1)
    assert bench.withdrawn("O-2") is None
    bench.source.stray_rows = 0
    assert bench.done().counts.ended == 1


def test_a_key_that_may_be_a_name_is_kept_nowhere(bench: SyncBench[TestSource]) -> None:
    bench.source.spoil("Contoh Tujuh")
    run = bench.done()
    assert run.refusals == (SyncRefusal("", Code.RECORD_INVALID, "valid_from"),)
    with bench.database.engine.connect() as connection:
        for table in ("sync_order", "sync_run", "audit_entry"):
            assert "Contoh" not in str(connection.exec_driver_sql(f"SELECT * FROM {table}").all())  # noqa: S608


def test_a_source_of_which_nothing_can_be_read_brought_nothing_up_to_date(bench: SyncBench[TestSource]) -> None:
    bench.done()
    fresh = bench.watchlist.last_success_at(bench.source.name)
    for number in range(1, 8):
        bench.source.spoil(f"O-{number}")
    run = bench.run()
    assert (run.outcome, run.reason) == (SyncOutcome.FAILED, Code.SOURCE_UNREADABLE)
    assert bench.watchlist.last_success_at(bench.source.name) == fresh


def test_a_photograph_that_could_not_be_had_is_asked_for_again(bench: SyncBench[TestSource]) -> None:
    face = Photograph("face.jpg", jpeg(astronaut()))
    bench.source.put("O-1", photographs=(MISSING,))
    assert bench.done().refusals == (SyncRefusal("O-1", Code.PHOTO_MISSING, PHOTOGRAPHS),)
    assert bench.done().counts == SyncCounts(read=7, unchanged=7, photographs_refused=1)
    assert bench.source.loaded == ["O-1"]
    bench.source.put("O-1", photographs=(face,))
    assert bench.done().counts == SyncCounts(read=7, changed=1, unchanged=6)
    assert len(bench.watchlist.get_subject("S-O-1").references) == 1
    bench.done()
    assert not bench.source.loaded


# What is not refused, and must be looked at

RENEWED = (
    ("R-1", date(2025, 1, 1), date(2025, 6, 30)),
    ("R-2", date(2025, 7, 1), date(2025, 12, 31)),
    ("R-3", date(2026, 1, 1), date(2026, 6, 30)),
)
LONG: dict[str, Any] = {"valid_from": date(2026, 1, 1), "valid_until": date(2026, 12, 31)}


def test_an_order_that_breaks_a_rule_is_told_when_it_comes_and_not_again(bench: SyncBench[TestSource]) -> None:
    bench.source.put("O-8", **LONG)
    bench.source.put("O-9", kind=OrderKind.TANGKAL)
    run = bench.done()
    assert run.counts == SyncCounts(read=9, added=9, flagged=1, renewed=1)
    assert run.remarks == (
        SyncRemark("O-9", (OrderRule.TANGKAL_ON_CITIZEN,)),
        SyncRemark("O-8", flags=(OrderFlag.TERM_CAPPED,)),
    )
    assert bench.done().remarks == ()


def test_an_extension_that_came_before_its_order_is_not_flagged(bench: SyncBench[TestSource]) -> None:
    base: dict[str, Any] = {"valid_from": date(2025, 12, 1), "valid_until": date(2026, 5, 31)}
    later: dict[str, Any] = {
        "valid_from": date(2026, 6, 1),
        "valid_until": date(2026, 11, 30),
        "received_on": date(2026, 2, 20),
    }
    bench.source.put("O-8", "S-8", extends_order_id="O-9", **later)
    bench.source.put("O-9", "S-8", **base)
    bench.source.put("P-1", "S-9", extends_order_id="P-2", **later)
    run = bench.done()
    assert (run.counts.flagged, run.remarks) == (0, (SyncRemark("P-1", flags=(OrderFlag.BASE_NOT_HELD,)),))


def test_an_order_that_is_renewed_for_too_long_is_told_when_it_comes(bench: SyncBench[TestSource]) -> None:
    for number, (key, first, last) in enumerate(RENEWED):
        bench.source.put(key, "S-8", valid_from=first, valid_until=last, received_on=first)
        run = bench.done()
        assert run.counts.renewed == (number == 2)
    assert run.remarks == (SyncRemark("R-3", flags=(OrderFlag.RENEWED_TOO_LONG,)),)
    assert bench.done().remarks == ()


def test_a_face_under_two_subjects_is_told(bench: SyncBench[TestSource]) -> None:
    face = Photograph("face.jpg", jpeg(astronaut()))
    bench.source.put("O-2", photographs=(face,))
    bench.source.put("O-5", photographs=(face,), kind=OrderKind.TANGKAL)
    run = bench.done()
    assert run.counts == SyncCounts(read=7, added=7, flagged=1, doubtful=1)
    assert run.remarks == (SyncRemark("O-5", (OrderRule.TANGKAL_ON_CITIZEN,), ("S-O-2",)),)


def test_an_order_that_is_put_right_within_a_reading_is_not_flagged(
    bench: SyncBench[TestSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    items = []
    for facts in (LONG, {}):
        bench.source.put("O-2", **facts)
        items.append(bench.source._item("O-2"))
    page = SourcePage(tuple(items), "")
    monkeypatch.setattr(bench.source, "read", lambda _: Reading(False, None, iter([page])))
    assert bench.done().counts == SyncCounts(read=2, added=1, changed=1)


@pytest.mark.both_databases
def test_all_flagged_orders_are_counted_and_the_first_are_kept(database: Database) -> None:
    bench = SyncBench(database, TestSource(page_size=100))
    for number in range(MAX_REMARKS + 5):
        bench.source.put(f"O-{number:03}", kind=OrderKind.TANGKAL)
    run = bench.done()
    assert (run.counts.flagged, len(run.remarks)) == (MAX_REMARKS + 5, MAX_REMARKS)
