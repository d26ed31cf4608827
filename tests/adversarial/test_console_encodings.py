"""Who sends a form chooses no decoder, and who has a text stored chooses not how browsers and spreadsheets read it."""

from __future__ import annotations

import asyncio
import codecs
import csv
import io
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cekalwatch.contract.values.people import PersonRole
from tests.integration.console.test_list_import import listed, previewed, table
from tests.support.scenarios.port_office import port_office
from tests.support.scenarios.web_console import Browser, Pages, served

pytestmark = pytest.mark.slow
WAIT_S = 60.0
FORMULA = '=HYPERLINK("é").jpg'


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Pages]:
    async with port_office(tmp_path, {"lina": (PersonRole.LIST_MANAGER,)}).open() as office, served(office) as found:
        yield found


async def send(browser: Browser, kind: str) -> httpx.Response:
    """Send a form whose one field is long."""
    body = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"a" * 60_000 + b"\r\n--x--\r\n"
    headers = {"Content-Type": f"multipart/form-data; boundary=x{kind}", "Origin": browser.origin}
    return await browser.client.post("/sign-in", content=body, headers=headers)


@pytest.mark.parametrize(
    "kind",
    [
        *(f"; charset={one}" for one in ("punycode", "idna", "unicode_escape", "utf-7", "zlib_codec")),
        '; CHARSET="punycode"',
        "; charset*=utf-8''punycode",
        "; charset*0=puny; charset*1=code",
    ],
)
async def test_who_sends_a_form_chooses_no_decoder(pages: Pages, kind: str) -> None:
    async with pages.browser() as browser, asyncio.timeout(WAIT_S):
        assert (await send(browser, "")).status_code == 403, "a form that names none is read, and is no sound one"
        begun_s = time.process_time()
        assert (await send(browser, kind)).status_code == 400
        assert time.process_time() - begun_s < 1.0


async def test_a_report_is_read_as_what_it_is(pages: Pages) -> None:
    async with pages.browser() as browser, asyncio.timeout(WAIT_S):
        await browser.sign_in("lina")
        row = listed("C-1", "N-1", photographs=FORMULA)
        path = await previewed(browser, table(row), "list.csv")
        page, report = await browser.get(path), await browser.get(f"{path}/report.csv")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert report.headers["content-type"] == "text/csv; charset=utf-8"
        assert report.headers["content-disposition"].startswith("attachment")
        for answer in (page, report):
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert report.content.startswith(codecs.BOM_UTF8)
        (told,) = csv.DictReader(io.StringIO(report.content.decode("utf-8-sig"), newline=""))
        assert told["photo"] == f"'{FORMULA}"
