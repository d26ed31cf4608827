"""*Threshold* in the web console, against a real server: what it is and why, and changing it by two people."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.storage.models.threshold_store import ThresholdStore
from tests.support.builders.learned import learned
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.web_console import Browser, form_token, words

pytestmark = pytest.mark.slow
SCRIPT = "<script>alert('x')</script>"
PEOPLE = {"sari": (PersonRole.SUPERVISOR,), "adi": (PersonRole.ADMINISTRATOR,), "siti": (PersonRole.SUPERVISOR,)}

WRONG: tuple[tuple[dict[str, str], str], ...] = (
    ({"threshold": "0.9"}, "threshold is wrong"),
    ({"threshold": SCRIPT}, "threshold is wrong"),
    ({"threshold": "nan"}, "threshold is wrong"),
    ({"second_name": "siti"}, "Who can sign: administrator."),
    ({"second_name": "sari"}, "Two different people"),
    ({"second_password": "wrong"}, "password is wrong"),
    ({"second_name": ""}, "Enter the name and password"),
)


async def test_it_says_what_the_threshold_is_why_and_what_others_would_mean(browser: Browser) -> None:
    page = await browser.get("/threshold")
    assert page.status_code == 200
    shown = words(page)
    assert "the settings of the server" in shown
    assert "1 in" in shown
    assert "too few listed people have two photographs" in shown
    assert page.text.count("<svg") == 1, "one curve: nobody can say how many are missed"
    assert page.text.count('<th scope="row">0.') == 25
    assert " style=" not in page.text
    points = page.text.partition('<polyline class="line" points="')[2].partition('"')[0].split()
    heights = [float(point.partition(",")[2]) for point in points]
    assert len(points) == 25
    assert heights == sorted(heights), "the higher the threshold, the fewer false alerts"


async def test_two_people_set_it_keep_it_and_give_it_back(office: PortOffice, browser: Browser) -> None:
    token = await browser.token("/threshold")
    second = {"second_name": "adi", "second_password": PASSWORD}
    assert (await browser.post("/threshold/set", token, threshold="0,55", **second)).status_code == 303
    page = words(await browser.get("/threshold?done=1"))
    assert "0.5500" in page
    assert "set by two people" in page
    for name in ("adi", "sari"):
        assert office.people[name].display_name in page
    assert (await browser.post("/threshold/undo", token, **second)).status_code == 303
    assert "the settings of the server" in words(await browser.get("/threshold"))
    kept_page = await browser.get("/threshold")
    kept = kept_page.text.partition('name="threshold" value="0.')[2].partition('"')[0]
    assert (await browser.post("/threshold/keep", token, threshold=f"0.{kept}", **second)).status_code == 303
    said = [json.loads(link.details)["threshold"] for link in office.trail(Action.THRESHOLD_SET)]
    assert said == ["0.5500", "not set", f"0.{kept}"]
    (higher,) = office.trail(Action.ORDERS_SILENCED)
    assert json.loads(higher.details) == {"orders": 1, "by": "SetThreshold", "what": "threshold 0.5500"}


async def test_what_is_wrong_changes_nothing_and_what_was_typed_stays(
    office: PortOffice, browser: Browser, subtests: pytest.Subtests
) -> None:
    for fields, told in WRONG:
        with subtests.test(fields=fields):
            token = await browser.token("/threshold")
            typed = {"threshold": "0.55", "second_name": "adi", "second_password": PASSWORD} | fields
            answer = await browser.post("/threshold/set", token, **typed)
            assert answer.status_code == 409
            assert told in words(answer)
            assert SCRIPT not in answer.text
            assert PASSWORD not in answer.text
            assert f'value="{typed["threshold"]}"' in answer.text or fields.get("threshold") == SCRIPT
            assert not office.trail(Action.THRESHOLD_SET)


async def test_what_was_learned_is_forgotten_by_two_people_who_read_what_it_does(
    office: PortOffice, browser: Browser
) -> None:
    page = await browser.get("/threshold")
    assert "cannot be restored. Passages are counted again from tomorrow." in words(page)
    assert "The threshold stays at 0.45" in words(page), "the settings decide"
    token = form_token(page)
    model = page.text.partition('name="model" value="')[2].partition('"')[0]
    alone = await browser.post("/threshold/forget", token, model=model)
    assert alone.status_code == 409
    second = {"second_name": "adi", "second_password": PASSWORD}
    other = await browser.post("/threshold/forget", token, model="other-1", **second)
    assert (other.status_code, "Another model is in use" in words(other)) == (409, True)
    assert not office.trail(Action.LEARNING_FORGOTTEN)
    assert (await browser.post("/threshold/forget", token, model=model, **second)).status_code == 303
    (link,) = office.trail(Action.LEARNING_FORGOTTEN)
    assert json.loads(link.details)["model"] == model
    assert all(str(office.people[name].person_id) in str(link.objects) for name in ("sari", "adi"))
    assert not office.trail(Action.ORDERS_SILENCED)
    entry = AuditEntry(datetime.now(UTC), Actor(ActorKind.SERVER, "test"), Action.THRESHOLD_LEARNED)
    ThresholdStore(office.database).forget_learned(learned(model, -0.02), entry)
    assert (await browser.post("/threshold/forget", token, model=model, **second)).status_code == 303
    (higher,) = office.trail(Action.ORDERS_SILENCED)
    assert json.loads(higher.details)["by"] == "ForgetLearnedThreshold"


async def test_two_people_accept_the_learned_threshold_that_waits(office: PortOffice, browser: Browser) -> None:
    page = await browser.get("/threshold")
    assert "Accept the learned value" not in words(page)
    model = page.text.partition('name="model" value="')[2].partition('"')[0]
    found = learned(model, 0.02)
    waits = replace(found, findings=replace(found.findings, waiting=0.06))
    store = ThresholdStore(office.database)
    store.forget_learned(
        waits, AuditEntry(datetime.now(UTC), Actor(ActorKind.SERVER, "test"), Action.THRESHOLD_LEARNED)
    )
    page = await browser.get("/threshold")
    assert "to 0.5600, which the passages of this site ask for" in words(page)
    token = form_token(page)
    assert (await browser.post("/threshold/accept", token, threshold="0.5600")).status_code == 409, "one person"
    second = {"second_name": "adi", "second_password": PASSWORD}
    assert (await browser.post("/threshold/accept", token, threshold="0.5600", **second)).status_code == 303
    accepted = store.learned(model)
    assert accepted
    assert accepted.offset.value == accepted.offset.accepted == pytest.approx(0.06)
    assert accepted.waiting is None
    (link,) = office.trail(Action.THRESHOLD_SET)
    assert json.loads(link.details)["threshold"] == "0.5600"
    assert all(str(office.people[name].person_id) in str(link.objects) for name in ("sari", "adi"))
    again = await browser.post("/threshold/accept", token, threshold="0.5600", **second)
    assert (again.status_code, "threshold is wrong" in words(again)) == (409, True)
