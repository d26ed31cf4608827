"""Small faces in lists: one view of those in sight, of alerts of the own site only, and without any name."""

from __future__ import annotations

import base64
import json

import pytest
from sqlmodel import col, delete

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.recognition.crops import MAX_THUMBNAIL_BYTES, THUMBNAIL_SIDE
from cekalwatch.server.storage.alerts.tables import ProbeRow
from tests.integration.auth.test_rights import OTHER_SITE, two_sites
from tests.support.builders.camera import decoded
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.web_console import Browser, served

pytestmark = pytest.mark.slow
PEOPLE = {"sari": (PersonRole.SUPERVISOR, PersonRole.LIST_MANAGER), "budi": ()}
SETTINGS = two_sites() | {"grouping_window_seconds": 0}


async def faces(browser: Browser, path: str, *keys: str) -> dict[str, list[bytes]]:
    answer = await browser.get(path, params={"of": keys})
    assert answer.status_code == 200
    return {
        key: [base64.b64decode(one.removeprefix("data:image/jpeg;base64,")) for one in sources]
        for key, sources in answer.json().items()
    }


async def test_faces_in_sight_are_one_view_that_names_them_and_come_before_any_name(
    office: PortOffice, browser: Browser
) -> None:
    first, second = await office.raise_alert("1"), await office.raise_alert("2")
    listed = await browser.get("/alerts")
    assert listed.text.count('data-faces="/alerts/faces"') == len({first, second})
    assert "img-src 'self' data:" in listed.headers["content-security-policy"]
    assert not office.trail(Action.FACES_LISTED), "a list alone shows no face"
    shown = await faces(browser, "/alerts/faces", first, second, first)
    assert set(shown) == {first, second}
    for probe, reference in shown.values():
        for jpeg in (probe, reference):
            assert max(decoded(jpeg).shape) <= THUMBNAIL_SIDE
            assert len(jpeg) <= MAX_THUMBNAIL_BYTES
        assert probe != reference
    (entry,) = office.trail(Action.FACES_LISTED)
    assert (first in entry.objects, second in entry.objects) == (True, True)
    assert json.loads(entry.details)["pictures"] == 4
    with office.database.session() as session:
        session.exec(delete(ProbeRow).where(col(ProbeRow.alert_id) == first))
        session.commit()
    assert set(await faces(browser, "/alerts/faces", first, second)) == {second}, "its picture is no longer kept"
    assert entry.actor.startswith(f"person:{office.people['sari'].person_id}@")


async def test_faces_of_another_site_or_of_no_alert_are_not_shown(office: PortOffice) -> None:
    alert_id = await office.raise_alert()
    office.hire("ani", PersonRole.SUPERVISOR, sites=(OTHER_SITE,))
    async with served(office, "console-2", at=OTHER_SITE) as there, there.browser() as browser:
        await browser.sign_in("ani")
        assert await faces(browser, "/alerts/faces", alert_id) == {}
        assert (await browser.get("/alerts/faces", params={"of": "no alert"})).status_code == 409
    assert not office.trail(Action.FACES_LISTED)


async def test_a_list_manager_sees_the_best_photograph_of_each_subject_that_has_one(
    office: PortOffice, browser: Browser
) -> None:
    shown = await faces(browser, "/list/faces", "S-1", "nobody")
    assert list(shown) == ["S-1"]
    assert max(decoded(shown["S-1"][0]).shape) <= THUMBNAIL_SIDE
    (entry,) = office.trail(Action.FACES_LISTED)
    assert json.loads(entry.objects) == ["subject:S-1"]
