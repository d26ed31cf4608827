"""An identity provider that was taken over can lie about who people are, and take nothing of the server beside that."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from cekalwatch.server.auth.sign_in_terms import OpenIdTerms
from cekalwatch.server.auth.signing_in import openid
from cekalwatch.server.auth.signing_in.openid import OpenIdProvider
from cekalwatch.server.auth.signing_in.sign_in import CodeProof
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from tests.support.fakes.identity_server import CLIENT_ID, REDIRECT, IdentityServer
from tests.support.fakes.scripted_web import Answer, drips_a_head, scripted_web, sends
from tests.support.scenarios.people import Office, office_in, person

PROOF = CodeProof("code", "v" * 43, REDIRECT, "n" * 16)
LONGEST_S = 0.5
KEYS = [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]
"""A sound key (RFC 8037, appendix A.2)."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_in(tmp_path) as office:
        yield office


def twice_packed(size: int) -> bytes:
    """So many spaces, packed twice: 64 MB are 130 bytes."""
    packed = b" " * size
    for _ in range(2):
        packing = zlib.compressobj(9, wbits=31)
        packed = packing.compress(packed) + packing.flush()
    return packed


def refusal(office: Office, answer: Answer) -> tuple[Code, str]:
    """What comes of a sign-in through a provider that answers so."""
    with scripted_web(answer) as address:
        provider = OpenIdProvider(OpenIdTerms(address, CLIENT_ID), office.people, office.clock)
        with pytest.raises(CekalwatchError) as refused:
            provider.prove(PROOF)
    return refused.value.code, refused.value.detail


@pytest.mark.parametrize("coding", ["gzip, gzip", "gzip", "deflate", "br", "zstd"])
def test_what_is_compressed_is_not_unpacked(office: Office, coding: str) -> None:
    bomb = twice_packed(64_000_000)
    assert len(bomb) < 1_000
    code, why = refusal(office, sends(bomb, Content_Encoding=coding))
    assert (code, why) == (Code.PROVIDER_UNAVAILABLE, "an answer is compressed")


def test_an_answer_without_end_is_cut_off_and_holds_up_nobody(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openid, "LONGEST_S", LONGEST_S)
    over, begun_s = Event(), time.monotonic()
    code, _ = refusal(office, drips_a_head(over))
    assert code is Code.PROVIDER_UNAVAILABLE
    assert time.monotonic() - begun_s < 20 * LONGEST_S
    over.set()


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"a":' * 50_000, b'{"issuer": ' + b"9" * 5_000 + b"}"],
    ids=["lists", "objects", "digits"],
)
def test_absurd_json_is_no_json(office: Office, body: bytes) -> None:
    assert refusal(office, sends(body)) == (Code.PROVIDER_UNAVAILABLE, "an answer is no JSON")


def test_who_is_sent_on_does_not_go_there(office: Office) -> None:
    asked: list[str] = []

    def note(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        handler.send_error(404)

    def send_on(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"{elsewhere}/metrics")
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"{}")

    with scripted_web(note) as elsewhere:
        assert refusal(office, send_on)[0] is Code.PROVIDER_UNAVAILABLE
    assert asked == []


@contextmanager
def from_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
    asked: list[str],
    stated: dict[str, Any],
    issuer: str = "https://provider.example",
) -> Iterator[str]:
    """A provider that is called by https, which states this of itself; what else it is asked is noted."""

    def ask(_: OpenIdProvider, __: str, url: str, **___: object) -> tuple[int, dict[str, Any]]:
        asked.append(url)
        return 200, {"issuer": issuer, "keys": KEYS} | stated

    monkeypatch.setattr(OpenIdProvider, "_ask", ask)
    yield issuer


@pytest.mark.parametrize(
    ("issuer", "place"),
    [
        ("https://127.0.0.1:8443", "http://127.0.0.1:9465/metrics"),
        *[
            ("https://provider.example", place)
            for place in (
                "http://127.0.0.1:9465/metrics",
                "https://127.0.0.1:9465/metrics",
                "https://localhost/",
                "https://[::1]/",
                "https://10.0.0.7/admin",
                "https://169.254.169.254/latest/meta-data",
                "https://provider.example.evil.example/token",
                "https://provider.example@127.0.0.1/token",
                "http://provider.example/token",
            )
        ],
    ],
)
@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri"])
def test_a_provider_elsewhere_leads_to_its_own_host_and_no_other(
    office: Office, monkeypatch: pytest.MonkeyPatch, name: str, issuer: str, place: str
) -> None:
    asked: list[str] = []
    sound = {one: f"{issuer}/{one}" for one in ("token_endpoint", "jwks_uri")}
    with from_elsewhere(monkeypatch, asked, sound | {name: place}, issuer):
        provider = OpenIdProvider(OpenIdTerms(issuer, CLIENT_ID), office.people, office.clock)
        with pytest.raises(CekalwatchError) as refused:
            provider.prove(PROOF)
    assert refused.value.code is Code.PROVIDER_UNAVAILABLE
    assert place not in asked


def test_a_host_that_is_named_is_asked_by_https_only(office: Office) -> None:
    with IdentityServer(office.clock.now) as server:
        stated = server.metadata | {"token_endpoint": "http://192.0.2.1/token"}
        server.documents["/.well-known/openid-configuration"] = (200, stated)
        terms = OpenIdTerms(server.issuer, CLIENT_ID, hosts=("192.0.2.1",))
        with pytest.raises(CekalwatchError) as refused:
            OpenIdProvider(terms, office.people, office.clock).prove(PROOF)
    assert refused.value.detail == "metadata: ProviderTermsError"


@pytest.mark.parametrize("name", ["authorization_endpoint", "end_session_endpoint"])
def test_nor_does_it_send_browsers_elsewhere(office: Office, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    names = ("token_endpoint", "jwks_uri", "authorization_endpoint", "end_session_endpoint")
    sound = {one: f"https://provider.example/{one}" for one in names}
    for place, sent in (("https://127.0.0.1/x", ""), ("https://login.example/x", ""), ("https://sso.example/x",) * 2):
        with from_elsewhere(monkeypatch, [], sound | {name: place}) as issuer:
            terms = OpenIdTerms(issuer, CLIENT_ID, hosts=("SSO.example",))
            metadata = OpenIdProvider(terms, office.people, office.clock)._current()
        assert getattr(metadata, name) == sent


@pytest.mark.parametrize("moment", [math.nan, math.inf, -math.inf, 10**400, True, "now"])
@pytest.mark.parametrize("claim", ["auth_time", "exp", "iat"])
def test_a_moment_that_is_none_proves_nothing(office: Office, claim: str, moment: object) -> None:
    office.hire(person("budi"))
    with IdentityServer(office.clock.now, secret=None) as server:
        provider = OpenIdProvider(OpenIdTerms(server.issuer, CLIENT_ID), office.people, office.clock)
        now = int(office.clock.now().timestamp())
        server.change = lambda claims: claims | {"auth_time": now} | {claim: moment}
        code = server.consent("budi", "v" * 43, "n" * 16)
        with pytest.raises(CekalwatchError) as refused:
            provider.prove(replace(PROOF, code=code, asked_anew=True))
        assert refused.value.code is Code.SIGN_IN_REFUSED
