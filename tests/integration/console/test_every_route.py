"""Every route of the console, for every role, at the own site and at another: who gets in, and with what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from itertools import product
from pathlib import Path

import httpx
import pytest

from cekalwatch.console.page import Page
from cekalwatch.console.pages import now
from cekalwatch.console.routes import ROUTES
from cekalwatch.console.security_middleware import HSTS_S
from cekalwatch.contract.values.people import PersonRole as Role
from cekalwatch.server.audit.entry import Action
from tests.integration.auth.test_rights import OTHER_SITE, two_sites
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.site_pki import SITE
from tests.support.scenarios.web_console import Browser, Pages, served

pytestmark = pytest.mark.slow
NAME = "Contoh Satu"
STRANGER = None
ANYBODY = frozenset(Role)
WORKS = frozenset({Role.OFFICER, Role.SUPERVISOR})
SEES = WORKS | {Role.AUDITOR}
SUPERVISES = frozenset({Role.SUPERVISOR})
LIST = frozenset({Role.LIST_MANAGER})
ADMIN = frozenset({Role.ADMINISTRATOR})
SYSTEM = ADMIN | SUPERVISES
AUDIT = frozenset({Role.AUDITOR})
ALARMS = SIGNS = ANYBODY - {Role.OFFICER}


@dataclass(frozen=True)
class Walk:
    """What a route answers."""

    who: frozenset[Role] | None
    """Who gets in; STRANGER: also who has not signed in."""
    here: int = 200
    """To those, at the site of the alert and of the camera that are asked for."""
    there: int = 200
    """To those of another site, at its console."""
    named: bool = False
    """Whether the answer at the own site has the name of the subject whom the alert is about."""
    named_there: bool = False
    """Whether the other site's has it too: the list is one for all sites."""


WALKS: dict[tuple[str, str], Walk] = {
    ("GET", "/sign-in"): Walk(STRANGER),
    ("POST", "/sign-in"): Walk(STRANGER, 403, 403),
    ("POST", "/sign-in/provider"): Walk(STRANGER, 409, 409),
    ("GET", "/sign-in/back"): Walk(STRANGER, 403, 403),
    ("GET", "/unfinished/{key}"): Walk(ANYBODY, 404, 404),
    ("GET", "/unfinished/{key}/wait"): Walk(ANYBODY),
    ("GET", "/unfinished/{key}/part"): Walk(ANYBODY),
    ("GET", "/approvals"): Walk(SIGNS),
    ("POST", "/approvals/{approval_id}/{answer}"): Walk(SIGNS, 409, 409),
    ("POST", "/language"): Walk(STRANGER, 303, 303),
    ("POST", "/sign-out"): Walk(ANYBODY, 303, 303),
    ("GET", "/password"): Walk(ANYBODY),
    ("POST", "/password"): Walk(ANYBODY, 409, 409),
    ("GET", "/"): Walk(ANYBODY),
    ("GET", "/now/part"): Walk(ANYBODY),
    ("GET", "/now/news"): Walk(ANYBODY),
    ("GET", "/watch"): Walk(ANYBODY),
    ("GET", "/wall"): Walk(SUPERVISES),
    ("GET", "/wall/part"): Walk(SUPERVISES),
    ("GET", "/wall/{camera_id}/picture"): Walk(SUPERVISES, 404, 409),
    ("POST", "/wall/screen"): Walk(SUPERVISES, 303, 303),
    ("GET", "/wall/screen"): Walk(SUPERVISES),
    ("GET", "/wall/screen/part"): Walk(SUPERVISES),
    ("GET", "/wall/screen/{camera_id}/picture"): Walk(SUPERVISES, 404, 409),
    ("POST", "/wall/screen/end"): Walk(SUPERVISES, 403, 403),
    ("GET", "/alerts"): Walk(SEES, named=True),
    ("GET", "/alerts/faces"): Walk(SEES),
    ("GET", "/alerts/{alert_id}"): Walk(SEES, 200, 409, named=True),
    ("GET", "/alerts/{alert_id}/record"): Walk(SEES, 409, 409),
    ("POST", "/alerts/{alert_id}/{step}"): Walk(WORKS, 409, 409, named=True),
    ("GET", "/list"): Walk(LIST, named=True, named_there=True),
    ("POST", "/list"): Walk(LIST, 303, 303),
    ("GET", "/list/faces"): Walk(LIST),
    ("GET", "/list/unrecognisable"): Walk(LIST, 303, 303),
    ("GET", "/list/subjects"): Walk(LIST, named=True, named_there=True),
    ("GET", "/list/subjects/history"): Walk(LIST),
    ("GET", "/list/look-alikes"): Walk(LIST),
    ("GET", "/list/look-alikes/pair"): Walk(LIST, named=True, named_there=True),
    ("POST", "/list/look-alikes/pair"): Walk(LIST, 404, 404),
    ("GET", "/list/law"): Walk(LIST),
    ("GET", "/list/law/{kind}/{day}"): Walk(LIST, 404, 404),
    ("POST", "/list/law/preview"): Walk(LIST, 409, 409),
    ("POST", "/list/law/add"): Walk(LIST, 409, 409),
    ("GET", "/list/agencies"): Walk(LIST),
    ("POST", "/list/agencies"): Walk(LIST, 409, 409),
    ("GET", "/list/agencies/{code}"): Walk(LIST, 404, 404),
    ("POST", "/list/agencies/{code}/change"): Walk(LIST, 404, 404),
    ("POST", "/list/agencies/{code}/remove"): Walk(LIST, 404, 404),
    ("GET", "/list/subjects/picture"): Walk(LIST, 404, 404),
    ("GET", "/list/subjects/photograph"): Walk(LIST, 404, 404),
    ("GET", "/list/orders"): Walk(LIST, 404, 404),
    ("POST", "/list/orders/{act}"): Walk(LIST, 404, 404),
    ("GET", "/ports"): Walk(SUPERVISES),
    ("GET", "/ports/{site}/{port}/{alert_id}"): Walk(SUPERVISES, 409, 409),
    ("GET", "/ports/{site}/{port}/{alert_id}/pictures"): Walk(SUPERVISES, 409, 409),
    ("GET", "/troubles"): Walk(ALARMS),
    ("POST", "/troubles/{trouble_id}/seen"): Walk(SYSTEM | LIST, 409, 409),
    ("GET", "/statistics"): Walk(SUPERVISES | AUDIT),
    ("GET", "/statistics/table.csv"): Walk(SUPERVISES | AUDIT),
    ("GET", "/statistics/report"): Walk(SUPERVISES | AUDIT),
    ("GET", "/statistics/report.pdf"): Walk(SUPERVISES | AUDIT),
    ("GET", "/list/import"): Walk(LIST),
    ("POST", "/list/import"): Walk(LIST, 409, 409),
    ("GET", "/list/import/{import_id}"): Walk(LIST, 404, 404),
    ("GET", "/list/import/{import_id}/part"): Walk(LIST, 404, 404),
    ("GET", "/list/import/{import_id}/waiting"): Walk(LIST, 404, 404),
    ("GET", "/list/import/{import_id}/report.csv"): Walk(LIST, 404, 404),
    ("GET", "/list/import/template.{kind}"): Walk(LIST, 404, 404),
    ("POST", "/list/import/{import_id}/repair"): Walk(LIST, 404, 404),
    ("POST", "/list/import/{import_id}/confirm"): Walk(LIST, 404, 404),
    ("POST", "/list/import/{import_id}/drop"): Walk(LIST, 404, 404),
    ("GET", "/list/sync"): Walk(LIST),
    ("GET", "/list/sync/part"): Walk(LIST),
    ("GET", "/list/sync/runs/{run_id}"): Walk(LIST, 404, 404),
    ("POST", "/list/sync/start"): Walk(LIST, 409, 409),
    ("POST", "/list/sync/accept"): Walk(LIST, 409, 409),
    ("GET", "/threshold"): Walk(SYSTEM),
    ("POST", "/threshold/{act}"): Walk(SYSTEM, 409, 409),
    ("GET", "/gates"): Walk(SUPERVISES),
    ("GET", "/gates/part"): Walk(SUPERVISES),
    ("POST", "/gates/{act}"): Walk(SUPERVISES, 409, 409),
    ("GET", "/audit"): Walk(AUDIT),
    ("GET", "/audit/{sequence}"): Walk(AUDIT),
    ("POST", "/audit/verify"): Walk(AUDIT),
    ("POST", "/audit/export"): Walk(AUDIT, 409, 409),
    ("GET", "/cameras"): Walk(SYSTEM),
    ("GET", "/cameras/{camera_id}"): Walk(SYSTEM, 200, 404),
    ("POST", "/cameras/{camera_id}/policy"): Walk(ADMIN, 409, 404),
    ("POST", "/cameras/{camera_id}/picture"): Walk(SYSTEM, 409, 404),
    ("GET", "/people"): Walk(ADMIN),
    ("POST", "/people"): Walk(ADMIN, 409, 409),
    ("GET", "/people/{name}"): Walk(ADMIN, 200, 404),
    ("POST", "/people/{name}/{act}"): Walk(ADMIN, 303, 404),
    ("GET", "/first-passwords"): Walk(SYSTEM),
    ("POST", "/first-passwords"): Walk(SYSTEM),
    ("GET", "/devices"): Walk(ADMIN),
    ("POST", "/devices"): Walk(ADMIN, 409, 409),
    ("GET", "/devices/{role}/{site}/{name}"): Walk(ADMIN, 404, 404),
    ("POST", "/devices/{role}/{site}/{name}/{act}"): Walk(ADMIN, 404, 404),
    ("GET", "/exercises"): Walk(SUPERVISES),
    ("POST", "/exercises"): Walk(SUPERVISES, 409, 409),
    ("GET", "/shift"): Walk(WORKS),
    ("POST", "/shift"): Walk(WORKS, 303, 303),
    ("POST", "/shift/{hand_over_id}/take"): Walk(WORKS, 409, 409),
    ("GET", "/system"): Walk(SYSTEM),
    ("GET", "/guides"): Walk(ANYBODY),
    ("GET", "/guides/{name}"): Walk(ANYBODY, 404, 404),
    ("GET", "/guides/pictures/{name}"): Walk(ANYBODY, 404, 404),
}
"""Written down from what each role is there for, and not taken from the routes: a new one fails until it is here."""
QUERY = {
    "/list/subjects": {"key": "S-1"},
    "/list/subjects/history": {"key": "S-1"},
    "/list/look-alikes/pair": {"key": "S-1", "other": "S-1"},
    "/list/subjects/picture": {"key": "S-1", "reference": "none"},
}


def keyed(page: Page, alert_id: str) -> str:
    """The path of a page with keys of what there is at the own site."""
    keys = {"alert_id": alert_id, "trouble_id": alert_id, "step": "close", "sequence": "1", "approval_id": "none"}
    keys |= {
        "key": "none",
        "code": "none",
        "kind": "none",
        "day": "none",
        "import_id": "none",
        "run_id": "1",
        "camera_id": "dep-1",
        "role": "camera",
        "site": SITE,
        "port": "main",
        "answer": "sign",
        "hand_over_id": "none",
    }
    return page.path.format(**keys, name=at("here", Role.OFFICER), act="unlock" if "people" in page.path else "set")


def at(where: str, role: Role) -> str:
    return f"{role.lower().replace('_', '-')}-{where}"


def guarded(answer: httpx.Response) -> None:
    """What a browser is told with every answer, whatever it is."""
    headers, where = answer.headers, (str(answer.request.url), answer.status_code)
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'"), where
    assert "unsafe" not in policy, where
    assert "frame-ancestors 'none'" in policy, where
    assert headers["x-content-type-options"] == "nosniff", where
    assert headers["x-frame-options"] == "DENY", where
    assert headers["referrer-policy"] == "same-origin", where
    assert headers["cross-origin-opener-policy"] == "same-origin", where
    assert headers["cross-origin-resource-policy"] == "same-origin", where
    assert "camera=()" in headers["permissions-policy"], where
    static = answer.request.url.path.startswith("/static/")
    assert headers["cache-control"] == ("private, max-age=3600" if static else "no-store"), where
    assert "server" not in headers, where


async def asked(browser: Browser, page: Page, path: str, token: str) -> httpx.Response:
    """Ask as the page's own browser does; of a stream, only the beginning."""
    if page.stream:
        async with browser.client.stream("GET", path) as answer:
            if answer.status_code != HTTPStatus.OK:
                await answer.aread()
            return answer
    if page.method == "GET":
        return await browser.get(path, params=QUERY.get(page.path))
    return await browser.post(path, token)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    found = port_office(tmp_path, {at("here", role): (role,) for role in Role}, **two_sites())
    for role in Role:
        found.hire(at("there", role), role, sites=(OTHER_SITE,))
    async with found.open():
        yield found


def test_every_route_is_walked() -> None:
    assert sorted(WALKS) == sorted((page.method, page.path) for page in ROUTES)


async def test_every_route_for_every_role_at_the_own_site_and_at_another(office: PortOffice) -> None:
    alert_id = await office.raise_alert()
    wrong = []
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(served(office))
        there = await stack.enter_async_context(served(office, "console-2", at=OTHER_SITE))
        for where, role in product(("here", "there"), Role):
            pages = here if where == "here" else there
            browser = await stack.enter_async_context(pages.browser())
            assert (await browser.sign_in(at(where, role))).status_code == 303
            token = await browser.token("/password")
            # What ends the session comes last.
            for page in sorted(ROUTES, key=lambda one: one.path in {"/sign-out", "/sign-in"}):
                walk = WALKS[page.method, page.path]
                answer = await asked(browser, page, keyed(page, alert_id), token)
                guarded(answer)
                allowed = walk.who is STRANGER or role in walk.who
                wanted = 403 if not allowed else walk.here if where == "here" else walk.there
                if page.on_wall and not allowed:  # no wall was begun here
                    wanted = 303 if page.by_a_person else 401
                # Who may judge the alert sees two faces before any name, and this page is of an alert.
                first = role in WORKS and page.path.startswith("/alerts")
                named = allowed and not first and (walk.named if where == "here" else walk.named_there)
                # Everybody sees Now, and the alerts of their site on it who see alerts.
                named = named or (where == "here" and role in SEES - WORKS and page.path in {"/", "/now/part"})
                has_name = not page.stream and NAME in answer.text
                if (answer.status_code, has_name) != (wanted, named):
                    wrong.append((where, role.value, page.method, page.path, answer.status_code, has_name))
    assert wrong == []


async def test_who_works_elsewhere_only_does_not_sign_in_here(office: PortOffice) -> None:
    async with served(office) as pages, pages.browser() as browser:
        for role in Role:
            answer = await browser.sign_in(at("there", role))
            assert answer.status_code == 403
            assert not browser.client.cookies
    assert not office.trail(Action.SIGNED_IN)


async def test_a_stranger_gets_the_sign_in_page_of_every_route_and_nothing_else(office: PortOffice) -> None:
    alert_id = await office.raise_alert()
    async with served(office) as pages, pages.browser() as browser:
        for page in ROUTES:
            walk = WALKS[page.method, page.path]
            answer = await asked(browser, page, keyed(page, alert_id), "x")
            guarded(answer)
            if walk.who is STRANGER:
                assert answer.status_code == walk.here, page
            elif page.by_a_person:
                assert (answer.status_code, answer.headers["location"][:8]) == (303, "/sign-in"), page
            else:
                assert answer.status_code == 401, page


async def refuses_foreign_forms(pages: Pages, role: Role, alert_id: str) -> None:
    """Send each form that a role may send, from elsewhere and with other tokens than the session's."""
    async with pages.browser() as browser, pages.browser() as other:
        for one in (browser, other):
            await one.sign_in(at("here", role))
        own, foreign = await browser.token("/password"), await other.token("/password")
        assert own != foreign
        origin = browser.origin
        elsewhere = ("null", "https://evil.example", f"{origin}.evil.example")
        sent: list[tuple[str, dict[str, str]]] = [
            (own, {}),
            *((own, {"Origin": one}) for one in elsewhere),
            *((own, {"Origin": origin, "Sec-Fetch-Site": one}) for one in ("cross-site", "same-site", "none")),
        ]
        with_token = [(one, {"Origin": origin}) for one in ("", "x", foreign)]
        for page in ROUTES:
            walk = WALKS[page.method, page.path]
            if page.method == "GET" or page.on_wall or not (walk.who is STRANGER or role in walk.who):
                continue
            for token, headers in sent if walk.who is STRANGER else sent + with_token:
                fields = {"form_token": token} if token else {}
                answer = await browser.client.post(keyed(page, alert_id), data=fields, headers=headers)
                guarded(answer)
                assert answer.status_code == 403, (page, headers, bool(token))
        assert (await browser.get("/password")).status_code == 200, "nothing ended the session"


async def test_a_form_is_taken_from_the_own_page_of_the_own_session_only(office: PortOffice) -> None:
    alert_id = await office.raise_alert()
    async with served(office) as pages:
        for role in Role:
            await refuses_foreign_forms(pages, role, alert_id)
    assert not office.trail(Action.PERSON_CHANGED, Action.SIGNED_OUT, Action.CAMERA_POLICY_SET, Action.ALERT_CLOSED)


async def test_errors_carry_the_same_headers(office: PortOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(office) as pages, pages.browser() as browser:
        await browser.sign_in(at("here", Role.SUPERVISOR))
        sent = [
            ("GET", "/nowhere", {}, b"", 404),
            ("PUT", "/alerts", {}, b"", 404),
            ("DELETE", "/", {}, b"", 404),
            ("GET", "/static/none.css", {}, b"", 404),
            ("GET", "/static/console.css", {}, b"", 200),
            ("GET", "/", {"Host": "evil.example"}, b"", 421),
            ("POST", "/sign-in", {}, b"x" * 100_000, 413),
        ]
        for method, path, headers, content, status in sent:
            answer = await browser.client.request(method, path, headers=headers, content=content)
            guarded(answer)
            assert answer.status_code == status, (method, path)
            assert "Traceback" not in answer.text

        def break_down(*_: object, **__: object) -> None:
            raise RuntimeError("what nobody is to read")

        monkeypatch.setattr(now, "most_urgent_first", break_down)
        await office.raise_alert()
        answer = await browser.get("/")
        guarded(answer)
        assert (answer.status_code, "nobody is to read" in answer.text) == (500, False)


async def test_with_tls_browsers_are_told_to_stay_with_it(office: PortOffice) -> None:
    async with served(office, hosts=("127.0.0.1", "localhost")) as pages:
        options = {"verify": False, "base_url": f"https://{pages.address}"}
        async with httpx.AsyncClient(**options) as client:  # type: ignore[arg-type]  # of several kinds
            for path in ("/sign-in", "/", "/nowhere", "/static/console.css"):
                answer = await client.get(path)
                guarded(answer)
                assert answer.headers["strict-transport-security"] == f"max-age={HSTS_S}"
