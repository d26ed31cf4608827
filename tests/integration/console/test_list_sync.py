"""*List*, synchronisation, against a real server with a real source."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from tests.support.builders.watchlist_folder import row, write_orders
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.sync import hold_schedule
from tests.support.scenarios.web_console import Browser, Pages, served, words

pytestmark = pytest.mark.slow
RUN_S = 60
PEOPLE = {
    "lina": (PersonRole.LIST_MANAGER,),
    "sari": (PersonRole.SUPERVISOR,),
    "both": (PersonRole.LIST_MANAGER, PersonRole.SUPERVISOR),
}
ORDERS = 12


@pytest.fixture
def source(tmp_path: Path) -> Path:
    first, last = (str(datetime.now(UTC).date() + timedelta(days=days)) for days in (-5, 60))
    days = dict.fromkeys(("decree_date", "received_on", "valid_from"), first) | {"valid_until": last}
    rows = [row(f"C-{number}", subject_id=f"N-{number}", **days) for number in range(ORDERS)]
    return write_orders(tmp_path / "list", [*rows, row("C-99", subject_id="N-99", valid_from="01/02/2026")])


@pytest.fixture
async def office(tmp_path: Path, source: Path) -> AsyncIterator[PortOffice]:
    found = port_office(tmp_path, PEOPLE, watchlist={"source": {"kind": "folder", "path": source}})
    hold_schedule(found.settings)
    async with found.open():
        yield found


async def synchronised(browser: Browser) -> str:
    """Synchronise with the button, and return the page when the run has ended."""
    answer = await browser.post("/list/sync/start", await browser.token())
    assert (answer.status_code, answer.headers["location"]) == (303, "/list/sync"), words(answer)
    return await ended(browser)


async def ended(browser: Browser) -> str:
    async with asyncio.timeout(RUN_S):
        while "Running" in (shown := words(await browser.get("/list/sync/part"))):  # noqa: ASYNC110  # a page polls
            await asyncio.sleep(0.1)
    return shown


async def test_a_run_is_begun_followed_and_looked_at(pages: Pages) -> None:
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        assert "There has been no run yet." in words(await browser.get("/list/sync"))
        assert f"13 read: {ORDERS} new, 0 changed, 0 unchanged, 0 ended, 1 refused" in await synchronised(browser)
        shown = words(await browser.get("/list/sync/runs/1"))
        assert "C-99 valid_from A required value is missing or has the wrong form." in shown
        for unknown in ("2", "0", "x", "9" * 30, "9223372036854775807"):
            assert (await browser.get(f"/list/sync/runs/{unknown}")).status_code == 404


async def test_a_shrunken_list_is_accepted_by_two_people_and_by_nobody_else(
    office: PortOffice, pages: Pages, source: Path
) -> None:
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        await synchronised(browser)
        write_orders(source, [row("C-0", subject_id="N-0")])
        await synchronised(browser)
        page = await browser.get("/list/sync")
        assert f"Run 2 found that {ORDERS - 1} of {ORDERS} orders are no longer in the source." in words(page)
        assert 'name="run_id" value="2"' in page.text
        token = await browser.token()

        async def accept(name: str, password: str = PASSWORD, run: str = "2") -> str:
            fields = {"second_name": name, "second_password": password, "run_id": run}
            answer = await browser.post("/list/sync/accept", token, **fields)
            assert password not in answer.text, "a password stays nowhere"
            return words(answer) if answer.status_code == 409 else str(answer.headers["location"])

        assert "name or the password is wrong" in await accept("sari", "not this one")
        assert "name and password of the second person" in await accept("", PASSWORD)
        assert "Two different people" in await accept("lina")
        for run in ("1", "", "x", "9" * 19, "9" * 30):
            assert "no longer waits for approval" in await accept("sari", run=run)
        assert not office.trail(Action.SHRINK_ACCEPTED)
        assert await accept("sari") == "/list/sync"
        assert f"{ORDERS - 1} ended" in await ended(browser)
        (link,) = office.trail(Action.SHRINK_ACCEPTED)
        assert all(str(office.people[name].person_id) in str(link.objects) for name in ("lina", "sari"))
        (silenced,) = office.trail(Action.ORDERS_SILENCED)
        assert silenced.objects.count('"order:C-') == ORDERS - 1
        assert "no longer waits for approval" in await accept("sari"), "an old tab accepts nothing"


async def test_what_a_source_cannot_give_is_told_with_what_to_do(pages: Pages, source: Path) -> None:
    async with pages.browser() as browser:
        await browser.sign_in("lina")
        await asyncio.to_thread(source.rename, source.with_name("away"))
        assert "Failed" in await synchronised(browser)
        shown = words(await browser.get("/list/sync/runs/1"))
        assert "The source cannot be reached, or sends no list. There is no folder" in shown


async def test_without_a_source_there_is_nothing_to_begin(tmp_path: Path) -> None:
    office = port_office(tmp_path / "other", {"lina": (PersonRole.LIST_MANAGER,)})
    async with office.open(), served(office) as pages, pages.browser() as browser:
        await browser.sign_in("lina")
        page = await browser.get("/list/sync")
        assert "name no source" in words(page)
        assert "/list/sync/start" not in page.text
        answer = await browser.post("/list/sync/start", await browser.token())
        assert (answer.status_code, "name no source" in words(answer)) == (409, True)
