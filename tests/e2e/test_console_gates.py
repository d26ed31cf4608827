"""*Gates* as people use it: by keyboard, on a phone and without barriers, with a simulated gate that is held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.translations import Language
from cekalwatch.server.audit.entry import Action
from tests.support.scenarios.gated_office import GatedOffice, gated_office
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.real_browser import OLD_PC, PHONE, barriers, cut_on_a_phone, keep
from tests.support.scenarios.web_console import Pages

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
WAIT_MS = 60_000
PEOPLE = {"sari": (PersonRole.SUPERVISOR,), "adi": (PersonRole.ADMINISTRATOR,)}


@pytest_asyncio.fixture(loop_scope="module")
async def gated(tmp_path: Path) -> AsyncIterator[GatedOffice]:
    async with gated_office(tmp_path, PEOPLE) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def office(gated: GatedOffice) -> PortOffice:
    return gated.office


async def press_to(page: Page, chosen: str) -> None:
    """Move with the tabulator to an element."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("chosen => document.activeElement.matches(chosen)", chosen):
            return
    raise AssertionError(f"the keyboard does not come to {chosen}")


async def test_a_supervisor_sets_the_policy_by_keyboard_and_sees_the_gate_held(
    office: PortOffice, pages: Pages, browser: Browser
) -> None:
    page = await browser.new_page(ignore_https_errors=True, viewport=OLD_PC)
    await page.goto(f"https://{pages.address}/")
    await page.fill("#name", "sari")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.click("nav a:text-is('Setup')")
    await page.click("nav a:text-is('Gates')")
    await press_to(page, "main details > summary")
    await page.keyboard.press("Enter")
    await press_to(page, "#minutes")
    await page.keyboard.type("5")
    await press_to(page, "#reason-set")
    await page.keyboard.press("T")
    assert await page.input_value("#reason-set") in {"TRIAL", "TOO_MANY_HOLDS"}
    await page.select_option("#reason-set", "TRIAL")
    await press_to(page, "form[action='/gates/set'] details summary")
    await page.keyboard.press("Enter")
    await page.fill("#second_name-set", "adi")
    await page.fill("#second_password-set", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/gates?done=1")
    assert len(office.trail(Action.GATES_SET)) == 1
    await office.raise_alert()
    # The page shows it by itself.
    await expect(page.locator("main table").first).to_contain_text("an officer opens it", timeout=WAIT_MS)
    for language, other in ((Language.EN, Language.ID), (Language.ID, Language.EN)):
        assert await barriers(page, colours=language is Language.EN) == []
        await keep(page, "gates", language, 1400)
        await page.set_viewport_size(PHONE)
        assert await cut_on_a_phone(page) == [], language
        await page.set_viewport_size(OLD_PC)
        await page.click(f"button[name=language][value={other}]")
    await page.close()
