"""The pages on which list managers keep the agencies that ask for bans, and a revoked order on the list."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cekalwatch.contract.values.orders import PersonStatus, RevocationGround
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.agencies import AgencyStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import subject
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.server import order_in_force
from tests.support.scenarios.web_console import Browser, words

pytestmark = pytest.mark.slow
PEOPLE = {"lina": (PersonRole.LIST_MANAGER,)}
REFERENCE = "12/Pid.Pra/2026/PN Btm"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    """Beside who is listed anyway, somebody whose order a court has annulled."""
    found = port_office(tmp_path, PEOPLE)
    database = Database(found.settings.database_address)
    store = WatchlistStore(database, keyring(database, found.settings.master_key_source))
    order = order_in_force(
        order_id="O-3",
        subject_id="S-3",
        revoked_at=datetime.now(UTC) - timedelta(hours=1),
        revocation_ground=RevocationGround.COURT,
        revocation_reference=REFERENCE,
        person_status=PersonStatus.WITNESS,
    )
    store.put(subject("S-3", name="Contoh Tiga"), order)
    for number, agency in enumerate(("BNN", "KPK")):
        asked = datetime.now(UTC).date() - timedelta(days=5 - number)
        urgent = order_in_force(
            order_id=f"O-4{number}",
            subject_id="S-4",
            requesting_agency=agency,
            urgent=True,
            decree_number="",
            decree_date=None,
            received_on=asked,
        )
        store.put(subject("S-4", name="Contoh Empat"), urgent)
    database.close()
    async with found.open():
        yield found


async def test_an_agency_is_added_changed_and_removed(office: PortOffice, browser: Browser) -> None:
    assert "Kejaksaan Agung" in words(await browser.get("/list/agencies"))
    token = await browser.token("/list/agencies")
    added = {"code": "dinas", "name": "Dinas  Contoh", "other_names": "Dinas\r\n\r\nDinas Umpama\r\n"}
    answer = await browser.post("/list/agencies", token, **added)
    assert (answer.status_code, answer.headers["location"]) == (303, "/list/agencies")
    assert "DINAS Dinas Contoh Dinas; Dinas Umpama" in words(await browser.get("/list/agencies"))
    assert AgencyStore(office.database).read().code_of("dinas umpama, RI") == "DINAS"
    again = await browser.post("/list/agencies", token, **added)
    assert (again.status_code, "DINAS is listed already" in words(again)) == (409, True)
    page = await browser.get("/list/agencies/DINAS")
    assert "Dinas\nDinas Umpama</textarea>" in page.text

    def seen() -> str:
        return next(one.mark for one in AgencyStore(office.database).read().known if one.code == "DINAS")

    async def changed(seen_mark: str, **names: str) -> str:
        return words(await browser.post("/list/agencies/DINAS/change", token, seen_mark=seen_mark, **names))

    assert f'value="{seen()}"' in page.text
    taken = await browser.post(
        "/list/agencies/DINAS/change", token, seen_mark=seen(), name="Dinas", other_names="jaksa agung"
    )
    assert "stands for another agency" in words(taken)
    assert "jaksa agung</textarea>" in taken.text, "what was typed is there to put it right"
    before = seen()
    await changed(before, name="Dinas Baru", other_names="")
    assert AgencyStore(office.database).read().code_of("Dinas Umpama") is None
    late = await browser.post("/list/agencies/DINAS/change", token, seen_mark=before, name="Dinas Lama")
    assert "Another person has changed this agency" in words(late)
    assert ("Dinas Baru" in late.text, "Dinas Lama" in late.text) == (True, False), "they see what the first one did"
    await browser.post("/list/agencies/DINAS/remove", token, seen_mark=before)
    assert AgencyStore(office.database).read().code_of("DINAS"), "it was seen otherwise"
    await browser.post("/list/agencies/DINAS/remove", token, seen_mark=seen())
    assert "DINAS" not in words(await browser.get("/list/agencies"))
    missing = await browser.get("/list/agencies/DINAS")
    assert (missing.status_code, "not listed any more" in words(missing)) == (404, True)
    trail = office.trail(Action.AGENCY_PUT, Action.AGENCY_REMOVED)
    assert [(link.action, json.loads(link.objects)) for link in trail] == [
        (Action.AGENCY_PUT, ["agency:DINAS"]),
        (Action.AGENCY_PUT, ["agency:DINAS"]),
        (Action.AGENCY_REMOVED, ["agency:DINAS"]),
    ]


async def test_a_revoked_order_says_on_the_list_by_what_it_ended(browser: Browser) -> None:
    for path, params in (("/list", {}), ("/list/subjects", {"key": "S-3"})):
        told = words(await browser.get(path, params=params))
        assert f"annulled by a court (praperadilan), number {REFERENCE}" in told
    assert "In the proceedings witness" in told


async def test_an_agency_by_which_an_order_no_longer_alerts_takes_two_people_who_see_whose(
    office: PortOffice, browser: Browser
) -> None:
    """The name of one agency is given to another: of two urgent orders the second is void then (domain rule 18)."""
    office.hire("sari", PersonRole.SUPERVISOR)
    token = await browser.token("/list/agencies")

    def mark(code: str) -> str:
        return next(one.mark for one in AgencyStore(office.database).read().known if one.code == code)

    removed = await browser.post("/list/agencies/BNN/remove", token, seen_mark=mark("BNN"))
    assert removed.status_code == 303, "its orders go by the name that they have"
    names = {"name": "Komisi Pemberantasan Korupsi", "other_names": "BNN"}
    alone = await browser.post("/list/agencies/KPK/change", token, seen_mark=mark("KPK"), **names)
    assert (alone.status_code, "(1): O-41 Contoh Empat. A second person must sign" in words(alone)) == (409, True)
    assert AgencyStore(office.database).read().code_of("BNN") is None
    assert "BNN</textarea>" in alone.text, "what was typed is there for two"
    second = {"second_name": "sari", "second_password": PASSWORD}
    for wrong in ({**second, "second_name": "lina"}, {**second, "second_password": "no"}):
        refused = await browser.post("/list/agencies/KPK/change", token, seen_mark=mark("KPK"), **names, **wrong)
        assert refused.status_code == 409
    done = await browser.post("/list/agencies/KPK/change", token, seen_mark=mark("KPK"), **names, **second)
    assert done.status_code == 303, words(done)
    (entry,) = office.trail(Action.ORDERS_SILENCED)
    people = {f"person:{office.people[name].person_id}" for name in ("lina", "sari")}
    assert set(json.loads(entry.objects)) == {"order:O-41", *people}
    assert json.loads(entry.details) == {"by": "PutAgency", "orders": 1}
