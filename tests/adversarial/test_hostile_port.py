"""What a port may not do at its centre, whatever it sends: real streams, with the port's own certificate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import uuid6

from cekalwatch.server.alerts import report_receiver
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist import list_feed
from cekalwatch.v1 import adjudication_pb2, alert_pb2, list_feed_service_pb2, port_pb2, watchlist_pb2
from cekalwatch.v1 import port_service_pb2 as pb
from cekalwatch.v1.list_feed_service_pb2_grpc import ListFeedServiceStub
from cekalwatch.v1.port_service_pb2_grpc import PortServiceStub
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.support.scenarios.alarms import Watcher
from tests.support.scenarios.centre import CENTRE, PORT_NAME, Centre, Supervisor
from tests.support.scenarios.port_office import Seat
from tests.support.scenarios.reporting_port import ReportingPort, alert, camera, event
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.site_pki import SITE, now

WAIT_S = 60.0


@dataclass
class Attack:
    """A centre with a supervisor, and a channel of a port that means harm."""

    centre: Centre
    rina: Supervisor
    channel: grpc.aio.Channel

    async def refused(self, *messages: pb.ReportAlertsRequest, begin: bool = True) -> str:
        """Send messages over a new stream, and return the code with which it ends."""
        port = await ReportingPort.open(self.channel, begin=begin)
        for one in messages:
            await port.call.write(one)
        return await port.error()


@asynccontextmanager
async def attack(folder: Path) -> AsyncIterator[Attack]:
    centre = Centre(folder)
    async with centre.open() as rina, asyncio.timeout(WAIT_S):
        files = centre.site.device(DeviceRole.PORT, PORT_NAME)
        async with centre.site.dialer(centre.address, files).aio_channel() as channel:
            yield Attack(centre, rina, channel)


def late() -> alert_pb2.Alert:
    message = alert()
    message.raised_time.FromDatetime(datetime.now(UTC) + timedelta(days=3))
    return message


def sighted_elsewhere() -> alert_pb2.Alert:
    message = alert()
    sighting = message.sightings.add(capture_id=message.alert_id, camera=camera("sekupang"))
    sighting.capture_time.FromDatetime(datetime.now(UTC))
    return message


def now_elsewhere() -> alert_pb2.Alert:
    message = sighted_elsewhere()
    message.current.CopyFrom(message.sightings.pop())
    return message


def long_note() -> alert_pb2.Alert:
    message = alert()
    finding = message.handling.findings.add(
        outcome=adjudication_pb2.OUTCOME_REFERRED, reason=adjudication_pb2.REASON_FACE_AGREES, note="x" * 1001
    )
    finding.person.person_id = message.alert_id
    finding.find_time.FromDatetime(datetime.now(UTC))
    return message


ABSURD: dict[str, tuple[alert_pb2.Alert, str]] = {
    "another site": (alert("sekupang"), Code.SITE_NOT_ALLOWED),
    "seen at another site": (sighted_elsewhere(), Code.SITE_NOT_ALLOWED),
    "now at another site": (now_elsewhere(), Code.SITE_NOT_ALLOWED),
    "no alert": (alert_pb2.Alert(), Code.ARGUMENT_INVALID),
    "no key": (alert(alert_id="../../etc"), Code.ARGUMENT_INVALID),
    "a score beyond all": (alert(candidates=[alert_pb2.Candidate(subject_id="S-1", score=7)]), Code.ARGUMENT_INVALID),
    "a score that is none": (alert(threshold=float("nan")), Code.ARGUMENT_INVALID),
    "nobody to ask about": (alert(candidates=[]), Code.ARGUMENT_INVALID),
    "another subject": (alert(subject=watchlist_pb2.Subject(subject_id="S-9")), Code.ARGUMENT_INVALID),
    "a key of several lines": (
        alert(
            subject=watchlist_pb2.Subject(subject_id="S\n1"),
            candidates=[alert_pb2.Candidate(subject_id="S\n1", score=0.7)],
        ),
        Code.ARGUMENT_INVALID,
    ),
    "a crowd": (alert(candidates=[alert_pb2.Candidate(subject_id="S-1")] * 11), Code.ARGUMENT_INVALID),
    "in three days": (late(), Code.ARGUMENT_INVALID),
    "no state": (alert(state=0), Code.ARGUMENT_INVALID),
    "a novel": (long_note(), Code.NOTE_INVALID),
}


async def test_nothing_absurd_and_nothing_of_another_site_is_stored(tmp_path: Path) -> None:
    async with attack(tmp_path / "centre") as one:
        for name, (told, code) in ABSURD.items():
            assert await one.refused(event(1, told)) == code, name
        assert await one.rina.alerts() == []


async def test_what_does_not_follow_is_refused(tmp_path: Path) -> None:
    async with attack(tmp_path / "centre") as one:
        assert await one.refused(event(1), begin=False) == Code.REPORT_OUT_OF_ORDER
        assert await one.refused(event(5, previous=3)) == Code.REPORT_OUT_OF_ORDER
        assert await one.refused(event(2, previous=7)) == Code.ARGUMENT_INVALID
        goes_on = pb.ReportAlertsRequest(log_start=port_pb2.LogStart(after_sequence=9))
        assert await one.refused(goes_on, begin=False) == Code.REPORT_OUT_OF_ORDER
        again = pb.ReportAlertsRequest(log_start=port_pb2.LogStart(reason=port_pb2.START_REASON_FIRST))
        assert await one.refused(again) == Code.REPORT_OUT_OF_ORDER, "it begins twice"
        assert await one.refused(event(1), begin=False) == Code.REPORT_OUT_OF_ORDER, "its log has begun, not its stream"
        assert await one.refused(pb.ReportAlertsRequest()) == Code.MESSAGE_EMPTY
        assert await one.refused(pb.ReportAlertsRequest(hello=port_pb2.PortHello())) == Code.HELLO_REPEATED
        assert await one.rina.alerts() == []


async def test_a_port_that_comes_again_replaces_its_stream_and_goes_on_from_what_is_stored(tmp_path: Path) -> None:
    async with attack(tmp_path / "centre") as one:
        former = await ReportingPort.open(one.channel)
        assert not former.start.HasField("position")
        about = alert()
        assert await former.report(1, about) == 1
        later = await ReportingPort.open(one.channel)
        assert (later.start.position.sequence, later.start.position.alert_id) == (1, about.alert_id)
        assert await former.error() == Code.PORT_REPLACED
        assert await later.report(1, about) == 1
        assert await later.report(2) == 2
        assert len((await one.rina.alert(about.alert_id)).alert.steps) == 1
        assert len(await one.rina.alerts()) == 2


def rewritten(about: alert_pb2.Alert, kind: str) -> alert_pb2.Alert:
    """A later version of an alert: another subject, a lower score, cleared or ruled out by nobody, elsewhere."""
    message = alert_pb2.Alert()
    message.CopyFrom(about)
    message.version = 2
    if kind == "subject":
        message.subject.subject_id = message.candidates[0].subject_id = "S-9"
    elif kind == "score":
        message.score = message.candidates[0].score = 0.1
    elif kind == "ruled out":
        message.candidates[0].ruled_out = True
    elif kind == "late":
        message.late = True
    elif kind == "cleared":
        message.state = adjudication_pb2.ALERT_STATE_CLEARED
    else:
        message.camera.counter = "D9"
    return message


async def test_no_later_report_rewrites_an_alert_and_people_are_told_that_one_tried(tmp_path: Path) -> None:
    async with attack(tmp_path / "centre") as one:
        port = await ReportingPort.open(one.channel)
        about = alert()
        await port.report(1, about)
        before = (await one.rina.alert(about.alert_id)).alert
        facts = {
            "subject": "candidates",
            "score": "score",
            "ruled out": "candidates",
            "late": "sightings",
            "cleared": "state",
            "place": "camera",
        }
        for number, kind in enumerate(facts, start=2):
            assert await port.report(number, rewritten(about, kind)) == number
            assert (await one.rina.alert(about.alert_id)).alert == before, kind
        entries = one.centre.trail(Action.PORT_CONTRADICTED)
        assert [json.loads(each.objects) for each in entries] == [[f"alert:{about.alert_id}"]] * len(facts)
        assert [json.loads(each.details)["facts"] for each in entries] == list(facts.values())
        async with Watcher(one.rina.channel).watching() as watcher:
            await watcher.until(lambda seen: f"PORT_CONTRADICTS {SITE}/{PORT_NAME}" in seen.kinds, WAIT_S)
        about.state, about.version = adjudication_pb2.ALERT_STATE_CLAIMED, 2
        await port.report(len(facts) + 2, about)
        assert (await one.rina.alert(about.alert_id)).alert.alert.version == 2, "what is in order goes on"


async def test_nothing_goes_at_a_ports_word(tmp_path: Path) -> None:
    async with attack(tmp_path / "centre") as one:
        port = await ReportingPort.open(one.channel)
        about = alert()
        await port.report(1, about)
        await port.call.write(pb.ReportAlertsRequest(held=port_pb2.HeldAlerts()))
        assert await port.report(2) == 2
        assert len((await one.rina.alert(about.alert_id)).alert.steps) == 1
        assert len(await one.rina.alerts()) == 2


async def test_a_port_that_is_revoked_is_cut_off_at_once_and_what_it_told_stays(tmp_path: Path) -> None:
    async with attack(tmp_path / "centre") as one:
        port = await ReportingPort.open(one.channel)
        assert await port.report(1) == 1
        one.centre.site.pki.revoke(Identity(DeviceRole.PORT, SITE, PORT_NAME), now())
        assert await port.error() == Code.CERTIFICATE_REVOKED
        again = ReportingPort(PortServiceStub(one.channel).ReportAlerts(), port_pb2.ReportStart())
        assert await again.error() == Code.CERTIFICATE_REVOKED, "it is refused before it says a word"
        assert len(await one.rina.alerts()) == 1
        (state,) = await one.rina.ports()
        assert not state.connected


async def test_more_than_the_window_at_once_ends_the_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with attack(tmp_path / "centre") as one:
        port = await ReportingPort.open(one.channel)
        about = alert()
        with pytest.raises((grpc.aio.AioRpcError, asyncio.InvalidStateError)):
            for number in range(1, 1000 * port.start.window):
                await port.call.write(event(number, about))
        # gRPC's client may forget why a stream ended that it still writes to; the log of the centre says it.
        assert await port.call.code() is not grpc.StatusCode.OK
    assert Code.REPORTS_TOO_MANY in capsys.readouterr().out


async def test_a_port_that_comes_again_and_again_reports_no_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_receiver, "EVENTS_PER_S", 0.05)
    monkeypatch.setattr(report_receiver, "MAX_EVENTS", 4.0)
    async with attack(tmp_path / "centre") as one:
        port = await ReportingPort.open(one.channel)
        assert [await port.report(number) for number in (1, 2)] == [1, 2]
        again = await ReportingPort.open(one.channel)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await again.report(3)


@pytest.mark.slow
@pytest.mark.parametrize("picture", [b"GIF89a", b"\xff\xd8\xff\xe0 no picture", b"\xff\xd8" + b"x" * 100_000])
async def test_what_is_no_picture_of_the_agreed_form_reaches_no_officer(tmp_path: Path, picture: bytes) -> None:
    async with attack(tmp_path / "centre") as one:
        port = await ReportingPort.open(one.channel)
        about = alert()
        about.probe_capture_id = about.alert_id
        await port.report(1, about)
        asking = asyncio.create_task(refusal(one.rina.alert(about.alert_id, images=True)))
        asked = (await port.next("picture_request")).picture_request
        assert (asked.alert_id, asked.asked_by.partition(":")[0]) == (about.alert_id, "person")
        answer = port_pb2.PortPicture(request_id=asked.request_id, probe_jpeg=picture)
        await port.call.write(pb.ReportAlertsRequest(picture=answer))
        assert await port.error() == Code.ARGUMENT_INVALID
        assert await asking == Code.PORT_AWAY


async def test_steps_on_a_ports_alert_are_refused_at_the_centre_and_say_where_it_is_decided(tmp_path: Path) -> None:
    async with attack(tmp_path / "centre") as one:
        port = await ReportingPort.open(one.channel)
        about = alert()
        await port.report(1, about)
        seat = Seat(one.rina.channel, "pc-rina", one.rina.token)
        claimed = await seat.refusal("ClaimAlert", alert_id=about.alert_id, agent_id="pc-rina")
        assert claimed == Code.ALERT_OF_PORT
        assert await seat.refusal("CloseAlert", alert_id=about.alert_id, version=1) == Code.ALERT_OF_PORT


async def test_a_supervisor_of_another_site_sees_that_sites_ports_only(tmp_path: Path) -> None:
    async with attack(tmp_path / "centre") as one:
        port = await ReportingPort.open(one.channel)
        about, elsewhere = alert(), alert(CENTRE)
        await port.report(1, about)
        files = one.centre.site.device(DeviceRole.PORT, PORT_NAME, CENTRE)
        async with (
            one.centre.site.dialer(one.centre.address, files).aio_channel() as channel,
            one.centre.supervisor(SITE) as there,
        ):
            await (await ReportingPort.open(channel)).report(1, elsewhere)
            assert len(await one.rina.alerts()) == 2
            assert [each.alert.alert_id for each in await there.alerts()] == [about.alert_id]
            assert [each.site for each in await there.ports()] == [SITE]
            assert await refusal(there.alerts(site=CENTRE)) == Code.SITE_NOT_ALLOWED
            there_not = there.call("GetPortAlert", site=CENTRE, port=PORT_NAME, alert_id=elsewhere.alert_id)
            assert await refusal(there_not) == Code.ALERT_NOT_FOUND
        assert await refusal(one.rina.call("GetPortAlert", site="jakarta", port="x", alert_id=about.alert_id)) == (
            Code.ALERT_NOT_FOUND
        )


async def refusal(call: Any) -> str:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return reason_of(error)
    raise AssertionError("it was not refused")


async def test_the_list_is_not_given_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_feed, "AGAIN_AT_ONCE", 5.0)
    monkeypatch.setattr(list_feed, "AGAIN_PER_S", 0.1)
    async with attack(tmp_path / "centre") as one:
        stub: Any = ListFeedServiceStub(one.channel)
        port = list_feed_service_pb2.PortServer(sites=[SITE], run_id=str(uuid6.uuid7()))
        whole = list_feed_service_pb2.ReadListRequest(port=port)
        page = await stub.ReadList(whole)
        assert page.subjects, "whoever begins is given all"
        (subject,) = page.subjects
        asked = list_feed_service_pb2.FetchReferencesRequest(
            port=port, subject_id=subject.subject_id, reference_ids=[subject.references[0].reference_id]
        )
        for _ in range(2):
            assert [piece async for piece in stub.FetchReferences(asked)]
        for _ in range(5):
            await stub.ReadList(whole)
        assert await refusal(stub.ReadList(whole)) == Code.RATE_EXCEEDED
        assert await refusal(stub.FetchReferences(asked).read()) == Code.RATE_EXCEEDED
        assert await stub.ReadList(list_feed_service_pb2.ReadListRequest(port=port, position=page.position))
