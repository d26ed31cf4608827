"""What a source's list that has shrunk may end, on every kind of database: nothing, before a person accepts it."""

from __future__ import annotations

import pytest

from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.audit.entry import Action, AuditEntry
from cekalwatch.server.domain.syncs import SyncTerms
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.database import Database
from tests.support.scenarios.sync import SYNCER, SyncBench, TestSource


@pytest.fixture
def bench(database: Database) -> SyncBench[TestSource]:
    return SyncBench.of_seven(database)


def accept(bench: SyncBench[TestSource], run_id: int) -> None:
    bench.store.accept(run_id, lambda _: AuditEntry(bench.clock.now(), SYNCER, Action.SHRINK_ACCEPTED))


@pytest.mark.parametrize("deltas", [False, True])
def test_a_list_that_shrank_ends_nothing_before_it_is_accepted(bench: SyncBench[TestSource], *, deltas: bool) -> None:
    bench.source.deltas = deltas
    bench.done()
    fresh = bench.watchlist.last_success_at(bench.source.name)
    bench.source.drop("O-1", "O-2", "O-3")
    bench.source.put("O-8")
    for _ in range(2):
        run = bench.run()
        assert (run.outcome, run.missing, run.held) == (SyncOutcome.SHRUNK, 3, 8)
        assert run.counts.ended == 0
        assert bench.withdrawn("O-1") is None
    assert bench.withdrawn("O-8") is None, "what is new was imported"
    assert bench.watchlist.last_success_at(bench.source.name) == fresh
    accept(bench, run.run_id)
    assert bench.done().counts.ended == 3
    assert bench.withdrawn("O-1") is not None
    assert bench.store.state().waiting is None
    assert bench.store.state().accepted == 0


def test_who_accepted_a_list_did_not_accept_a_still_shorter_one(bench: SyncBench[TestSource]) -> None:
    bench.done()
    bench.source.drop("O-1", "O-2", "O-3")
    accept(bench, bench.run().run_id)
    bench.source.drop("O-4")
    assert bench.run().outcome is SyncOutcome.SHRUNK
    assert bench.run().outcome is SyncOutcome.SHRUNK


def test_a_list_that_is_put_right_waits_for_nobody(bench: SyncBench[TestSource]) -> None:
    bench.done()
    kept = dict(bench.source.records)
    bench.source.drop("O-1", "O-2", "O-3")
    waiting = bench.run().run_id
    bench.source.records = kept
    bench.done()
    with pytest.raises(CekalwatchError, match=Code.SHRINK_NOT_WAITING):
        accept(bench, waiting)


@pytest.mark.both_databases
def test_an_empty_list_is_asked_about_however_few_are_held(database: Database) -> None:
    bench = SyncBench(database, TestSource())
    bench.source.put("O-1")
    bench.done()
    bench.source.drop("O-1")
    assert bench.run().outcome is SyncOutcome.SHRUNK


def test_some_leave_a_long_list_every_day(database: Database) -> None:
    bench = SyncBench(database, TestSource(), terms=SyncTerms(shrink_share=0.2, shrink_min_orders=10))
    for number in range(20):
        bench.source.put(f"O-{number:02}")
    bench.done()
    bench.source.drop(*(f"O-{number:02}" for number in range(9)))
    assert bench.done().counts.ended == 9
