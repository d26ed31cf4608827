"""The hand-over of a shift in the console: what is open, notes for who comes, and who has taken over."""

from __future__ import annotations

import re

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.web_console import Browser, Pages, form_token, words

pytestmark = pytest.mark.slow
PEOPLE = {"budi": (), "siti": (PersonRole.SUPERVISOR,)}


async def test_a_shift_is_handed_over_with_notes_and_open_alerts_are_named_to_who_has_looked_only(
    office: PortOffice, browser: Browser, pages: Pages
) -> None:
    assert "Nobody has left notes." in words(await browser.get("/shift"))
    seat = await office.sign_in("budi")
    alert_id = await office.raise_alert()
    assert 'href="/shift"' in (await browser.get("/alerts")).text
    page = await browser.get("/shift")
    assert f'href="/alerts/{alert_id}"' in page.text
    assert "Contoh Satu" not in page.text
    await seat.look(await seat.get(alert_id))
    assert "Contoh Satu" in words(await browser.get("/shift")), "who looked is told"

    written = "D2 is slow <b>today</b>.\r\nThe sheet is in the drawer."
    long = await browser.post("/shift", form_token(page), notes="x" * 1001)
    assert (long.status_code, "x" * 1001 in long.text) == (409, True), "what was written stays"
    sent = await browser.post("/shift", form_token(page), notes=written)
    assert sent.headers["location"] == "/shift?done=left"
    own = await browser.get("/shift?done=left")
    assert "Handed over." in words(own)
    assert "/take" not in own.text, "nobody takes over from themselves"

    async with pages.browser() as other:
        await other.sign_in("siti")
        page = await other.get("/shift")
        assert "D2 is slow &lt;b&gt;today&lt;/b&gt;.\nThe sheet is in the drawer." in page.text
        assert f"Handed over by {office.people['budi'].display_name}," in words(page)
        assert "Contoh Satu" not in page.text, "the supervisor has not looked"
        take = re.search(r'action="(/shift/[^"]+/take)"', page.text)
        assert take
        taken = await other.post(take[1], form_token(page))
        assert taken.headers["location"] == "/shift?done=taken"
        again = await other.post(take[1], form_token(page))
        assert "taken over already" in words(again)
        assert f"Taken over by {office.people['siti'].display_name}," in words(again)
    (entry,) = office.trail(Action.SHIFT_TAKEN_OVER)
    assert all(str(office.people[name].person_id) in entry.objects for name in ("budi", "siti"))
