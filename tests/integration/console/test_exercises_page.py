"""Exercises in the console: supervisors set when they come, and see counts that say nothing of a person (rule 16)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import uuid6

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.cli.options import command_context
from cekalwatch.server.domain.exercises import Exercise, ExerciseEnd
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.site_pki import SITE
from tests.support.scenarios.web_console import Browser, form_token, words

pytestmark = pytest.mark.slow
PEOPLE = {"budi": (PersonRole.SUPERVISOR,), "siti": (PersonRole.SUPERVISOR,)}


async def test_a_supervisor_sets_the_hours_and_sees_how_far_exercises_came(
    office: PortOffice, browser: Browser
) -> None:
    office.hire("adi", PersonRole.ADMINISTRATOR)
    page = await browser.get("/exercises")
    assert "no colleague has agreed in writing yet" in words(page)
    for wrong, often in (("7-15", "1"), ("07:00-07:00", "1"), ("07:00-15:00", "11"), ("07:00-15:00", "many")):
        refused = await browser.post("/exercises", form_token(page), shifts=wrong, a_shift=often)
        assert (refused.status_code, f'value="{wrong}"' in refused.text) == (409, True), "what was written stays"
        assert "at most six shifts as 07:00-15:00" in words(refused)
    sent = await browser.post("/exercises", form_token(page), shifts="07:00–15:00, 22:00 - 06:00", a_shift="2")
    assert sent.headers["location"] == "/exercises?done=1"
    page = await browser.get("/exercises?done=1")
    assert 'value="07:00-15:00, 22:00-06:00"' in page.text
    (entry,) = office.trail(Action.EXERCISES_SET)
    assert json.loads(entry.details) == {"shifts": "07:00-15:00, 22:00-06:00", "a_shift": 2}
    assert str(office.people["budi"].person_id) in entry.objects

    with command_context(office.settings) as context:
        store, now = context.stores.exercises, context.clock.now()
        for stopped, number in ((True, 1), (False, 2)):
            one = Exercise(uuid6.uuid7(), "c-1", "dep-1", SITE, "D1", now)
            store.plan([one], now)
            store.sent(one.exercise_id, now)
            if not stopped:
                store.shown(one.exercise_id, now)
            end = ExerciseEnd.STOPPED if stopped else ExerciseEnd.UNJUDGED
            store.end(one.exercise_id, end, context.actor, now - timedelta(seconds=number))
    text = words(await browser.get("/exercises"))
    assert "2 (1 on a screen, 1 stopped before)" in text
    assert "the camera host gave no answer: 1" in text
    for shifts, often in (("", "2"), ("07:00-15:00", "2"), ("07:00-15:00, 22:00-06:00", "1")):
        alone = await browser.post("/exercises", form_token(page), shifts=shifts, a_shift=often)
        assert (alone.status_code, "A second person must sign" in words(alone)) == (409, True)
    assert 'name="second_name"' in alone.text
    second = {"second_name": "adi", "second_password": PASSWORD}
    empty = await browser.post("/exercises", form_token(alone), shifts="", a_shift="1", **second)
    assert empty.headers["location"] == "/exercises?done=1", words(empty)
    (silenced,) = office.trail(Action.ORDERS_SILENCED)
    assert json.loads(silenced.details) == {"by": "SetExerciseHours", "orders": 0, "what": "exercises"}
    assert [json.loads(one.details)["shifts"] for one in office.trail(Action.EXERCISES_SET)][-1] == "none"
