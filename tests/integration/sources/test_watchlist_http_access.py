"""Who is let in when a list is read over real HTTP and TLS: tokens and certificates, and whom they are not shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.records import Photograph
from cekalwatch.server.watchlist.sources.source import SourceUnavailable
from cekalwatch.server.watchlist.sources.web.http import HttpSource
from deploy.simulator.certificates import SimulatorCertificates
from deploy.simulator.faults import SimulatedFault
from deploy.simulator.web import Simulator
from tests.support.fakes.simulated_application import JPEG, private_file, simulated, source_of, with_photograph
from tests.support.scenarios.watchlist_sources import offered


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
            pytest.raises(SourceUnavailable, match="Other accounts can read"),
        ):
            source.read("")
        assert simulator.requests == []

    @pytest.mark.parametrize(("token", "why"), [("", "another server"), ("secret", "302")])
    def test_nobody_is_led_to_another_host(self, monkeypatch: pytest.MonkeyPatch, token: str, why: str) -> None:
        monkeypatch.setenv("CEKAL_TOKEN", "secret")
        with simulated(token=token) as simulator:
            with_photograph(simulator, "C-1", JPEG)
            with source_of(simulator, access={"token_from": "env:CEKAL_TOKEN"} if token else {}) as source:
                one = offered(source.read(""))["C-1"]
                simulator.faults.set([SimulatedFault.ELSEWHERE])
                asked = len(simulator.requests)
                assert one.load().photographs == (Photograph("C-1.jpg", problem=Code.PHOTO_UNREADABLE),)
                with pytest.raises(SourceUnavailable, match=why):
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
            simulator.faults.set([SimulatedFault.EXPIRED_CERTIFICATE])
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


def test_the_simulator_answers_on_this_machine_only(simulator: Simulator) -> None:
    assert simulator._server.server_address[0] == "127.0.0.1"
