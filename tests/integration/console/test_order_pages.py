"""One order of a list that is kept here: corrected, ended and erased on its page, by two people with a reason."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import httpx
import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.sync.tables import SyncOrderRow
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import subject
from tests.support.builders.watchlist_folder import write_orders
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.server import order_in_force
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.web_console import Browser, form_token, served, words

pytestmark = pytest.mark.slow
PEOPLE = {"lina": (PersonRole.LIST_MANAGER,), "sari": (PersonRole.SUPERVISOR,), "budi": ()}
SECOND = {"second_name": "sari", "second_password": PASSWORD}
WHY = {"reason": "AGENCY"}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    """Beside who is listed anyway: a person with two orders."""
    found = port_office(tmp_path, PEOPLE)
    database = Database(found.settings.database_address)
    store = WatchlistStore(database, keyring(database, found.settings.master_key_source))
    person = replace(subject("S-2", name="Contoh Dua"), aliases=("Si Dua", "Dua"), nik="")
    for key in ("O-21", "O-22"):
        store.put(person, order_in_force(order_id=key, subject_id="S-2"))
    database.close()
    async with found.open():
        yield found


def held(office: PortOffice) -> WatchlistStore:
    return WatchlistStore(office.database, keyring(office.database, office.settings.master_key_source))


def fields(page: httpx.Response, act: str) -> dict[str, str]:
    """What the form of an act would send, unchanged."""
    (form,) = re.findall(rf'<form [^>]*action="/list/orders/{act}">.*?</form>', page.text, re.DOTALL)
    inputs = [dict(re.findall(r'([a-z_]+)="([^"]*)"', one)) for one in re.findall(r"<input ([^>]*)>", form)]
    sent = (one for one in inputs if "name" in one and not one["name"].startswith("second_"))
    return {one["name"]: unescape(one.get("value", "")) for one in sent}


async def form(browser: Browser, key: str, order: str, act: str) -> dict[str, str]:
    return fields(await browser.get("/list/orders", params={"key": key, "order": order}), act)


async def send(browser: Browser, act: str, **typed: str) -> httpx.Response:
    return await browser.post(f"/list/orders/{act}", token=typed.pop("form_token"), **typed)


async def test_an_order_is_ended_by_two_people_and_its_open_alert_says_so(office: PortOffice, browser: Browser) -> None:
    budi = await office.sign_in("budi")
    claimed = await budi.claim(await office.raise_alert())
    subject_page = await browser.get("/list/subjects", params={"key": "S-1"})
    (order,) = re.findall(r"/list/orders\?key=S-1&amp;order=([^\"]+)", subject_page.text)
    typed = await form(browser, "S-1", order, "end")
    del typed["reference"]
    alone = await send(browser, "end", **typed, **WHY, ground="COURT", reference="12/Pid.Pra")
    assert (alone.status_code, "Enter the name and password" in words(alone)) == (409, True)
    assert 'value="12/Pid.Pra"' in alone.text
    for missing, told in (("reason", "Choose a reason"), ("ground", "Choose by what")):
        some = {**WHY, "ground": "COURT"}
        del some[missing]
        assert told in words(await send(browser, "end", **typed, **some, **SECOND))
    assert not office.trail(Action.ORDER_AMENDED)
    done = await send(browser, "end", **typed, **WHY, ground="COURT", reference="12/Pid.Pra", **SECOND)
    assert (done.status_code, done.headers["location"]) == (303, "/list/subjects?key=S-1")
    told = words(await browser.get(done.headers["location"]))
    assert "annulled by a court (praperadilan), number 12/Pid.Pra" in told

    async def ended() -> bool:
        return (await budi.get(claimed.alert_id)).HasField("orders_ended_time")

    await becomes(ended)
    (link,) = office.trail(Action.ORDER_AMENDED)
    people = [f"person:{office.people[name].person_id}" for name in ("lina", "sari")]
    assert json.loads(link.objects) == [f"order:{order}", "subject:S-1", *people]
    assert (link.outcome, json.loads(link.details)["reason"]) == ("ENDED", "AGENCY")
    assert "12/Pid" not in link.details
    history = words(await browser.get("/list/subjects/history", params={"key": "S-1"}))
    assert "An order was corrected, ended or erased" in history


async def test_an_order_and_its_person_are_corrected_as_cells_of_a_list(office: PortOffice, browser: Browser) -> None:
    typed = await form(browser, "S-2", "O-21", "correct")
    assert (typed["cell-name"], typed["cell-aliases"]) == ("Contoh Dua", "Si Dua|Dua")
    unchanged = await send(browser, "correct", **typed, reason="WRITTEN_WRONGLY", **SECOND)
    assert unchanged.status_code == 303
    assert not office.trail(Action.ORDER_AMENDED), "what is not changed is not amended"
    wrong = typed | {"cell-valid_until": "01/02/2099", "cell-name": "Contoh Dua Baru"}
    answer = await send(browser, "correct", **wrong, reason="WRITTEN_WRONGLY", **SECOND)
    assert (answer.status_code, "valid_until" in words(answer)) == (409, True)
    assert "Contoh Dua Baru" in answer.text, "what was typed stays"
    right = wrong | {"cell-valid_until": "1 Februari 2099"}
    assert (await send(browser, "correct", **right, reason="WRITTEN_WRONGLY", **SECOND)).status_code == 303
    file = held(office).get_subject("S-2")
    changed = {one.order_id: one.valid_until.isoformat() for one in file.orders}
    assert (file.subject.name, changed["O-21"]) == ("Contoh Dua Baru", "2099-02-01")
    assert changed["O-22"] != "2099-02-01"
    (link,) = office.trail(Action.ORDER_AMENDED)
    assert set(json.loads(link.details)["changed"].split()) == {"name", "valid_until"}
    again = await send(browser, "correct", **right, reason="WRITTEN_WRONGLY", **SECOND)
    assert (again.status_code, "Another person changed this order" in words(again)) == (409, True)


async def test_an_erased_order_leaves_the_others_and_the_last_takes_its_person_along(
    office: PortOffice, browser: Browser
) -> None:
    typed = await form(browser, "S-2", "O-21", "erase")
    done = await send(browser, "erase", **typed, reason="STORED_TWICE", **SECOND)
    assert done.headers["location"] == "/list/subjects?key=S-2"
    assert [one.order_id for one in held(office).get_subject("S-2").orders] == ["O-22"]
    again = await send(browser, "erase", **typed, reason="STORED_TWICE", **SECOND)
    assert again.status_code in {404, 409}
    page = await browser.get("/list/orders", params={"key": "S-2", "order": "O-22"})
    assert "The person, all photographs" in words(page)
    done = await send(browser, "erase", **fields(page, "erase"), reason="WRONG_PERSON", **SECOND)
    assert done.headers["location"] == "/list"
    assert held(office).held(["S-2"]) == []
    assert [link.outcome for link in office.trail(Action.ORDER_AMENDED)] == ["ERASED", "ERASED"]
    (gone,) = office.trail(Action.SUBJECT_DELETED)
    assert "O-22" in gone.objects


async def test_what_a_source_keeps_is_corrected_there_and_the_page_says_where(tmp_path: Path) -> None:
    folder = write_orders(tmp_path / "source", [])
    office = port_office(tmp_path, PEOPLE, watchlist={"source": {"kind": "folder", "path": str(folder)}})
    database = Database(office.settings.database_address)
    store = WatchlistStore(database, keyring(database, office.settings.master_key_source))
    store.put(subject("S-2", name="Contoh Dua"), order_in_force(order_id="O-21", subject_id="S-2"))
    with database.session() as session:
        session.add(
            SyncOrderRow(order_id="O-21", fingerprint="x", seen_reading=1, gone=False, erased=False, problem="")
        )
        session.commit()
    database.close()
    async with office.open(), served(office) as pages, pages.browser() as browser:
        await browser.sign_in("lina")
        for page in (
            await browser.get("/list/subjects", params={"key": "S-2"}),
            await browser.get("/list/orders", params={"key": "S-2", "order": "O-21"}),
        ):
            assert f"The source folder {folder} keeps this order. Correct it there." in words(page)
            assert "/list/orders/erase" not in page.text
        kept = await form(browser, "S-1", "O-1", "erase")
        forged = kept | {"key": "S-2", "order": "O-21"}
        assert (await send(browser, "erase", **forged, **WHY, **SECOND)).status_code == 409
        assert not office.trail(Action.ORDER_AMENDED)


async def test_photographs_are_shown_large_and_each_view_is_recorded(office: PortOffice, browser: Browser) -> None:
    page = await browser.get("/list/subjects", params={"key": "S-1"})
    (link,) = re.findall(r'href="(/list/subjects/photograph[^"]+)"', page.text)
    before = len(office.trail(Action.SUBJECT_VIEWED))
    large = await browser.get(unescape(link))
    assert "data:image/jpeg;base64," in large.text
    views = office.trail(Action.SUBJECT_VIEWED)[before:]
    assert [json.loads(view.details) for view in views] == [{"pictures": 1}]
    assert (await browser.get(unescape(link) + "x")).status_code == 404
    assert form_token(large)
