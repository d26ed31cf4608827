"""The watchlist follows a simulated application through its life and its alarms, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cekalwatch.contract.values.imports import SyncCounts, SyncRefusal
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.storage.database import Database
from cekalwatch.server.watchlist.sources.web.http import HttpSource
from deploy.simulator.faults import SimulatedFault
from deploy.simulator.web import Simulator
from tests.support.builders.portraits import astronaut, encoded
from tests.support.fakes.simulated_application import simulated, simulated_order, source_of, with_photograph
from tests.support.scenarios.sync import SyncBench

Bench = SyncBench[HttpSource]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated(5) as one:
        with_photograph(one, "C-1", encoded(astronaut()))
        yield one


@pytest.fixture
def bench(simulator: Simulator, tmp_path: Path) -> Iterator[Bench]:
    with closing(Database(f"sqlite:///{tmp_path / 'own.sqlite3'}")) as database:
        database.upgrade()
        with source_of(simulator, page_size=2) as source:
            yield SyncBench(database, source)


def reasons(bench: Bench) -> dict[str, str]:
    return {one.order_id: one.reason for file in bench.watchlist.list_subjects("", 100) for one in file.orders}


def test_orders_appear_are_extended_revoked_and_leave(bench: Bench, simulator: Simulator) -> None:
    assert bench.run().counts == SyncCounts(read=5, added=5)
    assert len(bench.watchlist.get_subject("S-C-1").references) == 1
    extension = {"extends_order_id": "C-2", "valid_from": "2026-07-01", "valid_until": "2026-12-31"}
    simulator.book.put(simulated_order("C-2-P", subject_id="S-C-2", **extension))
    simulator.book.change("C-3", revoked_at="2026-03-01")
    simulator.book.remove("C-4")
    simulator.book.put(simulated_order("C-6"))
    run = bench.run()
    assert (run.outcome, run.whole) == (SyncOutcome.DONE, False)
    assert run.counts == SyncCounts(read=4, added=2, changed=1, ended=1)
    held = {one.order_id: one for file in bench.watchlist.list_subjects("", 100) for one in file.orders}
    assert held["C-2-P"].extends_order_id == "C-2"
    assert held["C-3"].revoked_at
    assert held["C-4"].withdrawn_at == bench.clock.now()
    assert bench.run().counts == SyncCounts()
    before = simulator.bytes_sent
    assert bench.run().counts == SyncCounts()
    assert simulator.bytes_sent == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "field"),
    [
        (SimulatedFault.WINDOWS_1252, "name"),
        (SimulatedFault.REPLACED_LETTERS, "name"),
        (SimulatedFault.DUPLICATE_NAMES, "kind"),
    ],
)
def test_a_spoilt_record_is_refused_and_its_old_state_stays(
    bench: Bench, simulator: Simulator, fault: SimulatedFault, field: str
) -> None:
    bench.run()
    simulator.book.change("C-2", reason="baru")
    simulator.book.change("C-3", reason="baru")
    simulator.faults.set([fault])
    run = bench.run()
    assert run.refusals == (SyncRefusal("C-2", Code.RECORD_INVALID, field),)
    assert (reasons(bench)["C-2"], reasons(bench)["C-3"]) == ("penyidikan", "baru")
    simulator.faults.set()
    # The application has nothing new to tell, and is asked for the same changes once more.
    assert bench.run().counts == SyncCounts(read=2, changed=1, unchanged=1)
    assert reasons(bench)["C-2"] == "baru"
    assert bench.run().counts == SyncCounts()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "reason"),
    [(SimulatedFault.LOST_PHOTOGRAPH, Code.PHOTO_MISSING), (SimulatedFault.HALF_PHOTOGRAPH, Code.PHOTO_UNREADABLE)],
)
def test_a_photograph_that_was_lost_on_the_way_is_told_and_asked_for_again(
    bench: Bench, simulator: Simulator, fault: SimulatedFault, reason: Code
) -> None:
    simulator.faults.set([fault])
    run = bench.run()
    assert (run.outcome, run.counts) == (SyncOutcome.DONE, SyncCounts(read=5, added=5, photographs_refused=1))
    assert run.refusals == (SyncRefusal("C-1", reason, "photographs"),)
    assert not bench.watchlist.get_subject("S-C-1").references
    simulator.faults.set()
    assert bench.run().counts == SyncCounts(read=5, changed=1, unchanged=4)
    assert len(bench.watchlist.get_subject("S-C-1").references) == 1
    assert bench.run().counts == SyncCounts()


def test_a_photograph_that_is_refused_is_told_with_its_order(bench: Bench, simulator: Simulator) -> None:
    """Else a listed person whom nobody can recognise would look like any other."""
    simulator.faults.set([SimulatedFault.HUGE_PHOTOGRAPH])
    refused = (SyncRefusal("C-1", Code.PHOTO_TOO_LARGE, "photographs"),)
    assert bench.run().refusals == refused
    (kept,) = bench.store.runs(1)
    assert kept.refusals == refused


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [SimulatedFault.HALF_PAGE, SimulatedFault.RESET, SimulatedFault.UNAVAILABLE, SimulatedFault.UTF_16]
)
def test_a_breakdown_ends_no_order_and_the_next_run_comes_to_the_end(
    bench: Bench, simulator: Simulator, fault: SimulatedFault
) -> None:
    bench.run()
    simulator.book.change("C-2", reason="baru")
    simulator.faults.set([fault])
    run = bench.run()
    assert (run.outcome, run.reason) == (SyncOutcome.FAILED, Code.SOURCE_UNAVAILABLE)
    assert "Contoh" not in run.detail
    assert reasons(bench) == dict.fromkeys([f"C-{number}" for number in range(1, 6)], "penyidikan")
    simulator.faults.set()
    assert bench.run().outcome is SyncOutcome.DONE
    assert reasons(bench)["C-2"] == "baru"


def test_an_expired_cursor_is_answered_with_a_whole_reading(bench: Bench, simulator: Simulator) -> None:
    bench.run()
    simulator.book.remove("C-5")
    # The first page needs no cursor, and those after it are known again.
    simulator.faults.set([SimulatedFault.EXPIRED_CURSOR], times=1)
    run = bench.run()
    assert (run.outcome, run.whole) == (SyncOutcome.DONE, True)
    assert run.counts == SyncCounts(read=4, unchanged=4, ended=1)
