"""The pages of the law: what it says, which orders another row changes, and putting it into force as two people."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx
import pytest

from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.law import LawStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import order, subject
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.web_console import Browser, form_token, words

pytestmark = pytest.mark.slow
PEOPLE = {"lina": (PersonRole.LIST_MANAGER,), "sari": (PersonRole.SUPERVISOR,)}
SECOND = {"second_name": "sari", "second_password": PASSWORD}
ROW = "/list/law/TANGKAL/2024-10-17"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    """Beside who is listed anyway, a foreigner who may not enter for 25 years, by a decree of 2025."""
    found = port_office(tmp_path, PEOPLE)
    database = Database(found.settings.database_address)
    store = WatchlistStore(database, keyring(database, found.settings.master_key_source))
    long = order(
        "T-25",
        subject_id="S-3",
        kind=OrderKind.TANGKAL,
        decree_date=date(2025, 1, 2),
        received_on=date(2025, 1, 2),
        valid_from=date(2025, 1, 2),
        valid_until=date(2050, 1, 1),
    )
    store.put(replace(subject("S-3", name="Contoh Tiga"), nationality="SGP", nik=""), long)
    database.close()
    async with found.open():
        yield found


def fields(page: httpx.Response) -> dict[str, str]:
    """Return what the form of a row would send, unchanged."""
    inputs = re.findall(r"<input ([^>]*)>", page.text)
    known = {}
    for one in inputs:
        given = dict(re.findall(r'([a-z_]+)="([^"]*)"', one))
        if given.get("type") != "checkbox" or " checked" in one:
            known[given["name"]] = given.get("value", "")
    (kind,) = re.findall(r'<option value="([A-Z]+)" selected>', page.text)
    known.pop("form_token", None)
    return known | {"kind": kind}


async def test_the_law_is_told_in_words_with_what_is_not_confirmed(browser: Browser) -> None:
    page = await browser.get("/list/law")
    told = words(page)
    assert "UU 6/2011 Pasal 97" in told
    assert "An order lasts at most 120 months." in told
    assert "lapses 20 days after its first receipt" in told
    assert "Not approved by counsel" in told
    assert "Read and approved by counsel" in told
    assert (await browser.get("/list/law/TANGKAL/1999-01-01")).status_code == 404


async def test_two_people_see_which_orders_change_and_put_a_confirmed_row_into_force(
    office: PortOffice, browser: Browser
) -> None:
    page = await browser.get(ROW)
    token = form_token(page)
    row = fields(page) | {"confirmed_by": "Contoh, S.H."}
    shown = await browser.post("/list/law/preview", token, **row)
    told = words(shown)
    assert "of which 1 change" in told
    assert "T-25" in told
    assert "2 January 2035" in told
    assert "Approved by counsel: Contoh, S.H." in told, "who signs beside the first reads whose word it is"
    assert "States a longer term than the law allows" in told
    assert "TERM_CAPPED" not in told
    assert not LawStore(office.database).read().row(OrderKind.TANGKAL, date(2025, 1, 2)).confirmed_by
    alone = await browser.post("/list/law/add", form_token(shown), **row)
    assert (alone.status_code, "Enter the name and password" in words(alone)) == (409, True)
    done = await browser.post("/list/law/add", form_token(shown), **row, **SECOND)
    assert (done.status_code, done.headers["location"]) == (303, "/list/law?done=1")
    assert "Approved by counsel: Contoh, S.H." in words(await browser.get("/list/law?done=1"))
    (link,) = office.trail(Action.LAW_ROW_ADDED)
    told_of = json.loads(link.details)
    assert (told_of["holds_from"], told_of["orders_changed"], told_of["confirmed"]) == ("2024-10-17", 1, "yes")
    assert "2035-01-02" in (await browser.get("/list/subjects?key=S-3")).text or "2 January 2035" in words(
        await browser.get("/list/subjects?key=S-3")
    )


async def test_what_cannot_be_is_told_and_what_was_typed_stays(office: PortOffice, browser: Browser) -> None:
    page = await browser.get(ROW)
    row = fields(page) | {"term_months": "0"}
    answer = await browser.post("/list/law/preview", form_token(page), **row)
    assert (answer.status_code, "a term is at least one month" in words(answer)) == (409, True)
    assert 'name="article" maxlength="200" autocomplete="off" required value="UU 6/2011' in answer.text
    assert not office.trail(Action.LAW_ROW_ADDED)
