"""*System*, what *Now* tells of it at a glance, and the guides, against a real server."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from cekalwatch.console.guide_texts import FOLDER, NAMES
from cekalwatch.console.pages import system
from cekalwatch.console.request_context import RequestContext
from cekalwatch.console.web_sessions import WebSession
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.backup.contents import BackupRecord
from cekalwatch.server.storage.keys.store import DataKeyRow
from cekalwatch.wire.identity import DeviceRole
from tests.support.repository import ROOT
from tests.support.scenarios.aiming_camera import aiming_camera
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.web_console import Browser, Pages, words

pytestmark = pytest.mark.slow
PEOPLE = {"adi": (PersonRole.ADMINISTRATOR,), "umi": (PersonRole.AUDITOR,), "lina": (PersonRole.LIST_MANAGER,)}
CAMERAS = tuple(
    {"camera_id": f"dep-{number}", "site": "batam-center", "counter": f"D{number}", "direction": "DEPARTURE"}
    for number in (1, 2)
)
SETTINGS = {"cameras": CAMERAS}
PART = {"HX-Request": "true"}
MAX_FIRST_VIEW = 100_000
"""Bytes of a guide without its pictures."""


async def test_it_tells_of_backup_disk_and_key(
    office: PortOffice, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = words(await browser.get("/system"))
    assert "Last backup no backup has been made yet" in told
    assert re.search(r"Disk of the server \d+\.\d GB of \d+\.\d GB free", told)
    assert re.search(r"Key that seals data number 1, made \S", told)

    def backed_up(age: timedelta) -> None:
        BackupRecord(datetime.now(UTC) - age, "x.age", 1, with_keys=False).save(office.settings.backup_record_file)

    backed_up(timedelta(hours=1))
    page = words(await browser.get("/system"))
    assert "Last backup" in page
    assert "too long ago" not in page
    backed_up(office.settings.backup.limit + timedelta(hours=1))
    with office.database.session() as session:
        key = session.get(DataKeyRow, 1)
        assert key
        key.settled_at = None
        session.add(key)
        session.commit()
    monkeypatch.setattr(system, "MIN_FREE_BYTES", 10**18)
    page = words(await browser.get("/system"))
    assert "too long ago" in page
    assert "GB free, too little" in page
    assert "older values are still being resealed with it" in page


async def test_now_tells_who_keeps_the_system_how_it_does_at_a_glance(
    office: PortOffice, browser: Browser, pages: Pages
) -> None:
    page = await browser.get("/")
    assert "Cameras: 0 of 2 work" in words(page)
    assert "Servers: 1 of 1 running" in words(page)
    assert "Ports:" not in words(page), "there are none"
    session = pages.console.web_sessions.find(browser.client.cookies["cekalwatch"], used=False)
    assert isinstance(session, WebSession)
    files = office.site.device(DeviceRole.CAMERA, "dep-1")
    async with office.site.dialer(office.address, files).aio_channel() as channel, aiming_camera(channel):

        async def told() -> bool:
            session.glance._asked_s -= 31.0
            return "Cameras: 1 of 2 work" in words(await browser.get("/now/part", headers=PART))

        await becomes(told)
    for name in ("umi", "lina"):
        async with pages.browser() as other:
            await other.sign_in(name)
            assert "Cameras:" not in words(await other.get("/")), "they may not ask for the status"


async def test_the_server_is_asked_seldom_and_when_other_things_are_wrong(
    browser: Browser, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[int]()
    usual = RequestContext.status

    def counted(visit: RequestContext) -> object:
        asked.append(1)
        return usual(visit)

    monkeypatch.setattr(RequestContext, "status", counted)
    alarms = pages.console.news.alarms
    for _ in range(3):
        await browser.get("/now/part", headers=PART)
    assert len(asked) <= 2, "once, and once more if the alarms have come meanwhile"
    before = len(asked)
    monkeypatch.setattr(pages.console.news, "alarms", (*alarms, *alarms, *alarms, "other"))
    monkeypatch.setattr("cekalwatch.console.pages.now.shown_to", lambda *_: ())
    await browser.get("/now/part", headers=PART)
    assert len(asked) == before + 1


async def test_every_guide_is_a_page_whose_links_lead_to_guides_only(browser: Browser, pages: Pages) -> None:
    assert {one.name for one in FOLDER.glob("*.md")} == {one.name for one in (ROOT / "docs").glob("*.md")}
    listed = await browser.get("/guides")
    names = re.findall(r'href="/guides/([^"]+)"', listed.text)
    assert len(names) == len(set(names)) == len(list(FOLDER.glob("*.md"))) + len(NAMES)
    assert names[0] == "administrator", "that of who looks comes first"
    places = set[str]()
    linked = set[str]()
    for name in names:
        page = await browser.get(f"/guides/{name}")
        assert page.status_code == 200, name
        assert len(page.content) < MAX_FIRST_VIEW, name
        article = page.text.partition('<article class="guide" lang="en">')[2].partition("</article>")[0]
        assert len(article) > 200, name
        assert ("<img" in article) is (name in NAMES.values()), name
        assert "<h1" not in article
        assert " style=" not in article, name
        places |= {name, *(f"{name}#{unescape(one)}" for one in re.findall(r'id="([^"]+)"', article))}
        for href in map(unescape, re.findall(r'href="([^"]*)"', article)):
            linked.add(f"{name}{href}" if href.startswith("#") else href.removeprefix("/guides/"))
    assert linked - places == set()
    for nothing in ("none", "..%2Fpages%2Fguides", "console.md", "pictures/none.jpg", "pictures/..%2Fconsole.md"):
        assert (await browser.get(f"/guides/{nothing}")).status_code == 404
    own = await browser.get("/guides/administrator", headers={"Accept-Language": "id"})
    assert '<article class="guide" lang="id">' in own.text
    picture = await browser.get(re.findall(r'<img src="([^"]+)"', own.text)[0])
    assert (picture.headers["content-type"], picture.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert 'href="/guides/administrator#system"' in (await browser.get("/system")).text
    page = await browser.get("/system")
    assert {one.partition("#")[0] for one in re.findall(r'href="/guides/([^"]+)"', page.text)} <= set(names)
    async with pages.browser() as other:
        await other.sign_in("lina")
        assert (await other.get("/guides/watchlist-folder")).status_code == 200
