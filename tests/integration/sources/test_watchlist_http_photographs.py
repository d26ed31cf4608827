"""Fetching the photographs of a list over real HTTP, from an application that does it wrongly."""

from __future__ import annotations

import tracemalloc

import pytest

from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.records import Photograph
from cekalwatch.server.watchlist.sources.source import SourceUnavailable
from cekalwatch.server.watchlist.sources.web.http import HttpSource
from deploy.simulator.faults import SimulatedFault
from deploy.simulator.web import HUGE_BYTES, Simulator
from tests.support.fakes.simulated_application import JPEG, source_of, with_photograph
from tests.support.scenarios.watchlist_sources import offered


class TestPhotographs:
    @pytest.mark.parametrize("fault", [SimulatedFault.HUGE_PHOTOGRAPH, SimulatedFault.HUGE_PHOTOGRAPH_UNTOLD])
    def test_one_of_40_mb_is_refused_without_being_held(
        self, simulator: Simulator, source: HttpSource, fault: SimulatedFault
    ) -> None:
        with_photograph(simulator, "C-1", JPEG)
        one = offered(source.read(""))["C-1"]
        simulator.faults.set([fault])
        tracemalloc.start()
        (photograph,) = one.load().photographs
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (photograph.data, photograph.problem) == (b"", Code.PHOTO_TOO_LARGE)
        assert simulator.bytes_sent < HUGE_BYTES
        # 20 MB are the bound; a growing buffer may hold some of it twice.
        assert peak < (2_000_000 if fault is SimulatedFault.HUGE_PHOTOGRAPH else 30_000_000)

    @pytest.mark.parametrize(
        ("fault", "problem"),
        [
            (SimulatedFault.LOST_PHOTOGRAPH, Code.PHOTO_MISSING),
            (SimulatedFault.HALF_PHOTOGRAPH, Code.PHOTO_UNREADABLE),
            (SimulatedFault.ERROR, Code.PHOTO_UNREADABLE),
        ],
    )
    def test_one_that_cannot_be_had_is_told(
        self, simulator: Simulator, source: HttpSource, fault: SimulatedFault, problem: Code
    ) -> None:
        with_photograph(simulator, "C-1", JPEG)
        one = offered(source.read(""))["C-1"]
        simulator.faults.set([fault])
        assert one.load().photographs == (Photograph("C-1.jpg", problem=problem),)

    @pytest.mark.parametrize("fault", [SimulatedFault.UNAVAILABLE, SimulatedFault.RESET])
    def test_a_server_that_has_gone_is_no_fault_of_the_photograph(
        self, simulator: Simulator, source: HttpSource, fault: SimulatedFault
    ) -> None:
        """Else all orders would be stored without theirs."""
        with_photograph(simulator, "C-1", JPEG)
        one = offered(source.read(""))["C-1"]
        simulator.faults.set([fault])
        with pytest.raises(SourceUnavailable):
            one.load()

    @pytest.mark.parametrize(
        "fault", [SimulatedFault.UNAVAILABLE, SimulatedFault.HALF_PHOTOGRAPH, SimulatedFault.RESET]
    )
    def test_one_that_comes_at_the_third_time_is_taken(
        self, simulator: Simulator, source: HttpSource, fault: SimulatedFault
    ) -> None:
        with_photograph(simulator, "C-1", JPEG)
        one = offered(source.read(""))["C-1"]
        simulator.faults.set([fault], times=2)
        assert one.load().photographs == (Photograph("C-1.jpg", JPEG),)

    def test_one_that_several_orders_name_is_sent_once(self, simulator: Simulator, source: HttpSource) -> None:
        with_photograph(simulator, "C-1", JPEG)
        simulator.book.change("C-2", photographs=simulator.book.get("C-1")["photographs"])
        found = offered(source.read(""))
        found["C-1"].load()
        before = simulator.bytes_sent
        assert found["C-2"].load().photographs == (Photograph("C-1.jpg", JPEG),)
        assert simulator.bytes_sent == before

    def test_one_without_a_version_is_asked_about(self, simulator: Simulator, source: HttpSource) -> None:
        with_photograph(simulator, "C-1", JPEG, told=False)
        first = offered(source.read(""))["C-1"].fingerprint
        assert simulator.requests[-1][:2] == ("HEAD", "/photographs/C-1.jpg")
        assert offered(source.read(""))["C-1"].fingerprint == first
        simulator.book.put_photograph("C-1.jpg", JPEG + b"2")
        assert offered(source.read(""))["C-1"].fingerprint != first
        with source_of(simulator, ask_photographs=False) as silent:
            asked = len(simulator.requests)
            offered(silent.read(""))
            assert len(simulator.requests) == asked + 1
