"""Reading a list over real HTTP and TLS, from an application that does all that can be done wrongly."""

from __future__ import annotations

import socket
import time
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.server.domain.errors import Code
from cekalwatch.server.simulator.certificates import SimulatorCertificates
from cekalwatch.server.simulator.faults import Fault
from cekalwatch.server.simulator.web import HUGE_BYTES, Simulator
from cekalwatch.server.watchlist.records import Photograph
from cekalwatch.server.watchlist.source import (
    CursorExpired,
    NotAList,
    Offered,
    Page,
    Refused,
    SourceUnavailable,
    Withdrawn,
)
from cekalwatch.server.watchlist.sources.http import HttpSource
from tests.support.four_forms import items, offered
from tests.support.simulated import private_file, simulated, simulated_order, source_of, with_photograph
from tests.support.watchlist import FixedClock

JPEG = b"\xff\xd8 a photograph"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated() as one:
        yield one


@pytest.fixture
def source(simulator: Simulator) -> Iterator[HttpSource]:
    with source_of(simulator) as one:
        yield one


def refused(source: HttpSource) -> list[tuple[str, str, bool]]:
    """The orders that are refused, with the field and whether their key is known; the others are all offered."""
    found = items(source.read(""))
    out = [item for item in found if isinstance(item, Refused)]
    assert len([item for item in found if isinstance(item, Offered)]) == len(found) - len(out)
    return [(item.report.order_id, item.report.field, item.keyed) for item in out]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.WRONG_TYPES, ("C-1", "aliases", True)),
        (Fault.DUPLICATE_KEYS, ("C-1", "order_id", True)),
        (Fault.DUPLICATE_NAMES, ("C-1", "kind", True)),
        (Fault.WINDOWS_1252, ("C-1", "name", True)),
        (Fault.REPLACED_LETTERS, ("C-1", "name", True)),
        (Fault.NO_OBJECT, ("record 1", "row", False)),
    ],
)
def test_a_wrong_record_is_refused_with_its_key_and_the_rest_is_offered(
    simulator: Simulator, source: HttpSource, fault: Fault, expected: tuple[str, str, bool]
) -> None:
    simulator.troubles.set([fault])
    (found,) = refused(source)
    if fault is Fault.WRONG_TYPES:
        assert found[::2] == ("C-1", True)
    else:
        assert found == expected
    simulator.troubles.set()
    assert refused(source) == []


def test_what_is_in_the_list_twice_is_refused_on_a_later_page_too(simulator: Simulator) -> None:
    simulator.troubles.set([Fault.DUPLICATE_KEYS])
    with source_of(simulator, page_size=1) as source:
        assert refused(source) == [(f"C-{number}", "order_id", True) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    "fault",
    [Fault.UNAVAILABLE, Fault.ERROR, Fault.RESET, Fault.HALF_PAGE, Fault.HALF_JSON, Fault.NO_JSON, Fault.UTF_16],
)
def test_a_passing_fault_is_passed_over_and_a_lasting_one_is_told(
    simulator: Simulator, source: HttpSource, fault: Fault
) -> None:
    simulator.troubles.set([fault], times=2)
    assert refused(source) == []
    assert len(simulator.requests) >= 3
    simulator.troubles.set([fault])
    with pytest.raises(SourceUnavailable) as caught:
        source.read("")
    assert "Contoh" not in str(caught.value)


def test_a_fault_in_the_middle_ends_the_reading_and_it_goes_on_from_there(simulator: Simulator) -> None:
    with source_of(simulator, page_size=1) as source:
        pages = source.read("").pages
        first = next(pages)
        simulator.troubles.set([Fault.HALF_PAGE])
        with pytest.raises(SourceUnavailable):
            next(pages)
        simulator.troubles.set()
        rest = source.read(first.cursor)
        assert rest.whole
        assert list(offered(rest)) == ["C-2", "C-3"]


def test_a_slow_application_is_waited_for_up_to_the_limit(simulator: Simulator) -> None:
    simulator.troubles.set(delay_s=0.3)
    with source_of(simulator, access={"timeout_s": 5.0}) as patient:
        assert len(offered(patient.read(""))) == 3
    begun = time.monotonic()
    with (
        source_of(simulator, access={"timeout_s": 0.1, "attempts": 2}) as hasty,
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
    with source_of(simulator, most_page_bytes=2000) as source, pytest.raises(NotAList, match="most_page_bytes"):
        source.read("")


def test_json_of_another_kind_is_no_list(simulator: Simulator) -> None:
    for page in ({"orders": "daftar"}, {"orders": "next"}, {"more": "next"}):
        with source_of(simulator, page=page) as source, pytest.raises(NotAList):
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
        assert [item.order_id for item in found if isinstance(item, Offered)] == ["C-2", "C-4"]
        assert [item.order_id for item in found if isinstance(item, Withdrawn)] == ["C-3"]

    def test_a_list_that_did_not_change_costs_one_answer_without_content(
        self, simulator: Simulator, source: HttpSource
    ) -> None:
        cursor = list(source.read("").pages)[-1].cursor
        cursor = list(source.read(cursor).pages)[-1].cursor
        before = simulator.bytes_sent
        reading = source.read(cursor)
        assert (reading.whole, list(reading.pages)) == (False, [Page((), cursor)])
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
            simulator.troubles.set([Fault.WINDOWS_1252])
            delta = source.read(cursor)
            pages = list(delta.pages)
            assert (delta.whole, [type(item) for item in pages[0].items]) == (False, [Refused])
            simulator.troubles.set()
            assert items(source.read(pages[-1].cursor)) == []
            clock.advance(timedelta(hours=1))
            again = source.read(pages[-1].cursor)
            assert (again.whole, again.expected, list(offered(again))) == (True, 3, ["C-1", "C-2", "C-3"])

    def test_an_expired_cursor_is_told_apart(self, simulator: Simulator, source: HttpSource) -> None:
        cursor = list(source.read("").pages)[-1].cursor
        simulator.troubles.set([Fault.EXPIRED_CURSOR])
        with pytest.raises(CursorExpired):
            source.read(cursor)
        assert len(offered(source.read(""))) == 3


class TestWhoAsks:
    def test_the_token_is_shown_and_read_anew(self, tmp_path: Path) -> None:
        file = private_file(tmp_path / "token", "old\n")
        with (
            simulated(token="new") as simulator,
            source_of(simulator, access={"token_from": f"file:{file}"}) as source,
            pytest.raises(SourceUnavailable, match="does not let us in") as caught,
        ):
            source.read("")
            assert "old" not in str(caught.value)
            file.write_text("new\n")
            assert len(offered(source.read(""))) == 3

    def test_a_token_that_others_can_read_is_not_used(self, simulator: Simulator, tmp_path: Path) -> None:
        file = private_file(tmp_path / "token", "secret")
        file.chmod(0o644)
        with (
            source_of(simulator, access={"token_from": f"file:{file}"}) as source,
            pytest.raises(SourceUnavailable, match="Others may read"),
        ):
            source.read("")
        assert simulator.requests == []

    def test_nobody_is_led_to_another_host_with_the_token(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CEKAL_TOKEN", "secret")
        with simulated(token="secret") as simulator:
            with_photograph(simulator, "C-1", JPEG)
            with source_of(simulator, access={"token_from": "env:CEKAL_TOKEN"}) as source:
                one = offered(source.read(""))["C-1"]
                simulator.troubles.set([Fault.ELSEWHERE])
                asked = len(simulator.requests)
                assert one.load().photographs == (Photograph("C-1.jpg", problem=Code.PHOTO_UNREADABLE),)
                with pytest.raises(SourceUnavailable, match="another server"):
                    source.read("")
                assert [status for _, _, status in simulator.requests[asked:]] == [302, 302]

    @pytest.mark.parametrize(
        "address",
        ["http://localhost:1/a.jpg", "//localhost/a.jpg", "https://127.0.0.1/a.jpg", "file:///etc/passwd", "http://["],
    )
    def test_a_photograph_on_another_host_is_not_fetched(
        self, simulator: Simulator, source: HttpSource, address: str
    ) -> None:
        simulator.book.change("C-1", photographs=[{"address": address, "name": "a.jpg"}])
        record = offered(source.read(""))["C-1"].load()
        assert record.photographs == (Photograph("a.jpg", problem=Code.PHOTO_UNREADABLE),)


class TestCertificates:
    @pytest.fixture
    def certificates(self, tmp_path: Path) -> SimulatorCertificates:
        return SimulatorCertificates(tmp_path / "tls", ask_clients=True)

    def test_both_ends_show_certificates(self, certificates: SimulatorCertificates) -> None:
        access = {"authorities": certificates.authority, "client_tls": certificates.client}
        with simulated(certificates=certificates) as simulator, source_of(simulator, access=access) as source:
            assert simulator.address.startswith("https:")
            assert len(offered(source.read(""))) == 3

    def test_an_expired_certificate_is_named_and_not_tried_again(self, certificates: SimulatorCertificates) -> None:
        access = {"authorities": certificates.authority, "client_tls": certificates.client}
        with simulated(certificates=certificates) as simulator, source_of(simulator, access=access) as source:
            simulator.troubles.set([Fault.EXPIRED_CERTIFICATE])
            with pytest.raises(SourceUnavailable, match="certificate has expired"):
                source.read("")
            assert simulator.requests == []

    def test_a_server_of_an_unknown_authority_is_not_trusted(self, certificates: SimulatorCertificates) -> None:
        with (
            simulated(certificates=certificates) as simulator,
            source_of(simulator, access={"client_tls": certificates.client}) as source,
            pytest.raises(SourceUnavailable, match="no certificate that can be trusted"),
        ):
            source.read("")

    def test_without_our_certificate_we_are_not_let_in(self, certificates: SimulatorCertificates) -> None:
        with (
            simulated(certificates=certificates) as simulator,
            source_of(simulator, access={"authorities": certificates.authority}) as source,
            pytest.raises(SourceUnavailable),
        ):
            source.read("")

    def test_certificates_that_are_missing_are_named(self, simulator: Simulator, tmp_path: Path) -> None:
        for access in ({"authorities": tmp_path / "none.pem"}, {"client_tls": tmp_path}):
            with source_of(simulator, access=access) as source, pytest.raises(SourceUnavailable):
                source.read("")


class TestPhotographs:
    @pytest.mark.parametrize("fault", [Fault.HUGE_PHOTOGRAPH, Fault.HUGE_PHOTOGRAPH_UNTOLD])
    def test_one_of_40_mb_is_refused_without_being_held(
        self, simulator: Simulator, source: HttpSource, fault: Fault
    ) -> None:
        with_photograph(simulator, "C-1", JPEG)
        one = offered(source.read(""))["C-1"]
        simulator.troubles.set([fault])
        tracemalloc.start()
        (photograph,) = one.load().photographs
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (photograph.data, photograph.problem) == (b"", Code.PHOTO_TOO_LARGE)
        assert simulator.bytes_sent < HUGE_BYTES
        # 20 MB are the bound; a growing buffer may hold some of it twice.
        assert peak < (2_000_000 if fault is Fault.HUGE_PHOTOGRAPH else 30_000_000)

    @pytest.mark.parametrize(
        ("fault", "problem"),
        [
            (Fault.LOST_PHOTOGRAPH, Code.PHOTO_MISSING),
            (Fault.HALF_PHOTOGRAPH, Code.PHOTO_UNREADABLE),
            (Fault.ERROR, Code.PHOTO_UNREADABLE),
        ],
    )
    def test_one_that_cannot_be_had_is_told(
        self, simulator: Simulator, source: HttpSource, fault: Fault, problem: Code
    ) -> None:
        with_photograph(simulator, "C-1", JPEG)
        one = offered(source.read(""))["C-1"]
        simulator.troubles.set([fault])
        assert one.load().photographs == (Photograph("C-1.jpg", problem=problem),)

    @pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.RESET])
    def test_a_server_that_has_gone_is_no_fault_of_the_photograph(
        self, simulator: Simulator, source: HttpSource, fault: Fault
    ) -> None:
        """Else all orders would be stored without theirs."""
        with_photograph(simulator, "C-1", JPEG)
        one = offered(source.read(""))["C-1"]
        simulator.troubles.set([fault])
        with pytest.raises(SourceUnavailable):
            one.load()

    @pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.HALF_PHOTOGRAPH, Fault.RESET])
    def test_one_that_comes_at_the_third_time_is_taken(
        self, simulator: Simulator, source: HttpSource, fault: Fault
    ) -> None:
        with_photograph(simulator, "C-1", JPEG)
        one = offered(source.read(""))["C-1"]
        simulator.troubles.set([fault], times=2)
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


def test_the_simulator_answers_on_this_machine_only(simulator: Simulator) -> None:
    assert simulator._server.server_address[0] == "127.0.0.1"
