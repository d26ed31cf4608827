"""People with an order in force who can never be recognised: counted on *Now*, listed with reasons, marked before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole
from tests.integration.console.test_list_import import PORTRAIT, act, archive, listed, previewed, table, worked
from tests.support.builders.portraits import group
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.server import jpeg
from tests.support.scenarios.web_console import WAIT_S, Browser, Pages, words

pytestmark = pytest.mark.slow
PEOPLE = {"lina": (PersonRole.LIST_MANAGER,), "budi": ()}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    found = port_office(tmp_path, PEOPLE)
    async with found.open():
        yield found


async def says(browser: Browser, *told: str) -> str:
    """Ask *Now* until it says so."""
    async with asyncio.timeout(WAIT_S):
        while True:
            now = words(await browser.get("/"))
            if all(one in now for one in told):
                return now
            await asyncio.sleep(0.1)


async def test_who_cannot_be_recognised_is_marked_before_an_import_and_then_counted_and_listed_with_the_reason(
    pages: Pages,
) -> None:
    rows = [
        listed("C-1", "N-1", name="With Face", photographs="photos/one.jpg"),
        listed("C-2", "N-2", name="Without Photograph"),
        listed("C-3", "N-3", name="Photograph Missing", photographs="photos/none.jpg"),
        listed("C-4", "N-4", name="Several Faces", photographs="photos/two.jpg"),
        listed("C-5", "N-5", name="Ended Long Ago", valid_from="2020-01-01", valid_until="2020-06-01"),
    ]
    files = {"list/orders.csv": table(*rows), "list/photos/one.jpg": PORTRAIT, "list/photos/two.jpg": jpeg(group())}
    async with pages.browser() as lina, pages.browser() as budi:
        await lina.sign_in("lina")
        await budi.sign_in("budi")
        assert "cannot be recognised" not in words(await lina.get("/"))
        path = await previewed(lina, archive(files))
        preview = words(await lina.get(path))
        assert "People who could not be recognised: no usable photograph 3" in preview
        await act(lina, path)
        await worked(lina, path)

        now = await says(lina, "People who cannot be recognised (no usable photograph): 3", "Problems (1)")
        assert "People with an order who cannot be recognised, since no photograph of theirs can be used: 3" in now
        assert "Who they are, and why" in now
        assert "Who they are, and why" not in await says(budi, "People who cannot be recognised")

        answer = await lina.get("/list/unrecognisable")
        assert (answer.status_code, answer.headers["location"]) == (303, "/list")
        found = words(await lina.get("/list"))
        assert "With Face" not in found
        assert "Ended Long Ago" not in found
        for name, why in (
            ("Without Photograph", "cannot be recognised: no photograph was given"),
            ("Photograph Missing", "cannot be recognised: The photograph that the list names is missing."),
            ("Several Faces", "cannot be recognised: Several faces were found"),
        ):
            assert name in found
            assert why in found
