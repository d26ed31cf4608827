"""*Gates* in the web console: a supervisor and an administrator, each in their own session, say which alerts hold the
simulated gate, and only a person's judgement releases it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cekalwatch.contract.values.adjudication import UNDO_FOR
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.v1 import adjudication_pb2
from deploy.simulator.gate import Mode
from tests.support.scenarios.gated_office import GatedOffice, gated_office
from tests.support.scenarios.people import PASSWORD
from tests.support.scenarios.port_office import PortOffice
from tests.support.scenarios.web_console import WAIT_S, Browser, Pages, form_token, served, words

pytestmark = pytest.mark.slow
PEOPLE = {
    "sari": (PersonRole.SUPERVISOR,),
    "siti": (PersonRole.SUPERVISOR,),
    "adi": (PersonRole.ADMINISTRATOR,),
    "budi": (),
}
BY_ADI = {"second_name": "adi", "second_password": PASSWORD}
NEW_HOLDS = {"state-NEW": "1", "state-CLAIMED": "1", "minutes": "5", "reason": "TRIAL"}


@pytest.fixture
async def gated(tmp_path: Path) -> AsyncIterator[GatedOffice]:
    async with gated_office(tmp_path, PEOPLE) as found:
        yield found


@pytest.fixture
async def office(gated: GatedOffice) -> PortOffice:
    return gated.office


async def until_told(browser: Browser, told: str) -> str:
    """Ask for the page until it says something."""
    async with asyncio.timeout(WAIT_S):
        while told not in (page := words(await browser.get("/gates"))):  # noqa: ASYNC110  # as a person does
            await asyncio.sleep(0.05)
    return page


async def until_asked(gated: GatedOffice, *asked: str) -> None:
    """Wait until the gate was asked these, one after another, and nothing else since the last time."""
    async with asyncio.timeout(WAIT_S):
        while len(gated.asked) < len(asked):  # noqa: ASYNC110  # the gate tells nobody
            await asyncio.sleep(0.05)
    assert gated.asked == list(asked)
    gated.asked.clear()


@asynccontextmanager
async def console_of(office: PortOffice, name: str, console: str) -> AsyncIterator[Browser]:
    """A browser at another console, at which somebody has signed in."""
    async with served(office, console) as pages, pages.browser() as found:
        await found.sign_in(name)
        yield found


async def test_two_people_in_their_own_sessions_let_new_alerts_hold_the_gate(
    gated: GatedOffice, office: PortOffice, browser: Browser
) -> None:
    page = await until_told(browser, "Nothing: it goes by its own rules")
    assert "No alert asks a gate to hold." in page
    token = await browser.token("/gates")
    asked = await browser.post("/gates/set", token, second_by="machine", **NEW_HOLDS)
    wait = asked.headers["location"]
    await office.raise_alert()
    assert not office.trail(Action.GATES_SET), "one person alone sets nothing"
    async with console_of(office, "adi", "console-2") as other:
        assert (await other.get("/gates")).status_code == 403, "an administrator sees no alert"
        shown = await other.get("/approvals")
        told = words(shown)
        assert "Set which alerts hold a gate" in told
        assert "States of alerts that hold the gate New, Being checked Minutes after the newest sighting 5" in told
        assert "Reason Trial" in told
        answer, digest = (
            re.search(r'action="(/approvals/[0-9a-f]+/sign)"', shown.text),
            re.search(r'name="digest" value="([0-9a-f]+)"', shown.text),
        )
        assert answer
        assert digest
        await other.post(answer[1], form_token(shown), digest=digest[1])
    assert "has signed" in words(await browser.get(wait.replace("/wait", "/part")))
    form = await browser.get(wait.removesuffix("/wait"))
    assert 'name="state-NEW" value="1" checked' in form.text
    assert 'name="state-REFERRED" value="1" checked' not in form.text, "what was typed is kept"
    signed = form.text.partition('name="signed" value="')[2].partition('"')[0]
    done = await browser.post("/gates/set", form_token(form), signed=signed, **NEW_HOLDS)
    assert done.headers["location"] == "/gates?done=1"
    page = await until_told(browser, "Hold: an officer opens it")
    assert f"{office.people['sari'].display_name}, {office.people['adi'].display_name}" in page
    assert "New Hold: an officer opens it 5 min after the traveller was last seen there" in page
    assert "Confirmed Nothing: it goes by its own rules" in page
    assert "Cleared Go: a person has cleared the alert 10 seconds after the judgement, for 30 seconds" in page
    (entry,) = office.trail(Action.GATES_SET)
    assert json.loads(entry.details) == {"minutes": 5, "reason": "TRIAL", "states": "CLAIMED, NEW"}
    assert all(str(office.people[name].person_id) in entry.objects for name in ("sari", "adi"))
    await until_asked(gated, "none", "hold")
    assert gated.gate.logic.mode is Mode.OFFICER


async def test_only_a_persons_judgement_releases_the_gate(
    gated: GatedOffice, office: PortOffice, browser: Browser
) -> None:
    await until_asked(gated, "none")
    token = await browser.token("/gates")
    every = {f"state-{one}": "1" for one in ("NEW", "CLAIMED", "CANNOT_DETERMINE", "REFERRED", "CONFIRMED")}
    both = every | BY_ADI | {"minutes": "5"}
    assert (await browser.post("/gates/set", token, **both, reason="AGREED")).status_code == 303
    seat = await office.sign_in("budi")
    alert = await office.raise_alert()
    await until_asked(gated, "hold")
    assert (await browser.post("/gates/off", token, **BY_ADI, reason="FAULT")).status_code == 303
    await until_asked(gated, "none")
    assert "Fault of a gate or of its line" in words(await browser.get("/gates"))
    await browser.post("/gates/set", token, **both, reason="AGREED")
    await until_asked(gated, "hold")
    office.clock.go(minutes=5)  # the end of its time releases nobody
    await until_asked(gated, "none")
    await browser.post("/gates/set", token, **both | {"minutes": "60"}, reason="AGREED")
    await until_asked(gated, "hold")
    claimed = await seat.look(await seat.claim(alert), adjudication_pb2.OUTCOME_NOT_SAME_PERSON)
    await seat.judge(claimed, adjudication_pb2.OUTCOME_NOT_SAME_PERSON, adjudication_pb2.REASON_FACE_DIFFERS)
    office.clock.go(seconds=UNDO_FOR.total_seconds())
    await until_asked(gated, "go")
    await until_told(browser, "Go: a person has cleared the alert")
    assert not gated.gate.refused


WRONG: tuple[tuple[dict[str, str], str], ...] = (
    ({"second_name": "", "second_password": ""}, "Enter the name and password"),
    ({"second_name": "sari"}, "Two different people"),
    ({"second_name": "siti"}, "Who can sign: administrator."),
    ({"second_name": "budi"}, "Who can sign: administrator."),
    ({"minutes": "61"}, "Write a whole number from 1 to 60."),
    ({"minutes": "²"}, "Write a whole number from 1 to 60."),
    ({"reason": "BECAUSE"}, "Choose a reason."),
    ({"state-NEW": "", "state-CLAIMED": ""}, "Choose at least one state."),
)


async def test_one_person_or_another_role_sets_nothing_and_what_was_typed_stays(
    office: PortOffice, pages: Pages, browser: Browser, subtests: pytest.Subtests
) -> None:
    for fields, told in WRONG:
        with subtests.test(fields=fields):
            token = await browser.token("/gates")
            answer = await browser.post("/gates/set", token, **NEW_HOLDS | BY_ADI | fields)
            assert (answer.status_code, told in words(answer)) == (409, True)
            assert PASSWORD not in answer.text
            assert f'value="{(NEW_HOLDS | fields)["minutes"]}"' in answer.text
    for name in ("adi", "budi"):
        async with pages.browser() as other:
            await other.sign_in(name)
            token = await other.token("/password")
            assert "/gates" not in (await other.get("/")).text
            refused = await other.post("/gates/set", token, **NEW_HOLDS, second_name="sari", second_password=PASSWORD)
            assert refused.status_code == 403
    assert not office.trail(Action.GATES_SET)


async def test_a_gate_that_does_not_answer_says_so_on_the_page(gated: GatedOffice, browser: Browser) -> None:
    await until_told(browser, "Nothing: it goes by its own rules")
    gated.gate.__exit__()
    try:
        page = await until_told(browser, "Did not take the last notice")
        assert "UNREACHABLE" in page
        gated.office.clock.go(seconds=14)
        page = await until_told(browser, "Does not answer")
        assert "UNREACHABLE" in page
    finally:
        gated.gate.__enter__()
