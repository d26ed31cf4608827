"""The web console in a real browser, with TLS: nothing that keeps people out, and an alert that comes by itself.

The pictures in the documentation come from here: `CEKALWATCH_SCREENSHOTS=docs/screenshots` keeps them there.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect
from pypdf import PdfReader

from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit
from cekalwatch.program.translations import Language
from cekalwatch.server.domain.alerts.field_sums import PassageCount
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.v1 import adjudication_pb2 as adjudication
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.invitation import DeviceInvitation
from tests.support.scenarios.enrolling import enrolled
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.real_browser import (
    OLD_PC,
    PHONE,
    TABLET,
    barriers,
    cut_on_a_phone,
    keep,
    open_all,
    too_wide,
)
from tests.support.scenarios.site_pki import SITE
from tests.support.scenarios.web_console import Pages
from tests.support.tools.programs import run_program

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
Looks = tuple[tuple[Literal["light", "dark"], ViewportSize], ...]
LOOKS: Looks = (
    ("light", OLD_PC),
    ("dark", {"width": 683, "height": 384}),
)
"""The second: the same at 200 %."""
UNNAMED = "after your first look"
"""What stands in place of a name until a person who may judge has looked at the two faces."""
PEOPLE = {
    "budi": (),
    "sari": tuple(set(PersonRole) - {PersonRole.OFFICER, PersonRole.AUDITOR}),
    "umi": (PersonRole.AUDITOR,),
}
SETTINGS = {"enrolment_listen": "127.0.0.1:0", "grouping_window_seconds": 0}


async def signed_in(browser: Browser, pages: Pages, problems: list[str], name: str = "sari", **looks: object) -> Page:
    """Sign in by keyboard, as a person does."""
    page = await browser.new_page(ignore_https_errors=True, **looks)  # type: ignore[arg-type]  # the looks are many
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    await page.goto(f"https://{pages.address}/")
    await page.keyboard.type(name)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("form[action='/sign-out']")
    return page


async def see_passages(office: PortOffice) -> None:
    """Let one alert be found false, among passages of three cameras and some hours."""
    officer = await office.sign_in("budi")
    alert_id = await office.raise_alert("9")
    await officer.look(await officer.get(alert_id))
    claimed = await officer.claim(alert_id)
    await officer.judge(claimed, adjudication.OUTCOME_NOT_SAME_PERSON, adjudication.REASON_FACE_DIFFERS)
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    FieldStore(office.database).add(
        PassageCount(
            f"dep-{camera}", SITE, Direction.DEPARTURE, now - timedelta(hours=hours), 400 + 130 * camera + hours
        )
        for camera in range(1, 4)
        for hours in range(30)
    )


async def find_same_in_judged(page: Page) -> None:
    """Go from the open page to the alert once an officer has judged it, and find that the faces agree."""
    await page.wait_for_selector("#part >> text=Judged", timeout=30_000)
    assert not await page.is_visible("text=Contoh Satu")
    await page.click(f"text={UNNAMED}")
    await page.wait_for_selector("form.look")
    assert "Referred" not in await page.inner_text("main"), "how the officer judged it comes after the look"
    await page.click("form.look[action$='/refer'] button")
    await page.wait_for_selector("main >> text=Referred")
    assert "Contoh Satu" in await page.inner_text("main")


def name_of(path: str) -> str:
    """What the picture of a page is called."""
    return re.sub(r"[^a-z0-9]+", "-", path.partition("?")[0]).strip("-") or "now"


async def test_an_alert_comes_onto_the_open_page_and_is_confirmed_there(
    office: PortOffice, pages: Pages, browser: Browser
) -> None:
    problems: list[str] = []
    page = await signed_in(browser, pages, problems)
    cookie = next(one for one in await page.context.cookies() if one["name"] == "__Host-cekalwatch")
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Strict", "/")
    assert "No alert is open" in await page.inner_text("#part")
    alert_id = await office.raise_alert()
    await page.wait_for_selector(f"text={UNNAMED}", timeout=30_000)
    officer = await office.sign_in("budi")
    await officer.judge(await officer.claim(alert_id))
    await find_same_in_judged(page)
    await page.click("summary:has-text('Confirm')")
    await page.fill("#reference", "CO-2026/0117")
    await page.click("details[open] button")
    await page.wait_for_selector("text=Saved.")
    assert "CO-2026/0117" in await page.inner_text("main")
    assert problems == []


async def test_the_page_and_the_program_of_an_officers_pc_show_each_others_steps(
    office: PortOffice, pages: Pages, browser: Browser, tmp_path: Path
) -> None:
    environment = os.environ | {
        "CEKALWATCH_NOTIFIER_STATE_DIR": str(tmp_path / "state"),
        "CEKALWATCH_NOTIFIER_TLS_DIR": str(office.site.device(DeviceRole.NOTIFIER, "pc-budi").folder),
        "CEKALWATCH_NOTIFIER_LANGUAGE": "en",
    }
    at = ("--server", office.address, "--agent-id", "pc-budi")

    async def notifier(*words: str, typed: str = "") -> str:
        done = await asyncio.to_thread(run_program, "notifier", *words, *at, typed=typed, environment=environment)
        assert done.returncode == Exit.OK, done.stderr
        return done.stdout

    page = await signed_in(browser, pages, [])
    await notifier("sign-in", typed=f"budi\n{PASSWORD}\n")
    alert_id = await office.raise_alert()
    await page.wait_for_selector(f"text={UNNAMED}", timeout=30_000)
    await notifier("alerts", "claim", alert_id)
    await page.wait_for_selector("#part >> text=Petugas budi", timeout=30_000)
    await notifier("alerts", "refer", alert_id, "--seen", "2", "--reason", "FACE_AGREES", "--note", "bekas luka sama")
    await find_same_in_judged(page)
    assert "bekas luka sama" in await page.inner_text("main")
    await page.click("summary:has-text('Confirm')")
    await page.fill("#reference", "CO-2026/0119")
    await page.click("details[open] button")
    await page.wait_for_selector("text=Saved.")
    shown = await notifier("alerts", "show", alert_id)
    assert "CO-2026/0119" in shown
    assert "Petugas sari" in shown


async def reach(page: Page, selector: str) -> None:
    """Press Tab until something has the keyboard."""
    for _ in range(80):
        if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not get to {selector}")


async def test_an_alert_is_found_and_confirmed_by_keyboard_alone(
    office: PortOffice, pages: Pages, browser: Browser
) -> None:
    alert_id = await office.raise_alert()
    officer = await office.sign_in("budi")
    await officer.judge(await officer.claim(alert_id))
    page = await signed_in(browser, pages, [])
    await reach(page, "a.skip")
    await page.keyboard.press("Enter")
    await reach(page, f"a#name-{alert_id}")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/alerts/{alert_id}")
    await reach(page, "form.look[action$='/refer'] button")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("main >> text=Referred")
    await reach(page, "details:has(form[action$='/confirm']) > summary")
    await page.keyboard.press("Enter")
    await reach(page, "#reference")
    await page.keyboard.type("CO-2026/0118")
    await reach(page, "details[open] button.main")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=Saved.")
    assert "CO-2026/0118" in await page.inner_text("main")


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param({Language.EN: LOOKS[:1], Language.ID: LOOKS[1:]}, id="each look and language once"),
        # Contrast depends on the look, and texts on the language: the other pairs repeat what these two show.
        pytest.param(dict.fromkeys(Language, LOOKS), id="each look in each language", marks=pytest.mark.exhaustive),
    ],
)
async def test_nothing_on_any_page_keeps_people_out(
    office: PortOffice, pages: Pages, browser: Browser, looks: dict[Language, Looks]
) -> None:
    await see_passages(office)
    alert_id = await office.raise_alert()
    officer = await office.sign_in("budi")
    await officer.judge(await officer.claim(alert_id))
    problems: list[str] = []
    paths = [
        "/",
        "/wall",
        "/alerts",
        f"/alerts/{alert_id}",
        "/ports",
        "/troubles",
        "/statistics",
        "/statistics/report",
        "/threshold",
        "/system",
    ]
    paths += ["/list", *(f"/list/{part}?key=S-1&other=S-1" for part in ("subjects", "subjects/history"))]
    paths += ["/list/orders?key=S-1&order=O-1"]
    paths += ["/list/look-alikes", "/list/look-alikes/pair?key=S-1&other=S-1"]
    paths += ["/list/import", "/list/sync", "/people", "/people/budi"]
    paths += ["/list/law", "/list/agencies", "/approvals", "/first-passwords"]
    paths += ["/wall", "/shift", "/exercises", "/guides", "/guides/console", "/guides/supervisor"]
    paths += ["/cameras", "/cameras/dep-1", "/devices", "/devices/server/batam-center/main", "/password", "/nowhere"]
    walks = {"sari": paths, "umi": ["/audit", "/audit/1"]}
    for language, (name, paths) in itertools.product(Language, walks.items()):
        page = await signed_in(browser, pages, problems, name, viewport=OLD_PC)
        if language is Language.ID:
            await page.click("text=Bahasa Indonesia")
        usual: Literal["light", "dark"] = "dark" if language is Language.ID else "light"
        for path in paths:
            await page.emulate_media(color_scheme=usual)
            await page.set_viewport_size(OLD_PC)
            await page.goto(f"https://{pages.address}{path}")
            await keep(page, name_of(path.replace(alert_id, "one")), language)
            assert await page.get_attribute("html", "lang") == language
            await open_all(page)
            for scheme, screen in LOOKS:
                await page.emulate_media(color_scheme=scheme)
                await page.set_viewport_size(screen)
                if (scheme, screen) in looks[language]:
                    assert await barriers(page) == [], (path, scheme, screen)
                assert await too_wide(page) == 0, (path, screen)
            await page.set_viewport_size(TABLET)
            assert await too_wide(page) == 0, path
            await page.set_viewport_size(PHONE)
            assert await cut_on_a_phone(page) == [], path
        await page.close()
    assert [one for one in problems if "404" not in one] == []


async def test_the_report_of_the_figures_is_downloaded_as_a_pdf_of_the_pages_language(
    office: PortOffice, pages: Pages, browser: Browser
) -> None:
    await see_passages(office)
    problems: list[str] = []
    page = await signed_in(browser, pages, problems)
    await page.click("text=Bahasa Indonesia")
    await page.click("text=Statistik")
    await page.click("text=7 hari terakhir")
    assert await page.locator("svg.plot rect.bar").count() > 1
    await page.click("text=Laporan pertanggungjawaban")
    async with page.expect_download() as coming:
        await page.click("text=Unduh sebagai PDF")
    reader = PdfReader(await (await coming.value).path())
    assert "wajah terlihat" in " ".join(reader.pages[0].extract_text().split())
    assert problems == []


async def test_the_statistics_are_one_printed_page(office: PortOffice, pages: Pages, browser: Browser) -> None:
    await see_passages(office)
    page = await signed_in(browser, pages, [])
    for language, told in ((Language.EN, "Numbers and trends"), (Language.ID, "Angka dan tren")):
        if language is Language.ID:
            await page.click("text=Bahasa Indonesia")
        await page.goto(f"https://{pages.address}/statistics?span=week")
        await keep(page, "statistics-week", language)
        reader = PdfReader(io.BytesIO(await page.pdf(prefer_css_page_size=True)))
        assert len(reader.pages) == 1
        assert told in " ".join(reader.pages[0].extract_text().split())
        assert [round(float(one) / 72 * 25.4) for one in reader.pages[0].mediabox[2:]] == [210, 297], "A4"


HEARD = """(() => {
  window.heard = { tones: 0, notices: [] };
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (at) { heard.tones += 1; return start.call(this, at); };
  window.Notification = class extends Notification {
    constructor(title, options) { super(title, options); heard.notices.push([title, options.body]); }
  };
})()"""
"""Notes each tone that a page starts, and each notification that it makes."""


async def test_the_buttons_of_the_wall_do_what_they_say(office: PortOffice, pages: Pages, browser: Browser) -> None:
    problems: list[str] = []
    page = await signed_in(browser, pages, problems)
    await page.context.grant_permissions(["notifications"], origin=f"https://{pages.address}")
    await page.add_init_script(HEARD)
    await page.goto(f"https://{pages.address}/wall")
    await office.raise_alert("before the sound")
    await expect(page).to_have_title(re.compile(r"^\(1\) "), timeout=30_000)
    assert await page.evaluate("heard") == {"tones": 0, "notices": []}, "nothing was asked for"
    for button in ("sound", "notify"):
        await page.click(f"[data-wall={button}]")
        await page.wait_for_selector(f"[data-wall={button}][aria-pressed=true]")
    tones = await page.evaluate("heard.tones")
    assert tones > 0, "the button lets people hear what comes"
    await office.raise_alert("after")
    await expect(page).to_have_title(re.compile(r"^\(2\) "), timeout=30_000)
    assert await page.evaluate("heard.tones") > tones
    # One that nobody takes comes again when it escalates.
    assert set(await page.evaluate("heard.notices.map(one => one[0])")) == {"Possible match"}
    assert "Contoh" not in str(await page.evaluate("heard.notices")), "the system keeps it: it names nobody"
    for full in (1, 0):
        await page.click("[data-wall=screen]")
        await expect(page.locator("html:fullscreen")).to_have_count(full)
    for button in ("sound", "notify"):
        await page.click(f"[data-wall={button}]")
        await page.wait_for_selector(f"[data-wall={button}][aria-pressed=false]")
    before = await page.evaluate("heard")
    await office.raise_alert("after silence")
    await expect(page).to_have_title(re.compile(r"^\(3\) "), timeout=30_000)
    assert await page.evaluate("heard") == before
    assert not [one for one in problems if "404" not in one], "no camera here gives a picture"


async def test_an_invitation_is_read_by_a_camera_and_printed_without_the_page_around_it(
    pages: Pages, browser: Browser, tmp_path: Path
) -> None:
    problems: list[str] = []
    page = await signed_in(browser, pages, problems, color_scheme="dark")
    await page.goto(f"https://{pages.address}/devices")
    await page.click("summary:has-text('Invite an officer')")
    await page.fill("#name", "pc-d1")
    await page.click("details[open] button")
    picture = await page.locator("svg.qr").screenshot()
    seen = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert seen is not None
    read, *_ = cv2.QRCodeDetector().detectAndDecode(seen)
    assert read == await page.inner_text(".line code")
    assert await barriers(page) == []
    await page.set_viewport_size(PHONE)
    assert await cut_on_a_phone(page) == []
    await page.emulate_media(color_scheme="light")
    await keep(page, "devices-invitation", Language.EN)
    await page.emulate_media(media="print")
    assert await page.is_visible("svg.qr")
    assert not await page.is_visible("header")
    await enrolled(DeviceInvitation.parse(read), tmp_path / "pc-d1")
    assert problems == []
