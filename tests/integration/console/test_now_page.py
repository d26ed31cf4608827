"""*Now*: it asks for what changed and no more, and whoever may not look on any more sees nothing."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from html import unescape
from itertools import product
from pathlib import Path

import httpx
import pytest

from cekalwatch.console.pages import now
from cekalwatch.console.web_sessions import WebSession
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action, Link
from cekalwatch.v1 import adjudication_pb2 as adjudication
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.web_console import WAIT_S, Browser, Pages, words

pytestmark = pytest.mark.slow
NAME = "after your first look"
"""What stands in place of a name: a person who may judge looks at two faces first."""
PART = {"HX-Request": "true"}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    people = {"budi": (), "sari": (PersonRole.SUPERVISOR,), "adi": (PersonRole.ADMINISTRATOR,)}
    found = port_office(tmp_path, people)
    async with found.open():
        yield found


def session_of(pages: Pages, browser: Browser) -> WebSession:
    found = pages.console.web_sessions.find(browser.client.cookies["cekalwatch"], used=False)
    assert found
    return found


async def part(browser: Browser) -> httpx.Response:
    return await browser.get("/now/part", headers=PART)


def listed(office: PortOffice) -> list[Link]:
    return office.trail(Action.ALERTS_LISTED)


async def heard(pages: Pages, office: PortOffice) -> None:
    """Wait until the console has been told of the newest event."""
    newest = max(json.loads(one.details)["event"] for one in office.trail(*_EVENTS))
    async with asyncio.timeout(WAIT_S):
        while (pages.console.news.position or 0) < newest:  # noqa: ASYNC110  # it comes soon, and tells nobody
            await asyncio.sleep(0.02)


_EVENTS = (Action.ALERT_RAISED, Action.ALERT_CLAIMED, Action.ALERT_ADJUDICATED)


async def test_after_the_first_view_only_what_changed_is_given_out_and_recorded(
    office: PortOffice, pages: Pages
) -> None:
    first = await office.raise_alert("1")
    async with pages.browser() as browser:
        await browser.sign_in("sari")
        assert NAME in words(await browser.get("/"))
        assert [one.objects.count("alert:") for one in listed(office)] == [1]
        for _ in range(3):
            assert NAME in words(await part(browser))
        assert len(listed(office)) == 1, "a renewal without a change shows nothing new"
        seat = await office.sign_in("budi")
        claimed = await seat.claim(first)
        await heard(pages, office)
        assert "Petugas budi" in words(await part(browser))
        (_, change) = listed(office)
        assert first in change.objects
        assert change.actor == f"person:{office.people['sari'].person_id}@batam-center/console/console"
        assert json.loads(change.details)["alerts"] == 1
        await seat.judge(claimed, adjudication.OUTCOME_NOT_SAME_PERSON, adjudication.REASON_FACE_DIFFERS)
        await heard(pages, office)
        page = words(await part(browser))
        assert NAME not in page
        assert "No alert is open" in page


async def test_what_the_server_cannot_tell_the_changes_of_is_listed_again(office: PortOffice, pages: Pages) -> None:
    await office.raise_alert("1")
    async with pages.browser() as browser:
        await browser.sign_in("sari")
        await browser.get("/")
        own = session_of(pages, browser).open_alerts
        for position in (None, 10**9):
            own._alerts, own._position = {}, position
            before = len(listed(office))
            assert NAME in words(await part(browser))
            assert len(listed(office)) == before + 1
        own._listed_s -= 301.0
        before = len(listed(office))
        await part(browser)
        assert len(listed(office)) == before + 1, "a name that was set right is no event"


async def test_whoever_may_not_look_on_is_told_at_once_and_sees_nothing(
    office: PortOffice, pages: Pages, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    monkeypatch.setattr(now, "ALIVE_S", 0.2)
    await office.raise_alert("1")
    roles = {"sari": PersonRole.SUPERVISOR, "adi": PersonRole.ADMINISTRATOR}
    for (name, role), how in product(roles.items(), ("disabled", "signed-out", "other-site")):
        with subtests.test(name=name, how=how):
            one = f"{name}-{how}"
            await asyncio.to_thread(office.hire, one, role)
            async with pages.browser() as browser:
                await browser.sign_in(one)
                await browser.get("/")
                session = session_of(pages, browser)
                async with asyncio.timeout(WAIT_S), browser.client.stream("GET", "/now/news") as news:
                    lines = news.aiter_lines()
                    assert await anext(lines)
                    match how:
                        case "signed-out":
                            await asyncio.to_thread(pages.console.end, session)
                        case _:
                            change = {"disabled": True} if how == "disabled" else {"sites": frozenset({"sekupang"})}
                            await asyncio.to_thread(office.change, one, **change)
                    told = [line async for line in lines]
                assert "event: changed" in told[-4:]
                answer = await part(browser)
                assert answer.status_code in {401, 409}
                assert NAME not in answer.text
                assert "<html" not in answer.text, "it stands in the page that asked"
                again = await browser.get("/")
                assert NAME not in again.text


async def test_roles_that_were_taken_away_count_on_the_open_page(
    office: PortOffice, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(now, "ALIVE_S", 0.2)
    await office.raise_alert("1")
    async with pages.browser() as browser:
        await browser.sign_in("sari")
        assert NAME in (await browser.get("/")).text
        await asyncio.to_thread(office.change, "sari", roles=frozenset({PersonRole.ADMINISTRATOR}))
        assert NAME not in (await part(browser)).text
        session, taken_over = session_of(pages, browser), frozenset({PersonRole.ADMINISTRATOR})
        async with asyncio.timeout(WAIT_S), browser.client.stream("GET", "/now/news"):
            while session.person.roles != taken_over:  # noqa: ASYNC110  # it comes soon, and tells nobody
                await asyncio.sleep(0.02)
        page = await part(browser)
        assert (page.status_code, NAME in page.text) == (200, False)
        assert 'href="/cameras">Setup' in (await browser.get("/")).text, "what the person may do instead is offered"


async def test_a_page_shows_what_a_part_says_of_a_refusal(pages: Pages) -> None:
    async with pages.browser() as browser:
        found = re.search(r"name=\"htmx-config\" content='([^']+)'", (await browser.get("/sign-in")).text)
        assert found
        handling = json.loads(unescape(found[1]))["responseHandling"]
        by_code = {one["code"]: one["swap"] for one in handling}
        assert by_code == {"204": False, "[23]..": True, "[45]..": True}
