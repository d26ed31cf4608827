"""What a synchronisation takes from its source, and what it ends, on every kind of database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from cekalwatch.contract.values.imports import RecordReport, SyncCounts
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.storage.database import Database
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.sources.source import Reading, SourceItem, SourcePage
from tests.support.builders.audit import deleted
from tests.support.builders.watchlist import order
from tests.support.scenarios.sync import SyncBench, TestSource


@pytest.fixture
def bench(database: Database) -> SyncBench[TestSource]:
    return SyncBench.of_seven(database)


# What is read


@pytest.mark.both_databases
def test_a_first_run_takes_everything_and_makes_the_watchlist_fresh(bench: SyncBench[TestSource]) -> None:
    assert bench.watchlist.last_success_at(bench.source.name) is None
    run = bench.done()
    assert run.counts == SyncCounts(read=7, added=7)
    assert run.whole
    assert not run.resumed
    held = [file.subject.subject_id for file in bench.watchlist.list_subjects("", 10)]
    assert held == [f"S-O-{number}" for number in range(1, 8)]
    assert bench.watchlist.last_success_at(bench.source.name) == run.ended_at == bench.clock.now()
    assert bench.source.closed


def test_what_is_unchanged_is_neither_loaded_nor_written(bench: SyncBench[TestSource]) -> None:
    bench.done()
    version = bench.watchlist.version()
    bench.source.put("O-3", reason="penyidikan")
    assert bench.done().counts == SyncCounts(read=7, changed=1, unchanged=6)
    assert bench.source.loaded == ["O-3"]
    assert bench.watchlist.version() == version + 1
    assert bench.done().counts == SyncCounts(read=7, unchanged=7)
    assert not bench.source.loaded


def test_a_source_that_tells_changes_is_asked_for_these_only(bench: SyncBench[TestSource]) -> None:
    bench.source.deltas = True
    bench.done()
    bench.source.put("O-8")
    bench.source.put("O-2", reason="penyidikan")
    bench.source.drop("O-1")
    run = bench.done()
    assert run.counts == SyncCounts(read=3, added=1, changed=1, ended=1)
    assert not run.whole
    assert bench.withdrawn("O-1") == bench.clock.now()
    assert bench.done().counts == SyncCounts()


def test_a_source_that_forgot_the_place_is_read_from_the_beginning(bench: SyncBench[TestSource]) -> None:
    bench.source.deltas = True
    bench.done()
    bench.source.drop("O-1")
    bench.source.forgetful = True
    run = bench.done()
    assert run.whole
    assert run.counts == SyncCounts(read=6, unchanged=6, ended=1)


def test_a_run_from_the_start_reads_a_source_of_changes_as_a_whole(bench: SyncBench[TestSource]) -> None:
    bench.source.deltas = True
    bench.done()
    assert bench.done(from_start=True).counts == SyncCounts(read=7, unchanged=7)


def test_another_source_is_read_from_the_beginning_and_stands_for_the_old_one(bench: SyncBench[TestSource]) -> None:
    bench.source.deltas = True
    bench.done()
    bench.source.name = "another source"
    bench.source.drop("O-1")
    run = bench.done()
    assert run.whole
    assert run.counts == SyncCounts(read=6, unchanged=6, ended=1)


def test_an_order_that_was_imported_by_hand_is_taken_over_without_change(bench: SyncBench[TestSource]) -> None:
    bench.done()
    by_hand = bench.source.records["O-1"]
    other = SyncBench(bench.database, TestSource(), clock=bench.clock)
    assert not isinstance(by_hand, CekalwatchError)
    bench.watchlist.put(by_hand.subject, replace(by_hand.order, order_id="O-90"))
    assert other.source.records == {}
    bench.source.offer(by_hand.subject, replace(by_hand.order, order_id="O-90"))
    assert bench.done().counts == SyncCounts(read=8, unchanged=8)
    assert bench.source.loaded == ["O-90"]


def test_orders_of_one_subject_that_change_together_are_all_taken(bench: SyncBench[TestSource]) -> None:
    bench.source.put("O-8", "S-O-1", valid_until=date(2026, 5, 1))
    bench.done()
    assert len(bench.watchlist.get_subject("S-O-1").orders) == 2


# What has left


@pytest.mark.both_databases
def test_an_order_that_a_whole_reading_no_longer_has_is_ended_and_stays_visible(bench: SyncBench[TestSource]) -> None:
    bench.done()
    bench.source.drop("O-2")
    run = bench.done()
    assert run.counts == SyncCounts(read=6, unchanged=6, ended=1)
    assert bench.withdrawn("O-2") == bench.clock.now()
    assert bench.withdrawn("O-3") is None
    assert not bench.store.known(["O-2"])["O-2"].fingerprint
    assert bench.trail(Action.ORDERS_WITHDRAWN) == [("OK", '["order:O-2"]')]
    assert bench.done().counts == SyncCounts(read=6, unchanged=6), "it is ended once"


class _KilledError(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("deltas", [False, True])
def test_an_order_that_leaves_after_the_run_that_stored_it_was_killed_is_ended(
    bench: SyncBench[TestSource], monkeypatch: pytest.MonkeyPatch, *, deltas: bool
) -> None:
    bench.source.deltas = deltas
    bench.done()
    bench.source.put("O-8")
    store = ImportRun.store

    def killed(run: ImportRun) -> list[RecordReport]:
        store(run)
        raise _KilledError

    with monkeypatch.context() as patched, pytest.raises(_KilledError):
        patched.setattr(ImportRun, "store", killed)
        bench.run()
    assert bench.withdrawn("O-8") is None
    bench.source.drop("O-8")
    # A whole reading that goes on where it was may miss what has left behind that place.
    assert sum(bench.done().counts.ended for _ in range(2)) == 1
    assert bench.withdrawn("O-8")


def test_an_ended_order_comes_back_when_the_source_has_it_again(bench: SyncBench[TestSource]) -> None:
    bench.done()
    kept = bench.source.records["O-2"]
    bench.source.drop("O-2")
    bench.done()
    bench.source.records["O-2"] = kept
    assert bench.done().counts == SyncCounts(read=7, changed=1, unchanged=6)
    assert bench.withdrawn("O-2") is None


def test_an_order_that_was_dropped_and_offered_again_within_one_delta_stays(bench: SyncBench[TestSource]) -> None:
    bench.source.deltas = True
    bench.done()
    kept = bench.source.records["O-2"]
    bench.source.drop("O-2")
    bench.source.records["O-2"] = kept
    bench.source.changes.append("O-2")
    assert bench.done().counts.ended == 0
    assert bench.withdrawn("O-2") is None


def test_orders_that_came_by_another_way_are_left_alone(bench: SyncBench[TestSource]) -> None:
    bench.done()
    record = bench.source.records["O-1"]
    assert not isinstance(record, CekalwatchError)
    bench.watchlist.put(record.subject, replace(record.order, order_id="O-90"))
    bench.done()
    assert bench.withdrawn("O-90") is None


def test_what_a_person_deleted_comes_back_with_a_source_that_still_has_it(bench: SyncBench[TestSource]) -> None:
    bench.done()
    bench.watchlist.delete_subject("S-O-1", deleted)
    assert bench.done().counts == SyncCounts(read=7, added=1, unchanged=6)
    assert bench.watchlist.get_subject("S-O-1").orders


@pytest.mark.both_databases
def test_what_a_person_deletes_while_the_list_is_read_comes_back_too(
    bench: SyncBench[TestSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ImportRun.store

    def stored(run: ImportRun) -> list[RecordReport]:
        reports = store(run)
        if any(report.order_id == "O-1" for report in reports):  # and it is not remembered yet
            bench.watchlist.delete_subject("S-O-1", deleted)
        return reports

    with monkeypatch.context() as patched:
        patched.setattr(ImportRun, "store", stored)
        bench.done()
    assert bench.done().counts == SyncCounts(read=7, added=1, unchanged=6)


def test_what_comes_twice_on_a_page_is_taken_in_its_order(
    bench: SyncBench[TestSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.done()

    def items(key: str, change: Callable[[str], None]) -> list[SourceItem]:
        """The order with another reason, and what it is after the change."""
        before = bench.source._item(key)
        bench.source.put(key, reason="penyidikan")
        changed = bench.source._item(key)
        change(key)
        return [before, changed, bench.source._item(key)]

    _, *dropped = items("O-2", bench.source.drop)
    _, *spoilt = items("O-3", bench.source.spoil)
    _, *changed = items("O-4", lambda key: bench.source.put(key, reason="penuntutan"))
    first, second, _ = items("O-5", lambda _: None)
    page = SourcePage((*dropped, *spoilt, *changed, second, first), "")
    monkeypatch.setattr(bench.source, "read", lambda _: Reading(False, None, iter([page])))
    assert bench.done().counts == SyncCounts(read=8, changed=6, refused=1, ended=1)
    assert bench.withdrawn("O-2") is not None
    reasons = [bench.watchlist.get_subject(f"S-O-{number}").orders[0].reason for number in (3, 4, 5)]
    assert reasons == ["penyidikan", "penuntutan", order().reason]
    known = bench.store.known(["O-3"])["O-3"]
    assert known.problem
    assert known.fingerprint, "the record that came before the row that cannot be read stands"
