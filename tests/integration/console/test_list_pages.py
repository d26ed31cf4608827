"""The pages on which list managers look at the list, against a real server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist import subject_search
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import subject
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.server import list_astronaut, order_in_force
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.web_console import Browser, Pages, form_token, pictures_in, words

pytestmark = pytest.mark.slow
SCRIPT = "<script>alert('x')</script>"
PEOPLE = {"lina": (PersonRole.LIST_MANAGER,), "sari": (PersonRole.SUPERVISOR,)}
KEY = "S/2 &?#"
"""A key may have any printable characters."""


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    """Beside who is listed anyway: one with a twin, one whose order breaks a rule, one of whom nothing is certain."""
    found = port_office(tmp_path, PEOPLE)
    twin = order_in_force(order_id="O-2", subject_id=KEY, reason=SCRIPT, requesting_agency=SCRIPT)
    list_astronaut(found.settings, twin, scale=0.9, subject_id=KEY, name=f"Contoh Dua {SCRIPT}", address=SCRIPT)
    database = Database(found.settings.database_address)
    store = WatchlistStore(database, keyring(database, found.settings.master_key_source))
    void = order_in_force(order_id="O-3", subject_id="S-3", kind=OrderKind.TANGKAL)
    store.put(subject("S-3", name="Contoh Tiga", nationality="IDN"), void)
    database.close()
    async with found.open():
        yield found


async def looked_for(browser: Browser, **fields: str) -> str:
    """Fill the form in, and return what the page then says."""
    answer = await browser.post("/list", await browser.token("/list"), **fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/list")
    return words(await browser.get("/list"))


async def test_the_list_is_searched_by_what_is_sealed_and_by_the_law(browser: Browser) -> None:
    everybody = words(await browser.get("/list"))
    assert all(name in everybody for name in ("Contoh Satu", "Contoh Dua", "Contoh Tiga"))
    assert "An Indonesian citizen may not be refused entry." in everybody
    assert "Kejaksaan Agung" in everybody, "orders of two agencies look alike without it"
    for fields, expected in (
        ({"text": "contoh  TIGA"}, {"Tiga"}),
        ({"text": "o-2"}, {"Dua"}),
        ({"status": "INVALID"}, {"Tiga"}),
        ({"problem": "INVALID"}, {"Tiga"}),
        ({"problem": "NO_REFERENCE"}, {"Tiga"}),
        ({"kind": "TANGKAL"}, {"Tiga"}),
        ({"status": "ACTIVE"}, {"Satu", "Dua"}),
        ({"status": "ACTIVE", "day": "1999-01-01"}, set()),
        ({"status": "NOT_YET_VALID", "day": "1999-01-01"}, {"Satu", "Dua"}),
        ({"status": "NOT_YET_VALID", "day": "1999-01-01", "all": "1"}, {"Satu", "Dua", "Tiga"}),
    ):
        told = await looked_for(browser, **fields)
        assert {name for name in ("Satu", "Dua", "Tiga") if f"Contoh {name}" in told} == expected, fields
    assert "No subject matches" in await looked_for(browser, text="nobody")
    assert "date is wrong" in await looked_for(browser, day="yesterday")
    assert "<input" in (await browser.get("/list")).text, "the form is there to put it right"


async def test_a_search_fills_its_page_from_the_whole_list(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server looks through a part of the list at a time; the page showed what the first part had."""
    for bound in ("MAX_READ", "READ_AT_ONCE"):
        monkeypatch.setattr(subject_search, bound, 1)
    told = await looked_for(browser, text="contoh")
    assert all(f"Contoh {name}" in told for name in ("Satu", "Dua", "Tiga"))
    assert "The search has not seen the whole list" not in told


async def test_what_somebody_looks_for_is_in_no_address_and_nobody_elses(browser: Browser, pages: Pages) -> None:
    await looked_for(browser, text="Tiga")
    async with pages.browser() as other:
        await other.sign_in("lina")
        assert "Contoh Satu" in words(await other.get("/list"))
    page = await browser.get("/list")
    assert 'value="Tiga"' in page.text
    assert "Tiga" not in str(page.url)
    await browser.post("/sign-out", await browser.token("/list"))
    await browser.sign_in("lina")
    assert 'value="Tiga"' not in (await browser.get("/list")).text


async def test_one_subject_with_its_orders_by_law_and_its_photographs(office: PortOffice, browser: Browser) -> None:
    page = await browser.get("/list/subjects", params={"key": "S-1"})
    told = words(page)
    for expected in ("Contoh Satu", "In force. In force until", "Between the eyes", "Photographs: 1", "Compare with"):
        assert expected in told, told
    (shown,) = pictures_in(page)
    assert shown[:2] == b"\xff\xd8"
    last = office.trail(Action.SUBJECT_VIEWED)[-1]
    assert "subject:S-1" in json.loads(last.objects)
    assert json.loads(last.details) == {"pictures": 1}
    assert last.actor.startswith(f"person:{office.people['lina'].person_id}")
    watchlist = WatchlistStore(office.database, keyring(office.database, office.settings.master_key_source))
    (face,) = watchlist.get_subject("S-1").references
    picture = await browser.get("/list/subjects/picture", params={"key": "S-1", "reference": face.reference_id})
    assert (picture.headers["content-type"], picture.content) == ("image/jpeg", shown)
    assert picture.headers["cache-control"] == "no-store"
    for path, params in (
        ("/list/subjects", {"key": "nobody"}),
        ("/list/subjects", {}),
        ("/list/subjects/history", {"key": "nobody"}),
        ("/list/subjects/picture", {"key": "S-1", "reference": "none"}),
        ("/list/subjects/picture", {"key": "nobody", "reference": "none"}),
        ("/list/look-alikes/pair", {"key": "S-1", "other": "nobody"}),
    ):
        assert (await browser.get(path, params=params)).status_code == 404, path


async def test_look_alikes_stand_side_by_side_and_nothing_of_the_list_is_code(browser: Browser) -> None:
    for path, params in (
        ("/list", {}),
        ("/list/subjects", {"key": KEY}),
        ("/list/look-alikes/pair", {"key": "S-1", "other": KEY}),
        ("/list/look-alikes", {}),
        ("/list/subjects/history", {"key": KEY}),
        ("/list/subjects/history", {"key": SCRIPT}),
    ):
        page = await browser.get(path, params=params)
        assert SCRIPT not in page.text, path
    beside = await browser.get("/list/look-alikes/pair", params={"key": "S-1", "other": KEY})
    told = words(beside)
    assert "Contoh Satu" in told
    assert f"Contoh Dua {SCRIPT}" in told
    assert len(pictures_in(beside)) == 2
    assert "Both are still searched" in told


async def test_a_pair_is_judged_told_to_officers_and_open_again_with_another_photograph(
    office: PortOffice, browser: Browser
) -> None:
    pair = {"key": "S-1", "other": KEY}
    page = await browser.get("/list/look-alikes/pair", params=pair)
    judge = pair | {"mark": page.text.partition('name="mark" value="')[2].partition('"')[0]}
    token = form_token(page)

    async def listed(judgement: str) -> bool:
        return "Contoh Satu (S-1)" in words(await browser.get("/list/look-alikes", params={"judgement": judgement}))

    await becomes(lambda: listed("NOT_JUDGED"))
    missing = await browser.post("/list/look-alikes/pair", token, **judge)
    assert (missing.status_code, "Choose one of the judgements" in words(missing)) == (409, True)
    answer = await browser.post("/list/look-alikes/pair", token, judgement="DIFFERENT_PEOPLE", **judge)
    told = words(await browser.get(answer.headers["location"]))
    assert "The judgement was saved." in told
    assert f"two people, by {office.people['lina'].display_name}" in told
    (link,) = office.trail(Action.LOOKALIKES_JUDGED)
    assert (link.outcome, json.loads(link.objects)) == ("DIFFERENT_PEOPLE", ["subject:S-1", f"subject:{KEY}"])
    assert await listed("DIFFERENT_PEOPLE")
    assert not await listed("NOT_JUDGED"), "it is not among what is to do any more"
    assert "two people, by" in words(await browser.get("/list/subjects", params={"key": "S-1"}))
    old = await browser.post("/list/look-alikes/pair", token, judgement="SAME_PERSON", **judge)
    assert (old.status_code, "have changed" in words(old)) == (409, True)

    alert_id = await office.raise_alert()
    await browser.sign_in("sari")
    page = await browser.get(f"/alerts/{alert_id}")
    version = page.text.partition('name="version" value="')[2].partition('"')[0]
    await browser.post(f"/alerts/{alert_id}/refer", form_token(page), version=version)
    shown = words(await browser.get(f"/alerts/{alert_id}"))
    assert "Easily mistaken for" in shown
    assert "another person on the list" in shown

    list_astronaut(office.settings, scale=0.8, subject_id="S-1")
    await browser.sign_in("lina")
    assert "before: two people" in words(await browser.get("/list/look-alikes/pair", params=pair))
    await becomes(lambda: listed("NOT_JUDGED"))


async def test_the_history_tells_statuses_and_events(office: PortOffice, browser: Browser) -> None:
    await office.raise_alert()
    told = words(await browser.get("/list/subjects/history", params={"key": "S-1"}))
    assert "Not yet in force" in told
    assert "An alert was raised" in told
    assert "An Indonesian citizen may not be refused entry" in words(
        await browser.get("/list/subjects/history", params={"key": "S-3"})
    )


async def test_who_is_asked_to_sign_in_comes_back_to_the_same_subject(pages: Pages) -> None:
    async with pages.browser() as browser:
        answer = await browser.get("/list/subjects", params={"key": KEY})
        after = answer.headers["location"]
        value = unescape((await browser.get(after)).text.rpartition('name="after" value="')[2].partition('"')[0])
        answer = await browser.post("/sign-in", name="lina", password=PASSWORD, after=value)
        assert "Contoh Dua" in words(await browser.get(answer.headers["location"]))
