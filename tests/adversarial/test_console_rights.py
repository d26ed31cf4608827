"""What the web console holds itself is for who may see it now, and files are no way to fill it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cekalwatch.console import import_jobs, request_context
from cekalwatch.contract.values.people import PersonRole
from tests.integration.console.test_list_import import listed, previewed, send, table
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.web_console import Browser, Pages, served

pytestmark = pytest.mark.slow
WAIT_S = 60.0
PAGES = ("", "/part", "/report.csv")


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    async with port_office(tmp_path, {"lina": (PersonRole.LIST_MANAGER,)}).open() as found:
        yield found


@pytest.fixture
async def pages(office: PortOffice) -> AsyncIterator[Pages]:
    async with served(office) as found:
        yield found


@pytest.mark.parametrize("how", ["another role", "disabled"])
async def test_a_report_is_not_shown_to_who_may_not_see_the_list_any_more(
    office: PortOffice, pages: Pages, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(request_context, "TOLD_S", 0.0)
    async with pages.browser() as browser, asyncio.timeout(WAIT_S):
        await browser.sign_in("lina")
        path = await previewed(browser, table(listed("C-1", "N-1")), "list.csv")
        for part in PAGES:
            assert "C-1" in (await browser.get(path + part)).text
        change = {"disabled": True} if how == "disabled" else {"roles": frozenset({PersonRole.AUDITOR})}
        await asyncio.to_thread(office.change, "lina", **change)
        for part in PAGES:
            answer = await browser.get(path + part)
            assert "C-1" not in answer.text, part
            assert answer.status_code in {303, 401, 403}


async def test_no_more_files_are_taken_in_at_once_than_may_be_held(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_jobs, "MAX_FILES", 2)
    async with pages.browser() as browser, asyncio.timeout(WAIT_S):
        await browser.sign_in("lina")
        token = await browser.token("/list/import")
        files = [asyncio.create_task(_half_a_file(browser, token)) for _ in range(2)]
        try:
            while pages.console.imports._coming < 2:  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.05)
            assert "Too many files" in (await send(browser, table(), "list.csv")).text
        finally:
            for one in files:
                one.cancel()
            await asyncio.gather(*files, return_exceptions=True)
        while pages.console.imports._coming:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert (await send(browser, table(), "list.csv")).status_code == 303


async def _half_a_file(browser: Browser, token: str) -> None:
    """Begin to send a file, and do not go on."""

    async def content() -> AsyncIterator[bytes]:
        yield f'--x\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n{token}\r\n'.encode()
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        await asyncio.sleep(WAIT_S)

    kind = {"Content-Type": "multipart/form-data; boundary=x", "Origin": browser.origin}
    await browser.client.post("/list/import", content=content(), headers=kind)
