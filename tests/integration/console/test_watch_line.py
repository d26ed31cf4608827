"""The line of every page: whether a listed traveller who passes now would ring."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.web_console import Browser, Pages, words

pytestmark = pytest.mark.slow
PEOPLE = {"lina": (PersonRole.LIST_MANAGER,)}
SETTINGS = {"keep_alive_period_seconds": 1.0}
WITHIN_S = 10.0
PART = {"HX-Request": "true"}


def level(page: str) -> str:
    (found,) = re.findall(r'class="watch watch-([a-z]+)"', page)
    return str(found)


async def becomes(browser: Browser, wanted: str) -> str:
    """Ask as the open page does, until it says so."""
    async with asyncio.timeout(WITHIN_S):
        while wanted not in unescape(page := (await browser.get("/watch", headers=PART)).text):  # noqa: ASYNC110  # a page polls
            await asyncio.sleep(0.1)
    return page


async def test_every_page_has_the_line_and_asks_for_it_again(browser: Browser) -> None:
    for path in ("/", "/list", "/guides", "/password"):
        page = await browser.get(path)
        assert level(page.text) in {"all", "some", "none"}, path  # no camera is connected
        assert 'hx-get="/watch"' in page.text
        assert "the console does not answer" in words(page), "the style sheet shows it when no answer comes"


async def test_it_says_within_ten_seconds_that_the_server_has_lost_its_database(
    browser: Browser, office: PortOffice
) -> None:
    assert "database" not in (await browser.get("/watch", headers=PART)).text
    file = Path(office.settings.database_address.removeprefix("sqlite:///"))
    await asyncio.to_thread(file.rename, file.with_suffix(".away"))
    assert level(await becomes(browser, "The server's database takes no alerts.")) == "none"
    await asyncio.to_thread(file.with_suffix(".away").rename, file)


async def test_strangers_learn_nothing_of_it(pages: Pages) -> None:
    async with pages.browser() as stranger:
        answer = await stranger.get("/watch", headers=PART)
        assert answer.status_code == 401
        assert "watch-" not in answer.text
        assert "watch-" not in (await stranger.get("/sign-in")).text
