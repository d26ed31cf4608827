"""Signing in through an identity provider in a real browser: cookies, policy and redirects as Chromium has them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.office.client.provider_visit import BACK
from cekalwatch.server.audit.entry import Action
from tests.support.fakes.identity_server import IdentityServer
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.provider_office import provider_office, register
from tests.support.scenarios.real_browser import barriers, keep
from tests.support.scenarios.web_console import Pages

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
SESSION = "__Host-cekalwatch"
PEOPLE = {"sari": (PersonRole.SUPERVISOR, PersonRole.AUDITOR), "adi": (PersonRole.ADMINISTRATOR,)}


@pytest.fixture
def provider() -> Iterator[IdentityServer]:
    with IdentityServer(host="localhost") as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def office(tmp_path: Path, provider: IdentityServer) -> AsyncIterator[PortOffice]:
    async with provider_office(tmp_path, provider, PEOPLE).open() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def page(pages: Pages, provider: IdentityServer, browser: Browser) -> AsyncIterator[Page]:
    """A window whose console the provider knows; nothing on the way may break the policy of a page."""
    register(provider, f"https://{pages.address}")
    problems: list[str] = []
    window = await browser.new_page(ignore_https_errors=True)
    window.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    window.on("pageerror", lambda error: problems.append(str(error)))
    await window.goto(f"https://{pages.address}/threshold")
    yield window
    assert [one for one in problems if "favicon" not in one and not one.startswith("Failed to load resource")] == []


async def prove(page: Page, name: str) -> None:
    """Say at the provider who it is."""
    await page.fill("input[name=who]", name)
    await page.keyboard.press("Enter")


async def session_cookie(page: Page) -> str:
    return next((one["value"] for one in await page.context.cookies() if one["name"] == SESSION), "")


async def can_show_what_is_typed(page: Page, field: str, words: str) -> None:
    """Show a password by keyboard, and hide it again."""
    typed = page.locator(field)
    await typed.fill("garam")
    assert await typed.get_attribute("type") == "password"
    box = page.get_by_role("checkbox", name=words).locator("visible=true")
    for shown in ("text", "password"):
        await box.focus()
        await page.keyboard.press("Space")
        assert await typed.get_attribute("type") == shown
        assert await typed.input_value() == "garam"


async def test_two_people_go_to_the_provider_and_back_and_their_step_is_done(
    pages: Pages, office: PortOffice, page: Page
) -> None:
    for language, other in (("en", "id"), ("id", "en")):
        assert await barriers(page) == []
        await keep(page, "sign-in", language)
        await can_show_what_is_typed(page, "#password", {"en": "Show password", "id": "Tampilkan kata sandi"}[language])
        await page.click(f"button[name=language][value={other}]")
    await page.click("text=Sign in at localhost")
    await prove(page, "sari")
    await page.wait_for_url(f"https://{pages.address}/threshold")
    assert await session_cookie(page)
    await page.click("summary:has-text('Set the threshold')")
    await page.fill("#threshold", "0,55")
    await page.click("details[open] summary:has-text('password')")
    await can_show_what_is_typed(page, "details[open] input[name=second_password]", "Show password")
    await page.fill("details[open] input[name=second_password]", "")
    await page.click("details[open] button:has-text('localhost')")
    await prove(page, "adi")
    await page.wait_for_url("**/unfinished/**")
    assert f"{office.people['adi'].display_name} has signed" in await page.inner_text("main")
    assert await page.input_value("#threshold") == "0,55"
    assert not office.trail(Action.THRESHOLD_SET)
    assert await barriers(page) == []
    await page.click("details[open] button.main >> nth=0")
    await page.wait_for_url("**/threshold?done=1")
    assert "0.5500" in await page.inner_text("main")
    assert len(office.trail(Action.THRESHOLD_SET)) == 1


async def test_an_export_for_which_an_administrator_signs_there_is_a_file_here(office: PortOffice, page: Page) -> None:
    await page.click("text=Sign in at localhost")
    await prove(page, "sari")
    await page.wait_for_url("**/threshold")
    await page.click("nav >> text=Audit")
    await page.click("summary:has-text('Export')")
    await page.fill("#export-since", "2026-03-01")
    await page.click("details[open] button:has-text('localhost')")
    await prove(page, "adi")
    await page.wait_for_url("**/unfinished/**")
    async with page.expect_download() as found:
        await page.click("details[open] button.main")
    assert (await found.value).suggested_filename.endswith(".zip")
    assert len(office.trail(Action.AUDIT_EXPORTED)) == 1


async def test_signing_out_ends_both_sessions_and_an_old_cookie_is_worth_nothing(
    pages: Pages, provider: IdentityServer, page: Page
) -> None:
    await page.click("text=Sign in at localhost")
    await prove(page, "sari")
    await page.wait_for_url("**/threshold")
    stolen = await session_cookie(page)
    assert provider._signed_in
    await page.click("text=Sign out")
    await page.wait_for_url("**/sign-in")
    assert not provider._signed_in
    assert not await session_cookie(page)
    await page.context.add_cookies(
        [{"name": SESSION, "value": stolen, "url": f"https://{pages.address}", "secure": True}]
    )
    await page.goto(f"https://{pages.address}/threshold")
    assert "/sign-in" in page.url


async def test_what_goes_wrong_is_told_on_a_page_without_barriers_in_both_languages(
    pages: Pages, provider: IdentityServer, page: Page
) -> None:
    provider.error = "access_denied"
    for language, words in (("en", "cancelled or denied"), ("id", "dibatalkan atau ditolak")):
        await page.goto(f"https://{pages.address}/sign-in")
        if await page.get_attribute("html", "lang") != language:
            await page.click(f"button[value={language}]")
        await page.click("button[formaction='/sign-in/provider']")
        await page.wait_for_selector(f"text={words}")
        assert await barriers(page) == []
    await page.goto(f"https://{pages.address}{BACK}?state=x&code=y&iss={provider.issuer}")
    assert "sudah selesai" in await page.inner_text("main")
    assert await barriers(page) == []
