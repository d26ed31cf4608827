"""Two faces first: whatever a screen asks the server, it tells faces, place and time before the first look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.v1 import adjudication_pb2 as words
from cekalwatch.v1 import alert_pb2, alert_service_pb2
from tests.support.scenarios.port_office import PortOffice, Seat, events_until, port_office

pytestmark = pytest.mark.usefixtures("_bounded")

SECRETS = ("Contoh Satu", "S-1", "O-1", "Kejaksaan", "KEP-", "the scar")
LOOKED = alert_pb2.ALERT_EVENT_TYPE_LOOKED


@pytest.fixture
async def _bounded() -> AsyncIterator[None]:
    async with asyncio.timeout(120):
        yield


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    people = {"budi": (), "ani": (), "siti": (PersonRole.SUPERVISOR,), "dewi": (PersonRole.AUDITOR,)}
    office = port_office(tmp_path, people, grouping_window_seconds=0)
    async with office.open():
        yield office


def parts(message: Message) -> Iterator[Message]:
    """A message and all messages in it."""
    yield message
    for field, content in message.ListFields():
        for one in content if field.is_repeated else [content]:
            if isinstance(one, Message):
                yield from parts(one)


def leaks(message: Message) -> list[object]:
    """What a message says that comes after a first look."""
    found: list[object] = [word for word in SECRETS if word.encode() in message.SerializeToString()]
    for part in parts(message):
        found += [part for name in ("score", "threshold") if getattr(part, name, 0)]
        found += [part] if isinstance(part, words.Finding) and part.outcome != words.OUTCOME_TAKEN_OVER else []
        found += [part] if isinstance(part, (words.Look, alert_pb2.Candidate)) else []
    return found


async def told(seat: Seat, alert_id: str) -> AsyncIterator[tuple[str, Message]]:
    """What the server answers to each call with which a screen shows alerts."""
    yield "ListAlerts", await seat.call("ListAlerts")
    yield "ListChangedAlerts", await seat.call("ListChangedAlerts", after_sequence=0)
    yield "GetAlert", await seat.call("GetAlert", alert_id=alert_id)
    yield "GetAlert with pictures", await seat.call("GetAlert", alert_id=alert_id, include_images=True)
    yield "ListAlertFaces", await seat.call("ListAlertFaces", alert_ids=[alert_id])
    yield "ClaimAlert", await seat.call("ClaimAlert", alert_id=alert_id, agent_id=seat.agent_id)
    yield "ReleaseAlert", await seat.call("ReleaseAlert", alert_id=alert_id, agent_id=seat.agent_id)


@pytest.mark.slow
async def test_no_answer_tells_more_than_faces_place_and_time_before_the_first_look(office: PortOffice):
    budi, ani = await office.sign_in("budi"), await office.sign_in("ani")
    stream = budi.subscribe(named=True)
    alert_id = await office.raise_alert()
    (raised,) = await events_until(stream, lambda _: True)
    assert not leaks(raised)
    async for name, answer in told(budi, alert_id):
        assert not leaks(answer), name
    pictures = (await budi.call("GetAlert", alert_id=alert_id, include_images=True)).images
    assert pictures.probe_jpeg
    assert all(one.jpeg for one in pictures.references), "both faces are there"
    assert raised.alert.camera.counter, "and the place"

    before = await budi.get(alert_id)
    whole = await budi.look(before, words.OUTCOME_NOT_SAME_PERSON)
    assert (whole.subject.name, whole.first_look) == ("Contoh Satu", words.FIRST_LOOK_TAKEN)
    assert whole.score > whole.threshold > 0
    assert whole.asked_key == before.asked_key
    async for name, answer in told(budi, alert_id):
        assert name == "ListAlertFaces" or b"Contoh Satu" in answer.SerializeToString(), name
    events = await events_until(stream, lambda event: event.type == LOOKED)
    assert events[-1].alert.subject.name == "Contoh Satu"
    async for name, answer in told(ani, alert_id):
        assert not leaks(answer), f"{name} of somebody else"
    stream.cancel()


def judged(event: alert_pb2.AlertEvent) -> bool:
    return event.type == alert_pb2.ALERT_EVENT_TYPE_ADJUDICATED


@pytest.mark.slow
async def test_a_pc_without_a_person_or_with_another_is_told_nothing_that_comes_after_a_look(office: PortOffice):
    budi = await office.sign_in("budi")
    empty, other = await office.pc("pc-hall"), await office.sign_in("ani")
    streams = [empty.subscribe(), other.subscribe(named=True)]
    alert_id = await office.raise_alert()
    await budi.judge(await budi.look(await budi.claim(alert_id)), note="the scar")
    for stream in streams:
        for event in await events_until(stream, judged):
            assert not leaks(event), event.type
        stream.cancel()


@pytest.mark.slow
async def test_a_supervisor_is_not_told_what_the_officer_found_before_they_looked(office: PortOffice):
    budi, siti = await office.sign_in("budi"), await office.sign_in("siti")
    alert_id = await office.raise_alert()
    referred = await budi.judge(await budi.look(await budi.claim(alert_id)), note="the scar")
    assert referred.state == words.ALERT_STATE_REFERRED
    before = await siti.get(alert_id)
    assert before.state == words.ALERT_STATE_UNSPECIFIED
    assert not leaks(before)
    answer = await siti.call("ListAlerts", subject_id="S-1")
    assert not answer.alerts, "a search does not tell either"
    after = await siti.look(before)
    assert after.state == words.ALERT_STATE_REFERRED
    assert [one.finding for one in after.handling.looks] == [words.OUTCOME_REFERRED] * 2
    assert after.handling.findings[0].note == "the scar"
    hit = await siti.confirm(after)
    assert hit.state == words.ALERT_STATE_CONFIRMED
    assert (await (await office.sign_in("ani")).get(alert_id)).subject.name == "Contoh Satu", "what is settled is told"
    assert len(office.trail(Action.ALERT_LOOKED)) == 2


@pytest.mark.slow
async def test_an_auditor_judges_nothing_and_sees_all(office: PortOffice):
    alert_id = await office.raise_alert()
    dewi = await office.sign_in("dewi")
    assert (await dewi.get(alert_id)).subject.name == "Contoh Satu"
    assert await dewi.refusal("RecordLook", alert_id=alert_id, version=1, finding=1) == "PERSON_ROLE_NEEDED"


def test_every_call_that_returns_an_alert_is_named_here():
    """A new one must withhold what comes after a first look too."""
    service: Any = alert_service_pb2.DESCRIPTOR.services_by_name["AlertService"]
    with_alerts = {
        method.name
        for method in service.methods
        if "cekalwatch.v1.Alert" in {field.message_type.full_name for field in _fields(method.output_type)}
    }
    by_people = {"TakeOverAlert", "AdjudicateAlert", "ConfirmAlert", "EnterReference", "ClearAlert", "RecordFollowUp"}
    assert with_alerts == {
        *("SubscribeAlerts", "ListAlerts", "ListChangedAlerts", "GetAlert", "ClaimAlert", "ReleaseAlert"),
        *("RecordLook", "UndoJudgement", "CloseAlert", *by_people),
    }


def _fields(message: Any) -> Iterator[Any]:
    for field in message.fields:
        if field.message_type:
            yield field
            yield from _fields(field.message_type)
