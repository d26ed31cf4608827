"""Each role at the web console in a real browser, with TLS: its pages, and what it does there, alone and by two people.

The pictures in the documentation come from here too: `CEKALWATCH_SCREENSHOTS=docs/screenshots` keeps them there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from cekalwatch.camera.view.aiming import picture_of
from cekalwatch.console.menu import menu_of
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.translations import Language
from cekalwatch.server.audit.entry import Action
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.portraits import astronaut
from tests.support.builders.watchlist_folder import row, write_orders
from tests.support.scenarios.aiming_camera import aiming_camera, aiming_picture
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.real_browser import OLD_PC, PHONE, barriers, keep, too_wide
from tests.support.scenarios.server import engine, list_astronaut, order_in_force
from tests.support.scenarios.sync import hold_schedule
from tests.support.scenarios.web_console import Pages

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
WAIT_MS = 60_000
ORDERS = 12
PEOPLE = {
    "budi": (PersonRole.OFFICER,),
    "sari": (PersonRole.SUPERVISOR,),
    "lina": (PersonRole.LIST_MANAGER,),
    "adi": (PersonRole.ADMINISTRATOR,),
    "umi": (PersonRole.AUDITOR,),
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The folder that the list comes from."""
    return write_orders(tmp_path / "list", [row(f"C-{number}", subject_id=f"N-{number}") for number in range(ORDERS)])


@pytest_asyncio.fixture(loop_scope="module")
async def office(tmp_path: Path, source: Path) -> AsyncIterator[PortOffice]:
    """An office with two on its list who look alike."""
    found = port_office(tmp_path, PEOPLE, watchlist={"source": {"kind": "folder", "path": source}})
    twin = order_in_force(order_id="O-2", subject_id="S-2")
    list_astronaut(found.settings, twin, scale=0.9, subject_id="S-2", name="Contoh Dua")
    hold_schedule(found.settings)
    async with found.open():
        yield found


SIGNED_OUT_MEANWHILE = "Response Status Error Code 401 from /watch"
"""A page asks whether anybody is watched in the moment in which its person signs out."""


@pytest_asyncio.fixture(loop_scope="module")
async def page(pages: Pages, browser: Browser) -> AsyncIterator[Page]:
    """A window at the page to sign in; no script of its pages may fail, nor break their policy."""
    problems: list[str] = []
    window = await browser.new_page(ignore_https_errors=True, viewport=OLD_PC)
    window.on("pageerror", lambda error: problems.append(str(error)))
    window.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    await window.goto(f"https://{pages.address}/")
    yield window
    expected = ("Failed to load resource", SIGNED_OUT_MEANWHILE)
    assert [one for one in problems if not one.startswith(expected)] == []


async def sign_in(page: Page, name: str) -> None:
    """Sign in, in place of who has signed in."""
    if await page.is_visible("text=Sign out"):
        await page.click("text=Sign out")
    await page.fill("#name", name)
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("nav")


async def sign_beside(page: Page, name: str, password: str = PASSWORD) -> None:
    """Let a second person sign for the form that is open, which is then sent."""
    form = page.locator("form:has(input[name=second_name]):visible").first
    closed = form.locator("details:not([open]) > summary")
    if await closed.count():
        await closed.first.click()
    await form.locator("input[name=second_name]").fill(name)
    await form.locator("input[name=second_password]").fill(password)
    await form.locator("button.main").click()


async def in_both_languages(page: Page, name: str, height: int = 1000) -> None:
    """See that nothing keeps people out of a page that can be asked for again, and keep its pictures."""
    for language, other in ((Language.EN, Language.ID), (Language.ID, Language.EN)):
        assert await barriers(page, colours=language is Language.EN) == []
        await keep(page, name, language, height)
        await page.click(f"button[name=language][value={other}]")


async def test_the_header_is_one_row_and_each_page_of_it_says_where_one_is(pages: Pages, page: Page) -> None:
    for name, role in PEOPLE.items():
        await sign_in(page, name)
        for section in menu_of(frozenset(role)):
            for entry in section.entries:
                await page.goto(f"https://{pages.address}{entry.path}")
                assert await page.locator("nav [aria-current=page]").all_inner_texts() == [await page.inner_text("h1")]
                assert len(await page.inner_text(".purpose")) > 10, "a page says what it is for"
        for width in (1366, 1920):
            await page.set_viewport_size({"width": width, "height": 768})
            tops = "[...document.querySelectorAll('.bar > *, header li')].map(one => one.getBoundingClientRect())"
            rows = await page.evaluate(f"{tops}.map(box => Math.round(box.top + box.height / 2))")
            assert max(rows) - min(rows) <= 2, (name, width)
        await page.set_viewport_size(PHONE)
        assert await too_wide(page) == 0, name
        await page.set_viewport_size(OLD_PC)


async def test_a_list_manager_keeps_the_agencies(office: PortOffice, pages: Pages, page: Page) -> None:
    await sign_in(page, "lina")
    await page.goto(f"https://{pages.address}/list/agencies")
    await in_both_languages(page, "list-agencies")
    await page.click("summary")
    await page.fill("#code", "DINAS")
    await page.fill("#name", "Dinas Contoh")
    await page.fill("#other_names", "Dinas\nDinas Umpama")
    await page.click("details button.main")
    await page.click("main table a:text-is('DINAS')")
    await in_both_languages(page, "list-agency")
    await page.click("text=Remove")
    await expect(page.locator("main table")).not_to_contain_text("DINAS")
    assert len(office.trail(Action.AGENCY_PUT, Action.AGENCY_REMOVED)) == 2


async def test_two_people_put_a_row_of_the_law_into_force(office: PortOffice, pages: Pages, page: Page) -> None:
    await sign_in(page, "lina")
    await page.goto(f"https://{pages.address}/list/law")
    await in_both_languages(page, "list-law", 1400)
    await page.click("main section a >> nth=-1")
    await in_both_languages(page, "list-law-row", 1400)
    await page.fill("#confirmed_by", "Contoh, S.H.")
    await page.click("main form button.main")
    await expect(page.locator("main")).to_contain_text("No order changes")
    assert await barriers(page) == []
    await keep(page, "list-law-preview", Language.EN)
    await sign_beside(page, "sari")
    await page.wait_for_url("**/list/law?done=1")
    assert "Approved by counsel: Contoh, S.H." in await page.inner_text("main")
    assert len(office.trail(Action.LAW_ROW_ADDED)) == 1


async def test_a_list_manager_judges_two_who_look_alike(office: PortOffice, page: Page) -> None:
    await sign_in(page, "lina")
    await page.click("nav a:text-is('List')")
    await page.click("text=Look-alikes")
    while not await page.is_visible("text=Contoh Dua"):  # the server compares the list within seconds
        await page.reload()
    await in_both_languages(page, "list-look-alikes")
    await page.click("main table a, main ul.cards a")
    await page.wait_for_selector("text=Your judgement")
    await in_both_languages(page, "list-look-alikes-pair")
    await page.check("input[value=DIFFERENT_PEOPLE]")
    await page.click("button.main")
    await page.wait_for_selector("text=The judgement was saved.")
    assert len(office.trail(Action.LOOKALIKES_JUDGED)) == 1


async def test_a_list_manager_and_a_supervisor_accept_a_shrunken_list(
    office: PortOffice, page: Page, source: Path
) -> None:
    await sign_in(page, "lina")
    await page.click("nav a:text-is('List')")
    await page.click("nav.sub >> text=Synchronisation")
    await page.click("button:has-text('Synchronise now')")
    await page.wait_for_selector(f"text={ORDERS} new", timeout=WAIT_MS)
    write_orders(source, [row("C-0", subject_id="N-0")])
    await page.click("button:has-text('Synchronise now')")
    told = f"{ORDERS - 1} of {ORDERS} orders are no longer in the source"
    await page.wait_for_selector(f"text={told}", timeout=WAIT_MS)
    await in_both_languages(page, "list-shrunken", 805)
    await page.click("main details summary")
    await sign_beside(page, "sari", "not this one")
    await page.wait_for_selector("[role=alert]")
    assert told in await page.inner_text("main")
    assert not office.trail(Action.SHRINK_ACCEPTED)
    await sign_beside(page, "sari")
    await page.wait_for_selector(f"text={ORDERS - 1} ended", timeout=WAIT_MS)
    assert len(office.trail(Action.SHRINK_ACCEPTED)) == 1


async def test_an_administrator_and_a_supervisor_set_the_threshold(office: PortOffice, page: Page) -> None:
    await sign_in(page, "adi")
    await page.click("nav a:text-is('Setup')")
    await page.click("nav a:text-is('Threshold')")
    await page.click("summary:has-text('Set the threshold')")
    await page.fill("#threshold", "0,55")
    await sign_beside(page, "sari", "not this one")
    await page.wait_for_selector("[role=alert]")
    assert await page.input_value("#threshold") == "0,55", "what was typed is kept"
    assert not office.trail(Action.THRESHOLD_SET)
    await sign_beside(page, "sari")
    await page.wait_for_url("**/threshold?done=1")
    assert "0.5500" in await page.inner_text("main")
    assert len(office.trail(Action.THRESHOLD_SET)) == 1


async def test_an_auditor_and_an_administrator_export_the_trail(office: PortOffice, page: Page) -> None:
    await sign_in(page, "umi")
    await page.click("nav a:text-is('Audit')")
    await page.click("summary:has-text('Export')")
    await page.fill("#export-since", "2026-03-01")
    async with page.expect_download() as found:
        await sign_beside(page, "adi")
    assert (await found.value).suggested_filename.endswith(".zip")
    assert len(office.trail(Action.AUDIT_EXPORTED)) == 1


async def test_a_supervisor_aims_a_camera_by_a_picture_in_the_page(office: PortOffice, page: Page) -> None:
    seen = astronaut(1.4)
    given = picture_of(seen, engine().detector.detect(seen))
    fields = {"frame_width": given.frame_width, "frame_height": given.frame_height, "faces": given.faces}
    files = office.site.device(DeviceRole.CAMERA, "dep-1")
    async with (
        office.site.dialer(office.address, files).aio_channel() as channel,
        aiming_camera(channel, answer=lambda number: aiming_picture(number, jpeg=given.jpeg, **fields)),
    ):
        await sign_in(page, "sari")
        await page.click("nav a:text-is('Setup')")
        for language in (Language.EN, Language.ID):
            await page.click("main table a:text-is('dep-1')")
            await page.click("form[action$='/picture'] button")
            await page.wait_for_selector(".aiming img")
            assert await page.evaluate("document.querySelector('.aiming img').naturalWidth") > 100
            assert await barriers(page, colours=language is Language.EN) == []
            await keep(page, "cameras-aiming", language)
            await page.click("button[name=language]")
            await page.click("nav a[href='/cameras']")
    assert len(office.trail(Action.CAMERA_PICTURE_VIEWED)) == 2
