"""Where the server's requests go: to the configured machine, by no proxy, and to no link-local address.

Link-local addresses are those of the services that tell a cloud's machines their passwords.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from cekalwatch.extensions.notices.settings import WebhookTerms
from cekalwatch.extensions.notices.webhook import Webhook
from cekalwatch.server.audit.checkpoints import SigningKey
from cekalwatch.server.audit.destinations.delivery import CollectedFile
from cekalwatch.server.audit.destinations.timestamps import TimestampAuthority
from cekalwatch.server.audit.entry import stamp
from cekalwatch.server.auth.sign_in_terms import OpenIdTerms, ProviderTermsError
from cekalwatch.server.auth.signing_in.openid import OpenIdProvider
from cekalwatch.server.concurrency.outbox import DeliveryError
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.watchlist.sources.settings import WebAccess, web_address
from cekalwatch.server.watchlist.sources.source import SourceUnavailable
from cekalwatch.server.watchlist.sources.web.client import WebClient
from cekalwatch.wire import address
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.alerts import NOON
from tests.support.fakes.scripted_web import Answer, scripted_web, sends
from tests.support.fakes.webhook_receiver import write_secret
from tests.support.scenarios.people import office_in
from tests.support.scenarios.site_pki import Site

Ask = Callable[[str], object]


@pytest.fixture(params=["list", "openid", "time stamps", "webhook"])
def ask(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """Send a request of this kind to an address."""
    monkeypatch.setenv("CEKAL_TOKEN", "secret")
    match request.param:
        case "list":
            access = WebAccess(token_from="env:CEKAL_TOKEN", attempts=1)
            yield lambda url: WebClient(access, url).ask("GET", url, most_bytes=100)
        case "openid":
            with office_in(tmp_path) as office:
                yield lambda url: OpenIdProvider(OpenIdTerms(url, "client"), office.people, office.clock)._current()
        case "time stamps":
            root = Site(tmp_path / "site").device(DeviceRole.SERVER, "collector").authority
            made = [SigningKey.load_or_create(tmp_path / "key").sign(1, 1, "0" * 64, stamp(NOON))]
            yield lambda url: TimestampAuthority(url, root, CollectedFile(tmp_path / "stamps")).deliver(made)
        case _:
            terms = write_secret(tmp_path / "hook.secret")
            yield lambda url: Webhook(WebhookTerms("siem", url, terms)).send("msg_1", "{}", NOON)


def met(ask: Ask, url: str) -> None:
    with suppress(SourceUnavailable, CekalwatchError, DeliveryError):
        ask(url)


def noted(asked: list[str]) -> Answer:
    """Return what notes the path of a request, and answers with an empty object."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        sends(b"{}")(handler)

    return answer


def test_no_proxy_of_the_environment_gets_a_request(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    through: list[str] = []
    straight: list[str] = []
    with scripted_web(noted(through)) as proxy, scripted_web(noted(straight)) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
            monkeypatch.setenv(name.lower(), proxy)
        met(ask, f"{server}/x")
    assert (through, len(straight)) == ([], 1)


def test_nobody_is_led_on(ask: Ask) -> None:
    """Also not to another path of the same server, with the token that it was sent."""
    asked: list[str] = []

    def leads_on(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        handler.send_response(302)
        handler.send_header("Location", "/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with scripted_web(leads_on) as server:
        met(ask, f"{server}/x")
    assert len(asked) == 1


def test_a_name_that_leads_to_a_link_local_address_is_not_asked(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's own address stands for one, since there is no other to ask."""
    asked: list[str] = []
    monkeypatch.setattr(address, "_LINK_LOCAL", (*address._LINK_LOCAL, ipaddress.ip_network("127.0.0.0/8")))
    with scripted_web(noted(asked)) as server:
        met(ask, f"{server.replace('127.0.0.1', 'localhost')}/x")
    assert asked == []


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.170.2",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
    ],
)
def test_a_link_local_address_is_no_setting(host: str) -> None:
    with pytest.raises(ProviderTermsError, match="link-local"):
        OpenIdTerms(f"https://{host}/realm", "client")
    with pytest.raises(ValueError, match="link-local"):
        web_address(f"https://{host}/orders")
