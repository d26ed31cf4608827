"""The runs of a synchronisation: what goes on after a break, and who runs when, on every kind of database."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from cekalwatch.contract.values.imports import SyncCounts
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.audit.entry import Action, AuditEntry
from cekalwatch.server.domain.syncs import SyncLease
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.integrity.guarded_session import LeaseLostError, fenced
from cekalwatch.server.storage.sync.store import LEASE, SyncFence, SyncStore
from cekalwatch.server.watchlist.sync import schedule
from cekalwatch.server.watchlist.sync.synchroniser import SyncStoppedError
from tests.support.builders.watchlist import order, subject
from tests.support.scenarios.sync import SYNCER, SyncBench, TestSource


@pytest.fixture
def bench(database: Database) -> SyncBench[TestSource]:
    return SyncBench.of_seven(database)


# What breaks off


@pytest.mark.parametrize("deltas", [False, True])
@pytest.mark.both_databases
def test_a_run_goes_on_after_the_last_page_of_the_one_that_broke_off(
    bench: SyncBench[TestSource], *, deltas: bool
) -> None:
    bench.source.deltas = deltas
    bench.source.breaks_after = 2
    run = bench.run()
    assert (run.outcome, run.reason, run.detail) == (
        SyncOutcome.FAILED,
        Code.SOURCE_UNAVAILABLE,
        "The test source is away; wait.",
    )
    assert run.counts == SyncCounts(read=6, added=6)
    assert bench.watchlist.last_success_at(bench.source.name) is None
    run = bench.done()
    assert run.resumed
    assert run.whole
    assert run.counts == SyncCounts(read=1, added=1)


@pytest.mark.slow
def test_what_left_before_the_break_is_ended_after_it_and_nothing_else(bench: SyncBench[TestSource]) -> None:
    bench.done()
    bench.source.drop("O-1")
    bench.source.breaks_after = 1
    bench.run()
    assert bench.withdrawn("O-1") is None
    run = bench.done()
    assert run.counts == SyncCounts(read=3, unchanged=3, ended=1)
    assert bench.withdrawn("O-1") is not None


def test_tombstones_before_a_break_count_after_it(bench: SyncBench[TestSource]) -> None:
    bench.source.deltas = True
    bench.done()
    bench.source.drop("O-1", "O-2")
    for number in range(10, 14):
        bench.source.put(f"O-{number}")
    bench.source.breaks_after = 1
    bench.run()
    assert bench.done().counts == SyncCounts(read=3, added=3, ended=2)


def test_a_run_that_stops_while_it_imports_is_taken_up_by_the_next(bench: SyncBench[TestSource]) -> None:
    calls = iter([None] * 6)

    def give_way() -> None:
        if next(calls, "stop"):
            raise SyncStoppedError

    bench.give_way = give_way
    run = bench.run()
    assert run.outcome is SyncOutcome.BROKEN_OFF
    assert 0 < run.counts.added < 7
    bench.give_way = lambda: None
    bench.done()
    assert len(bench.watchlist.list_subjects("", 100)) == 7
    assert bench.done().counts == SyncCounts(read=7, unchanged=7)


def test_half_a_list_ends_nothing(bench: SyncBench[TestSource]) -> None:
    bench.source.says_how_many = True
    bench.done()
    bench.source.hides = 1
    run = bench.run()
    assert (run.outcome, run.reason) == (SyncOutcome.FAILED, Code.SOURCE_INCOMPLETE)
    assert run.counts.ended == 0
    bench.source.hides = 0
    assert bench.done().counts == SyncCounts(read=7, unchanged=7)


# Who runs


def test_half_a_list_ends_nothing_either_when_what_was_read_before_a_break_has_left(
    bench: SyncBench[TestSource],
) -> None:
    """Else what it had before the break would make up for what it leaves out after it."""
    bench.done()
    bench.source.says_how_many = True
    bench.source.breaks_after = 1
    bench.run()
    bench.source.drop("O-1")
    bench.source.hides = 1
    run = bench.run()
    assert (run.resumed, run.outcome, run.reason) == (True, SyncOutcome.FAILED, Code.SOURCE_INCOMPLETE)
    bench.source.hides = 0
    assert bench.done().counts == SyncCounts(read=6, unchanged=6, ended=1)


@pytest.mark.both_databases
def test_one_run_at_a_time_until_its_lease_runs_out(bench: SyncBench[TestSource]) -> None:
    other, now = SyncStore(bench.database), bench.clock.now()
    begun = bench.store.begin("test source", now)
    assert begun
    with pytest.raises(CekalwatchError, match=Code.SYNC_RUNNING):
        other.begin("test source", now + LEASE - timedelta(seconds=1))
    assert other.begin("test source", now + LEASE - timedelta(seconds=1), if_due=True) is None
    assert other.begin("test source", now + LEASE)
    first, second = other.runs(10)[::-1]
    assert (first.outcome, second.outcome) == (SyncOutcome.BROKEN_OFF, SyncOutcome.RUNNING)
    with pytest.raises(CekalwatchError, match=Code.SYNC_TAKEN_OVER):
        bench.store.advance(begun.lease, now + LEASE, begun.run, reading=1)


@pytest.mark.both_databases
def test_a_run_that_was_taken_over_imports_nothing_more(bench: SyncBench[TestSource]) -> None:
    """Its server was stopped for a while."""
    now = bench.clock.now()
    begun = bench.store.begin("test source", now)
    assert begun
    with fenced(SyncFence(begun.lease)):
        bench.watchlist.put(subject("S-1"), order("O-1", subject_id="S-1"))
    assert SyncStore(bench.database).begin("test source", now + LEASE)
    with fenced(SyncFence(begun.lease)), pytest.raises(LeaseLostError):
        bench.watchlist.put(subject("S-2"), order("O-2", subject_id="S-2"))
    assert [file.subject.subject_id for file in bench.watchlist.list_subjects("", 10)] == ["S-1"]


@pytest.mark.both_databases
def test_a_lease_that_is_renewed_is_not_taken_over(bench: SyncBench[TestSource]) -> None:
    other, now = SyncStore(bench.database), bench.clock.now()
    begun = bench.store.begin("test source", now)
    assert begun
    assert bench.store.renew(begun.lease, now + LEASE - timedelta(seconds=1))
    assert other.begin("test source", now + LEASE, if_due=True) is None
    assert other.begin("test source", now + 2 * LEASE)
    assert not bench.store.renew(begun.lease, now + 2 * LEASE)


def test_what_was_written_while_a_clock_was_ahead_holds_up_no_run(bench: SyncBench[TestSource]) -> None:
    now, hours = bench.clock.now(), timedelta(hours=2)
    latest = now + timedelta(minutes=15)
    bench.clock.advance(hours)
    assert bench.store.begin("test source", bench.clock.now()), "and its server is killed"
    begun = bench.store.begin("test source", now, if_due=True, latest=latest)
    assert begun
    entry = AuditEntry(now, SYNCER, Action.WATCHLIST_SYNCED)
    bench.store.finish(begun.lease, begun.run, entry=entry, next_run_at=now + hours, keep_since=now - hours)
    assert bench.store.begin("test source", now, if_due=True, latest=now + hours) is None
    assert bench.store.begin("test source", now, if_due=True, latest=latest)


def test_whoever_makes_a_run_renews_its_lease_while_the_source_takes_its_time(
    bench: SyncBench[TestSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "RENEW_PERIOD_S", 0.01)
    renewed, ended = threading.Semaphore(0), threading.Event()
    renew = bench.store.renew

    def noted(lease: SyncLease, now: datetime) -> bool:
        kept = renew(lease, now)
        renewed.release()
        return kept

    def give_way() -> int:
        assert renewed.acquire(timeout=30)
        return 0

    monkeypatch.setattr(bench.store, "renew", noted)
    scheduler = schedule.SyncScheduler(
        bench.source,
        bench.store,
        bench.begin_import,
        bench.clock,
        bench.terms,
        SYNCER,
        waiting=give_way,
        on_end=ended.set,
    )
    scheduler.look()
    assert ended.wait(30)
    scheduler.close()
    assert bench.store.runs(1)[0].outcome is SyncOutcome.DONE


@pytest.mark.both_databases
def test_a_database_that_goes_away_at_the_end_of_a_run_is_told_without_a_traceback(
    bench: SyncBench[TestSource],
) -> None:
    def is_away() -> None:
        raise StorageError("OperationalError")

    scheduler = schedule.SyncScheduler(
        bench.source, bench.store, bench.begin_import, bench.clock, bench.terms, SYNCER, on_end=is_away
    )
    with capture_logs() as logs:
        scheduler.look()
        scheduler.close()
    (told,) = [one for one in logs if one["event"] == "synchronisation_failed"]
    assert told == {"event": "synchronisation_failed", "log_level": "error", "error": "OperationalError"}


def test_a_run_is_due_once_the_last_one_said_so(bench: SyncBench[TestSource]) -> None:
    bench.done()
    bench.clock.advance(timedelta(minutes=-1))
    assert bench.store.begin("test source", bench.clock.now(), if_due=True) is None
    bench.clock.advance(timedelta(minutes=1))
    assert bench.store.begin("test source", bench.clock.now(), if_due=True)


@pytest.mark.both_databases
def test_the_record_of_a_run_is_kept_for_its_time(bench: SyncBench[TestSource]) -> None:
    first = bench.done()
    bench.clock.advance(timedelta(days=89))
    bench.done()
    assert first in bench.store.runs(10)
    bench.clock.advance(timedelta(days=1))
    bench.done()
    assert first not in bench.store.runs(10)
    assert len(bench.store.runs(10)) == 2
