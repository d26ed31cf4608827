"""Reading a list over real HTTP, from an application that does all that can be done wrongly."""

from __future__ import annotations

import socket
import time
from datetime import timedelta

import pytest

from cekalwatch.server.watchlist.sources.source import (
    CursorExpired,
    OfferedOrder,
    RefusedRow,
    SourceMisconfigured,
    SourcePage,
    SourceUnavailable,
    WithdrawnOrder,
)
from cekalwatch.server.watchlist.sources.web.http import HttpSource
from deploy.simulator.faults import SimulatedFault
from deploy.simulator.web import Simulator
from tests.support.builders.watchlist import FixedClock
from tests.support.fakes.simulated_application import simulated_order, source_of
from tests.support.scenarios.watchlist_sources import items, offered


def refused(source: HttpSource) -> list[tuple[str, str, bool]]:
    """The orders that are refused, with the field and whether their key is known; the others are all offered."""
    found = items(source.read(""))
    out = [item for item in found if isinstance(item, RefusedRow)]
    assert len([item for item in found if isinstance(item, OfferedOrder)]) == len(found) - len(out)
    return [(item.report.order_id, item.report.field, item.keyed) for item in out]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (SimulatedFault.WRONG_TYPES, ("C-1", "aliases", True)),
        (SimulatedFault.DUPLICATE_KEYS, ("C-1", "order_id", True)),
        (SimulatedFault.DUPLICATE_NAMES, ("C-1", "kind", True)),
        (SimulatedFault.WINDOWS_1252, ("C-1", "name", True)),
        (SimulatedFault.REPLACED_LETTERS, ("C-1", "name", True)),
        (SimulatedFault.NO_OBJECT, ("record 1", "row", False)),
    ],
)
def test_a_wrong_record_is_refused_with_its_key_and_the_rest_is_offered(
    simulator: Simulator, source: HttpSource, fault: SimulatedFault, expected: tuple[str, str, bool]
) -> None:
    simulator.faults.set([fault])
    (found,) = refused(source)
    if fault is SimulatedFault.WRONG_TYPES:
        assert found[::2] == ("C-1", True)
    else:
        assert found == expected
    simulator.faults.set()
    assert refused(source) == []


def test_what_is_in_the_list_twice_is_refused_on_a_later_page_too(simulator: Simulator) -> None:
    simulator.faults.set([SimulatedFault.DUPLICATE_KEYS])
    with source_of(simulator, page_size=1) as source:
        assert refused(source) == [(f"C-{number}", "order_id", True) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    "fault",
    [
        SimulatedFault.UNAVAILABLE,
        SimulatedFault.ERROR,
        SimulatedFault.RESET,
        SimulatedFault.HALF_PAGE,
        SimulatedFault.HALF_JSON,
        SimulatedFault.NO_JSON,
        SimulatedFault.UTF_16,
    ],
)
def test_a_passing_fault_is_passed_over_and_a_lasting_one_is_told(
    simulator: Simulator, source: HttpSource, fault: SimulatedFault
) -> None:
    simulator.faults.set([fault], times=2)
    assert refused(source) == []
    assert len(simulator.requests) >= 3
    simulator.faults.set([fault])
    with pytest.raises(SourceUnavailable) as caught:
        source.read("")
    assert "Contoh" not in str(caught.value)


def test_a_fault_in_the_middle_ends_the_reading_and_it_goes_on_from_there(simulator: Simulator) -> None:
    with source_of(simulator, page_size=1) as source:
        pages = source.read("").pages
        first = next(pages)
        simulator.faults.set([SimulatedFault.HALF_PAGE])
        with pytest.raises(SourceUnavailable):
            next(pages)
        simulator.faults.set()
        rest = source.read(first.cursor)
        assert rest.whole
        assert list(offered(rest)) == ["C-2", "C-3"]


def test_a_slow_application_is_waited_for_up_to_the_limit(simulator: Simulator) -> None:
    simulator.faults.set(delay_s=0.3)
    with source_of(simulator, access={"timeout_seconds": 5.0}) as patient:
        assert len(offered(patient.read(""))) == 3
    begun = time.monotonic()
    with (
        source_of(simulator, access={"timeout_seconds": 0.1, "attempts": 2}) as hasty,
        pytest.raises(SourceUnavailable, match=r"does not answer in 0\.1 s"),
    ):
        hasty.read("")
    assert time.monotonic() - begun < 3


def test_an_application_that_is_not_there_is_told(simulator: Simulator) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/orders"
        with (
            source_of(simulator, address=address) as source,
            pytest.raises(SourceUnavailable, match="cannot be reached"),
        ):
            source.read("")


def test_a_page_that_is_too_large_is_not_read(simulator: Simulator) -> None:
    simulator.book.put(simulated_order("C-4", reason="x" * 5000))
    with (
        source_of(simulator, max_page_bytes=2000) as source,
        pytest.raises(SourceMisconfigured, match="max_page_bytes"),
    ):
        source.read("")


def test_json_of_another_kind_is_no_list(simulator: Simulator) -> None:
    for page in ({"orders": "daftar"}, {"orders": "next"}, {"more": "next"}):
        with source_of(simulator, page=page) as source, pytest.raises(SourceMisconfigured):
            source.read("")


class TestChanges:
    def test_a_delta_is_asked_for_and_names_what_has_left(self, simulator: Simulator, source: HttpSource) -> None:
        cursor = list(source.read("").pages)[-1].cursor
        simulator.book.change("C-2", revoked_at="2026-03-01")
        simulator.book.remove("C-3")
        simulator.book.put(simulated_order("C-4"))
        reading = source.read(cursor)
        found = items(reading)
        assert not reading.whole
        assert [item.order_id for item in found if isinstance(item, OfferedOrder)] == ["C-2", "C-4"]
        assert [item.order_id for item in found if isinstance(item, WithdrawnOrder)] == ["C-3"]

    def test_a_list_that_did_not_change_costs_one_answer_without_content(
        self, simulator: Simulator, source: HttpSource
    ) -> None:
        cursor = list(source.read("").pages)[-1].cursor
        cursor = list(source.read(cursor).pages)[-1].cursor
        before = simulator.bytes_sent
        reading = source.read(cursor)
        assert (reading.whole, list(reading.pages)) == (False, [SourcePage((), cursor)])
        assert simulator.requests[-1][2] == 304
        assert simulator.bytes_sent == before
        simulator.book.change("C-1", reason="lain")
        assert list(offered(source.read(cursor))) == ["C-1"]

    def test_a_list_of_one_page_without_deltas_is_not_sent_again(self, simulator: Simulator) -> None:
        with source_of(simulator, page={"next": "nowhere"}) as source:
            cursor = list(source.read("").pages)[-1].cursor
            assert items(source.read(cursor)) == []
            simulator.book.remove("C-1")
            again = source.read(cursor)
            assert again.whole
            assert list(offered(again)) == ["C-2", "C-3"]

    def test_what_changes_while_the_list_is_read_comes_with_the_next_delta(self, simulator: Simulator) -> None:
        with source_of(simulator, page_size=1) as source:
            pages = source.read("").pages
            next(pages)
            simulator.book.change("C-1", reason="lain")
            last = [page.cursor for page in pages][-1]
            assert list(offered(source.read(last))) == ["C-1"]

    def test_the_whole_list_is_read_when_it_is_time_for_that(self, simulator: Simulator) -> None:
        """What a delta gave wrongly does not come again with the next one."""
        clock = FixedClock()
        with source_of(simulator, clock=clock) as source:
            cursor = list(source.read("").pages)[-1].cursor
            clock.advance(timedelta(hours=23))
            simulator.book.change("C-1", reason="lain")
            simulator.faults.set([SimulatedFault.WINDOWS_1252])
            delta = source.read(cursor)
            pages = list(delta.pages)
            assert (delta.whole, [type(item) for item in pages[0].items]) == (False, [RefusedRow])
            simulator.faults.set()
            assert items(source.read(pages[-1].cursor)) == []
            clock.advance(timedelta(hours=1))
            again = source.read(pages[-1].cursor)
            assert (again.whole, again.expected, list(offered(again))) == (True, 3, ["C-1", "C-2", "C-3"])

    def test_a_clock_that_was_ahead_puts_no_whole_reading_off(self, simulator: Simulator) -> None:
        clock = FixedClock()
        clock.advance(timedelta(days=365))
        with source_of(simulator, clock=clock) as source:
            cursor = list(source.read("").pages)[-1].cursor
            assert source.read(cursor).whole is False
            clock.advance(timedelta(days=-365))
            assert source.read(cursor).whole is True

    def test_an_expired_cursor_is_told_apart(self, simulator: Simulator, source: HttpSource) -> None:
        cursor = list(source.read("").pages)[-1].cursor
        simulator.faults.set([SimulatedFault.EXPIRED_CURSOR])
        with pytest.raises(CursorExpired):
            source.read(cursor)
        assert len(offered(source.read(""))) == 3
