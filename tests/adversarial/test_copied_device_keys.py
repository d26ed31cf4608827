"""Attack: whoever has copied the key of a console or of an officer's PC, and can sign nobody in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.contract.codec.alerts import STREAM
from cekalwatch.contract.values.alerts import AlertEvent
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.auth import limits
from cekalwatch.v1 import alert_pb2, session_service_pb2, trouble_service_pb2
from cekalwatch.v1 import alert_service_pb2 as messages
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub
from cekalwatch.v1.trouble_service_pb2_grpc import TroubleServiceStub
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tokens import bearer
from tests.support.scenarios.alarms import Watcher
from tests.support.scenarios.port_office import PortOffice, Seat, port_office
from tests.support.scenarios.server import reason_of

WAIT_S = 60.0
FACTS = (b"Contoh Satu", b"S-1", b"O-1")
"""Of the listed person: the name, the subject and the order."""


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    found = port_office(tmp_path, {"budi": ()})
    async with found.open():
        yield found


async def event_at(call: Any) -> Any:
    """Return the next event of a stream."""
    async with asyncio.timeout(WAIT_S):
        while True:
            message = await call.read()
            if message is grpc.aio.EOF or message.WhichOneof("message") == "event":
                return message


@pytest.mark.slow
@pytest.mark.parametrize("role", [DeviceRole.CONSOLE, DeviceRole.NOTIFIER])
async def test_a_copied_key_learns_that_something_happens_and_where_and_nobodys_name(
    office: PortOffice, role: DeviceRole
) -> None:
    budi = await office.sign_in("budi")
    files = office.site.device(role, "device-1")
    async with office.site.dialer(office.address, files).aio_channel() as channel:
        call = Seat(channel, "device-1").subscribe()
        assert (await call.read()).WhichOneof("message") == "subscribed"
        alert_id = await office.raise_alert()
        events = [await event_at(call)]
        call.cancel()
        office.clock.go(minutes=2)
        call = Seat(channel, "device-1").subscribe()
        await call.read()
        waiting = await call.read()
        await budi.judge(await budi.claim(alert_id), note="he had a scar")
        while events[-1].event.type != alert_pb2.ALERT_EVENT_TYPE_ADJUDICATED:
            events.append(await event_at(call))
    budis = office.people["budi"]
    facts = (*FACTS, b"a scar", str(budis.person_id).encode(), budis.display_name.encode())
    assert [one for one in facts for told in (*events, waiting) if one in told.SerializeToString()] == []
    assert (waiting.waiting_alert.alert_id, waiting.waiting_alert.camera.counter) == (alert_id, "D1")
    told = STREAM.read(events[0])
    assert isinstance(told, AlertEvent)
    assert (told.alert.alert_id, told.alert.place.counter, told.alert.score) == (alert_id, "D1", 0.0)
    (deliveries,) = {one.objects for one in office.trail(Action.ALERT_DELIVERED)}
    assert "subject:" not in deliveries, "the audit trail says who was told of whom"


@pytest.mark.slow
async def test_a_pc_is_told_names_for_as_long_as_somebody_is_signed_in_there(office: PortOffice) -> None:
    budi = await office.sign_in("budi", "pc-1")
    call = budi.subscribe(named=True)
    assert (await call.read()).WhichOneof("message") == "subscribed"
    alert_id = await office.raise_alert()
    assert not (await event_at(call)).event.alert.subject.name, "before the first look"
    await budi.look(await budi.get(alert_id))
    assert (await event_at(call)).event.alert.subject.name == "Contoh Satu"
    stub: Any = SessionServiceStub(budi.channel)
    await stub.SignOut(session_service_pb2.SignOutRequest(), metadata=bearer(budi.token))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        while await event_at(call) is not grpc.aio.EOF:
            pass
    assert reason_of(caught.value) == "SESSION_ENDED"
    call = budi.subscribe()
    await office.raise_alert(track="2")
    assert not (await event_at(call)).event.alert.subject.name


@pytest.mark.slow
async def test_a_pcs_copied_key_keeps_the_pc_from_nothing_and_is_told(
    office: PortOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_TOKENS", 1e9)  # the thief is patient
    thief, pc = await office.pc("pc-1"), await office.pc("pc-1")
    stub: Any = TroubleServiceStub(thief.channel)
    pc_stub: Any = TroubleServiceStub(pc.channel)
    held = []
    for _ in range(5):
        for call in (stub.WatchTroubles(trouble_service_pb2.WatchTroublesRequest()), thief.subscribe()):
            held.append(call)
            with suppress(grpc.aio.AioRpcError):
                await call.read()
    problems = pc_stub.WatchTroubles(trouble_service_pb2.WatchTroublesRequest())
    assert (await problems.read()).WhichOneof("message") == "open"
    mine = pc.subscribe()
    assert (await mine.read()).WhichOneof("message") == "subscribed", "ten streams of the thief keep it out"
    await office.raise_alert()
    assert (await event_at(mine)).event.alert.camera.counter == "D1"
    for call in held:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async with asyncio.timeout(WAIT_S):
                while await call.read() is not grpc.aio.EOF:
                    pass
        assert reason_of(caught.value) == "STREAM_ELSEWHERE"
    supervisor = await office.pc("pc-2")
    async with Watcher(supervisor.channel).watching() as watcher:
        await watcher.until(lambda one: "DEVICE_TWICE batam-center/notifier/pc-1" in one.kinds, WAIT_S)


@pytest.mark.slow
async def test_a_pc_that_comes_back_is_not_two(office: PortOffice) -> None:
    pc = await office.pc("pc-1")
    calls = []
    for _ in range(2):
        calls.append(pc.alerts.SubscribeAlerts(messages.SubscribeAlertsRequest(agent_id="pc-1"), timeout=WAIT_S))
        await calls[-1].read()
    supervisor = await office.pc("pc-2")
    async with Watcher(supervisor.channel).watching() as watcher:
        await asyncio.sleep(3)
        assert not [one for one in watcher.kinds if one.startswith("DEVICE_TWICE")]
