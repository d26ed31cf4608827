"""The wall: a tile for each counter, and what has come to the supervisors, with what they can do about it."""

from __future__ import annotations

import asyncio
import re
from html import unescape

import httpx
import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.camera import decoded
from tests.support.scenarios.aiming_camera import aiming_camera
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.web_console import WAIT_S, Browser, Pages, form_token, words

pytestmark = pytest.mark.slow
PEOPLE = {"sari": (PersonRole.SUPERVISOR,), "budi": ()}
PART = {"HX-Request": "true"}


def tiles(page: str) -> dict[str, str]:
    """The words of each tile, by the title of its counter."""
    found = re.findall(r'<li class="tile[^>]*>(.*?)</li>\n(?=<li class="tile|</ul>)', page, re.DOTALL)
    told = [" ".join(unescape(re.sub(r"<[^>]+>", " ", one)).split()) for one in found]
    return {" ".join(one.split()[:2]): one for one in told}


async def test_a_tile_has_who_sits_there_and_what_waits_and_an_alert_for_supervisors_is_settled_from_there(
    office: PortOffice, browser: Browser
) -> None:
    assert "No PC here would ring." in tiles((await browser.get("/wall")).text)["Counter D1"]
    seat = await office.sign_in("budi")
    stream = seat.subscribe()
    alert_id = await office.raise_alert()
    claimed = await seat.look(await seat.claim(alert_id))
    page = await until(browser, f"{seat.agent_id}: Petugas budi")
    assert "For supervisors" not in page.text
    assert "held by Petugas budi" in tiles(page.text)["Counter D1"]
    assert "No face seen yet" in tiles(page.text)["Counter D1"]
    await seat.judge(claimed)
    page = await until(browser, "For supervisors (1)")
    assert ("Contoh Satu" in page.text, "after your first look" in page.text) == (False, True)
    assert 'data-open="1"' in page.text
    assert f'href="/alerts/{alert_id}#steps">First look' in page.text
    detail = await browser.get(f"/alerts/{alert_id}")
    version = re.search(r'name="version" value="([0-9]+)"', detail.text)
    assert version
    await browser.post(f"/alerts/{alert_id}/refer", form_token(detail), version=version[1])
    page = await until(browser, "Contoh Satu")
    assert f'href="/alerts/{alert_id}#steps">Confirm' in page.text
    stream.cancel()


async def until(browser: Browser, told: str) -> httpx.Response:
    """Ask for the wall until it says something."""
    async with asyncio.timeout(WAIT_S):
        while told not in words(page := await browser.get("/wall/part", headers=PART)):
            pass
    return page


async def test_the_picture_of_a_tile_is_the_coarse_one_and_is_kept_by_no_browser(
    office: PortOffice, pages: Pages, browser: Browser
) -> None:
    assert (await browser.get("/wall/dep-1/picture")).status_code == 404, "the camera is away"
    files = office.site.device(DeviceRole.CAMERA, "dep-1")
    async with office.site.dialer(office.address, files).aio_channel() as channel, aiming_camera(channel):
        async with pages.browser() as other:
            await other.sign_in("budi")
            assert (await other.get("/wall/dep-1/picture")).status_code == 403
        shown = await browser.get("/wall")
        assert 'data-view="/wall/dep-1/picture"' in shown.text
        answer = await browser.get("/wall/dep-1/picture")
        assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("image/jpeg", "no-store")
        assert decoded(answer.content).shape == (360, 640, 3)
    assert len(office.trail(Action.CAMERA_WATCHED)) == 1
    assert not office.trail(Action.CAMERA_PICTURE_VIEWED)


async def test_a_screen_of_its_own_goes_on_when_its_person_is_locked_out_and_shows_no_more_than_counters(
    office: PortOffice, pages: Pages, browser: Browser
) -> None:
    token = form_token(await browser.get("/wall"))
    assert (await browser.post("/wall/screen", token)).headers["location"] == "/wall/screen"
    (own,) = pages.console.web_sessions._sessions.values()
    await asyncio.to_thread(pages.console.end, own)  # as when nobody has done anything for idle_lock_seconds
    alert_id = await office.raise_alert()
    page = await browser.get("/wall/screen")
    assert "Opened by Petugas sari" in words(page)
    part = page
    async with asyncio.timeout(WAIT_S):
        while "Open alerts: 1" not in tiles(part.text)["Counter D1"]:
            part = await browser.get("/wall/screen/part", headers=PART)
    assert ("Contoh Satu" in part.text, alert_id in part.text, 'data-open="1"' in part.text) == (False, False, True)
    files = office.site.device(DeviceRole.CAMERA, "dep-1")
    async with office.site.dialer(office.address, files).aio_channel() as channel, aiming_camera(channel):
        assert 'data-view="/wall/screen/dep-1/picture"' in part.text
        assert (await browser.get("/wall/screen/dep-1/picture")).status_code == 200
    assert len(office.trail(Action.CAMERA_WATCHED)) == 1

    for path in ("/", "/wall", "/wall/part", f"/alerts/{alert_id}", "/statistics", "/password"):
        assert (await browser.get(path)).status_code in {303, 401}, path
    kept = dict(browser.client.cookies)
    browser.client.cookies.clear()
    browser.client.cookies.set("cekalwatch", kept["cekalwatch-wall"], domain="127.0.0.1")
    assert (await browser.get("/wall")).status_code == 303, "a wall is no session of a person"
    browser.client.cookies.set("cekalwatch-wall", kept["cekalwatch-wall"], domain="127.0.0.1")

    ended = await browser.post("/wall/screen/end", form_token(page))
    assert (ended.status_code, (await browser.get("/wall/screen")).status_code) == (303, 303)
    begun, over = office.trail(Action.SIGNED_IN), office.trail(Action.SIGNED_OUT)
    assert ['"WALL"' in one.details for one in (*begun, *over)] == [False, True, False, True]


async def test_a_screen_of_its_own_ends_with_its_person(office: PortOffice, browser: Browser) -> None:
    await browser.post("/wall/screen", form_token(await browser.get("/wall")))
    await asyncio.to_thread(office.change, "sari", disabled=True)
    assert (await browser.get("/wall/screen/part", headers=PART)).status_code == 401
