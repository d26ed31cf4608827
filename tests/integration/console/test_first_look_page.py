"""The console shows two faces first, too: on each page, and whatever somebody searches for."""

from __future__ import annotations

import re

import httpx
import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.v1 import adjudication_pb2 as proto
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.web_console import Browser, form_token, pictures_in, words

PEOPLE = {"siti": (PersonRole.SUPERVISOR,), "budi": ()}
SETTINGS = {"grouping_window_seconds": 0}
SECRETS = ("Contoh Satu", "S-1", "Kejaksaan", "the scar", "above the threshold", "budi", "Referred")


def version_in(page: httpx.Response) -> str:
    found = re.search(r'name="version" value="([0-9]+)"', page.text)
    assert found
    return found[1]


@pytest.mark.slow
async def test_no_page_says_more_than_faces_place_and_time_before_the_first_look(office: PortOffice, browser: Browser):
    budi = await office.sign_in("budi")
    alert_id = await office.raise_alert()
    await budi.judge(await budi.look(await budi.claim(alert_id)), note="the scar")
    for path in (
        "/",
        "/now",
        "/alerts",
        "/alerts?state=REFERRED",
        "/alerts?state=CANNOT_DETERMINE",
        f"/alerts/{alert_id}",
    ):
        page = await browser.get(path)
        shown = page.text.split("<main", 1)[-1].split('<form class="filter"', 1)
        text = shown[0] + (shown[1].split("</form>", 1)[1] if len(shown) > 1 else "")
        assert not [one for one in SECRETS if one in text], path
    assert alert_id not in (await browser.get("/alerts?subject=S-1")).text
    before = await browser.get(f"/alerts/{alert_id}")
    assert len(pictures_in(before)) >= 2
    assert "First look" in words(before)
    assert "D1" in words(before)

    await browser.post(f"/alerts/{alert_id}/not_same", form_token(before), version=version_in(before))
    after = await browser.get(f"/alerts/{alert_id}")
    assert "Contoh Satu" in words(after)
    assert "the scar" in words(after)
    assert "Your first look" in words(after)
    assert pictures_in(after) == pictures_in(before)
    assert len(office.trail(Action.ALERT_LOOKED)) == 2
    looked = await budi.get(alert_id)
    assert [one.finding for one in looked.handling.looks] == [
        proto.OUTCOME_REFERRED,
        proto.OUTCOME_NOT_SAME_PERSON,
    ]
