"""The pages about devices against a real server: who is invited, shut out and shown, and what is told once only."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.v1 import alert_service_pb2
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.invitation import DeviceInvitation
from tests.support.scenarios.enrolling import enrolled
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.site_pki import SITE, now
from tests.support.scenarios.web_console import Browser, form_token, words

pytestmark = pytest.mark.slow
SCRIPT = "<script>alert('x')</script>"
OTHER_SITE = "sekupang"
CAMERAS = (
    {"camera_id": "dep-1", "site": SITE, "counter": f"D1{SCRIPT}", "direction": "DEPARTURE"},
    {"camera_id": "arr-1", "site": SITE, "counter": "A1", "direction": "ARRIVAL"},
    {"camera_id": "dep-2", "site": OTHER_SITE, "counter": "D2", "direction": "DEPARTURE"},
)
PEOPLE = {"adi": (PersonRole.ADMINISTRATOR,)}
SETTINGS = {"sites": ({"site": SITE}, {"site": OTHER_SITE}), "enrolment_listen": "127.0.0.1:0", "cameras": CAMERAS}


async def test_a_pc_is_invited_enrols_with_what_the_page_shows_and_is_revoked(
    office: PortOffice, browser: Browser, tmp_path: Path
) -> None:
    token = await browser.token("/devices")
    fields = {"role": "notifier", "site": SITE, "name": "PC-D1", f"counter-{SITE}/A1": "1", "minutes": "15"}
    page = await browser.post("/devices", token, **fields)
    assert page.status_code == 200, words(page)
    line = next(one for one in words(page).split() if one.startswith("cekalwatch://"))
    invitation = DeviceInvitation.parse(line)
    assert (invitation.identity.name, invitation.counters) == ("pc-d1", ("A1",))
    assert invitation.code.text in words(page)
    assert "<svg" in page.text
    for path in ("/devices", f"/devices/notifier/{SITE}/pc-d1", "/system"):
        assert invitation.code.text not in (await browser.get(path)).text, "it is shown once"
    assert "invited until" in words(await browser.get("/devices"))
    await enrolled(invitation, tmp_path / "pc-d1")
    shown = words(await browser.get(f"/devices/notifier/{SITE}/pc-d1"))
    assert "may connect" in shown
    assert "It shows no more alerts" in shown, "it says what revoking will do"
    again = await browser.post("/devices", token, **fields)
    assert (again.status_code, "valid certificate" in words(again)) == (409, True)
    assert 'value="PC-D1"' in again.text, "what was typed stays"
    answer = await browser.post(f"/devices/notifier/{SITE}/pc-d1/revoke", token)
    assert (answer.status_code, answer.headers["location"]) == (303, "/devices")
    assert "revoked" in words(await browser.get(f"/devices/notifier/{SITE}/pc-d1"))
    answer = await browser.post(f"/devices/notifier/{SITE}/pc-d1/revoke", token)
    assert (answer.status_code, "no valid certificate or invitation" in words(answer)) == (409, True)
    trail = office.trail(Action.DEVICE_INVITED, Action.CERTIFICATES_REVOKED)
    person = office.people["adi"].person_id
    assert [(one.action, one.actor.partition("@")[0]) for one in trail] == [
        (Action.DEVICE_INVITED, f"person:{person}"),
        (Action.CERTIFICATES_REVOKED, f"person:{person}"),
    ]
    assert {json.loads(one.objects)[0] for one in trail} == {f"device:{SITE}/notifier/pc-d1"}


async def test_a_camera_is_revoked_by_two_people_who_see_whose_orders_alert_there(
    office: PortOffice, browser: Browser
) -> None:
    office.site.device(DeviceRole.CAMERA, "dep-1")
    path = f"/devices/camera/{SITE}/dep-1/revoke"
    alone = await browser.post(path, await browser.token("/devices"))
    assert (alone.status_code, "A second person must sign" in words(alone)) == (409, True)
    assert office.trail(Action.CERTIFICATES_REVOKED, Action.ORDERS_SILENCED) == []
    office.hire("wati", PersonRole.SUPERVISOR)
    second = {"second_name": "wati", "second_password": PASSWORD}
    answer = await browser.post(path, form_token(alone), **second)
    assert answer.status_code == 303, words(answer)
    (silenced,) = office.trail(Action.ORDERS_SILENCED)
    assert json.loads(silenced.details)["what"] == "camera dep-1"
    assert len(office.trail(Action.CERTIFICATES_REVOKED)) == 1


async def test_the_last_pc_that_rings_at_a_counter_is_revoked_by_two_people(
    office: PortOffice, browser: Browser
) -> None:
    for name, counters in (("pc-1", [CAMERAS[0]["counter"]]), ("pc-2", [])):
        stream = (await office.pc(name)).subscribe(filter=alert_service_pb2.AlertFilter(counters=counters))
        await asyncio.wait_for(stream.read(), 30)
    token = await browser.token("/devices")
    path = f"/devices/notifier/{SITE}"
    assert (await browser.post(f"{path}/pc-1/revoke", token)).status_code == 303, "another rings there"
    office.hire("wati", PersonRole.SUPERVISOR)
    for _ in ("an officer's", "a supervisor's, whom alerts reach once they escalate"):
        alone = await browser.post(f"{path}/pc-2/revoke", token)
        await office.sign_in("wati", "pc-2")
    assert (alone.status_code, "A second person must sign" in words(alone)) == (409, True)
    assert len(office.trail(Action.CERTIFICATES_REVOKED)) == 1


async def test_an_invitation_is_withdrawn(office: PortOffice, browser: Browser) -> None:
    token = await browser.token("/devices")
    assert "not invited yet" in words(await browser.get(f"/devices/camera/{SITE}/dep-1"))
    assert (await browser.post("/devices", token, role="camera", camera="dep-1")).status_code == 200
    assert office.site.pki.open_invitations(now())
    assert (await browser.post(f"/devices/camera/{SITE}/dep-1/cancel", token)).status_code == 303
    assert office.site.pki.open_invitations(now()) == []


async def test_what_runs_out_soon_is_first_and_a_filter_shows_some(office: PortOffice, browser: Browser) -> None:
    office.site.device(DeviceRole.NOTIFIER, "pc-soon", issued_at=now() - timedelta(days=380))
    text = words(await browser.get("/devices"))
    assert text.index("pc-soon") < text.index("main")
    assert "certificate expires soon" in text
    only = words(await browser.get("/devices", params={"role": "server"}))
    assert ("pc-soon" in only, "main" in only) == (False, True)
    strange = await browser.get("/devices", params={"role": SCRIPT, "site": SCRIPT})
    assert (strange.status_code, SCRIPT in strange.text) == (200, False)


async def test_names_and_counters_are_text_wherever_they_come_back(browser: Browser) -> None:
    token = await browser.token("/devices")
    for path in ("/devices", f"/devices/camera/{SITE}/dep-1"):
        page = await browser.get(path)
        assert (SCRIPT in page.text, "&lt;script&gt;" in page.text) == (False, True), path
    answer = await browser.post("/devices", token, role="notifier", site=f'"{SCRIPT}', name=f'"{SCRIPT}')
    assert (answer.status_code, SCRIPT in answer.text, "&lt;script&gt;" in answer.text) == (409, False, True)
    for role in ("", "server", "port", SCRIPT):
        answer = await browser.post("/devices", token, role=role, site=SITE, name="pc-9")
        assert (answer.status_code, SCRIPT in answer.text) == (409, False), role
    for path in (f"/devices/camera/{SITE}/{SCRIPT}", f"/devices/{SCRIPT}/{SITE}/dep-1"):
        assert SCRIPT not in (await browser.get(path.replace("/script", "%2Fscript"))).text


async def test_devices_of_other_sites_the_server_and_this_console_are_not_offered(
    office: PortOffice, browser: Browser
) -> None:
    token = await browser.token("/devices")
    text = words(await browser.get("/devices"))
    assert ("dep-2" in text, OTHER_SITE in text) == (False, False)
    assert (await browser.get(f"/devices/camera/{OTHER_SITE}/dep-2")).status_code == 404
    answer = await browser.post("/devices", token, role="camera", camera="dep-2")
    assert answer.status_code == 409
    for which in (f"server/{SITE}/main", f"console/{SITE}/console"):
        page = await browser.get(f"/devices/{which}")
        assert ("managed on the server" in words(page), "/revoke" in page.text) == (True, False), which
        assert (await browser.post(f"/devices/{which}/revoke", token)).status_code == 409
    assert office.trail(Action.CERTIFICATES_REVOKED, Action.DEVICE_INVITED) == []


async def test_a_server_without_the_authority_says_where_to_work(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "pki" / "authority.key").rename(tmp_path / "elsewhere.key")
    page = await browser.get("/devices")
    assert (page.status_code, "does not hold the certificate authority" in words(page)) == (409, True)
