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
from cekalwatch.server.auth import limits
from cekalwatch.v1 import alert_service_pb2 as messages
from cekalwatch.v1 import trouble_service_pb2
from cekalwatch.v1.trouble_service_pb2_grpc import TroubleServiceStub
from cekalwatch.wire.identity import DeviceRole
from tests.support.scenarios.port_office import PortOffice, Seat, port_office
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.troubles import Watcher

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
async def test_a_consoles_copied_key_learns_that_something_happens_and_where_and_nobodys_name(
    office: PortOffice,
) -> None:
    files = office.site.device(DeviceRole.CONSOLE, "console-1")
    async with office.site.dialer(office.address, files).aio_channel() as channel:
        call = Seat(channel, "console-1").subscribe()
        assert (await call.read()).WhichOneof("message") == "subscribed"
        alert_id = await office.raise_alert()
        event = await event_at(call)
    assert [one for one in FACTS if one in event.SerializeToString()] == []
    told = STREAM.read(event)
    assert isinstance(told, AlertEvent)
    assert (told.alert.alert_id, told.alert.place.counter, told.alert.score) == (alert_id, "D1", 0.0)


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
    assert (await event_at(mine)).event.alert.subject.name == "Contoh Satu"
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
