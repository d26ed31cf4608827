"""Attack: whoever has copied a notifier's certificate, and can sign nobody in, asks for the names of people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.alerts.fanout import Fanout
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.auth import limits
from cekalwatch.server.auth.rights import RIGHTS
from cekalwatch.v1 import alert_service_pb2 as messages
from cekalwatch.v1 import (
    audit_service_pb2,
    camera_service_pb2,
    capture_service_pb2,
    device_service_pb2,
    enrolment_service_pb2,
    list_feed_service_pb2,
    operations_service_pb2,
    people_service_pb2,
    port_service_pb2,
    report_service_pb2,
    session_service_pb2,
    shift_service_pb2,
    trouble_service_pb2,
    watchlist_service_pb2,
)
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub
from cekalwatch.wire.tokens import bearer
from tests.support.scenarios.port_office import PortOffice, Seat, port_office, sign_in
from tests.support.scenarios.server import reason_of

WAIT_S = 60.0
NAME = b"Contoh Satu"
CONTRACT = (
    messages,
    audit_service_pb2,
    camera_service_pb2,
    capture_service_pb2,
    device_service_pb2,
    list_feed_service_pb2,
    operations_service_pb2,
    people_service_pb2,
    port_service_pb2,
    report_service_pb2,
    session_service_pb2,
    shift_service_pb2,
    trouble_service_pb2,
    watchlist_service_pb2,
)
FOR_STRANGERS = enrolment_service_pb2.DESCRIPTOR.services_by_name["EnrolmentService"]
"""It has a port of its own, where certificates are given out; nothing else is answered there."""
ALONE = {
    "/cekalwatch.v1.AlertService/SubscribeAlerts": "that something happens, where and when, after what it has shown",
    "/cekalwatch.v1.AlertService/AcknowledgeAlerts": "its own position",
    "/cekalwatch.v1.TroubleService/WatchTroubles": "cameras and sources; nothing of a traveller or a subject",
    "/cekalwatch.v1.SessionService/GetSignInMethods": "which identity provider the server has, as any browser does",
    "/cekalwatch.v1.SessionService/SignIn": "whether a name and a password are right",
}
"""All that a notifier's certificate alone is answered, and what it learns by that."""


@pytest.fixture
async def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PortOffice]:
    monkeypatch.setattr(limits, "DEFAULT_COST", limits.STATUS_COST)  # one device calls every method
    found = port_office(tmp_path, {"budi": (), "adi": (PersonRole.ADMINISTRATOR,)})
    async with found.open():
        yield found


async def answer(seat: Seat, method: str, request: bytes = b"") -> tuple[str, bytes]:
    """Send one message to a method of any kind; return the refusal's code, or an empty text and the first answer."""
    ask: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = seat.channel.unary_stream(method)
    call = ask(request, timeout=WAIT_S)
    try:
        first = await call.read()
    except grpc.aio.AioRpcError as error:
        return reason_of(error), b""
    finally:
        call.cancel()
    return "", first if isinstance(first, bytes) else b""


async def start_of(seat: Seat, token: str = "", **start: Any) -> tuple[str, int]:
    """Subscribe; return the refusal's code, or an empty text and the event after which the stream begins."""
    request = messages.SubscribeAlertsRequest(agent_id=seat.agent_id, **start)
    call = seat.alerts.SubscribeAlerts(request, metadata=bearer(token), timeout=WAIT_S)
    try:
        first = await call.read()
    except grpc.aio.AioRpcError as error:
        return reason_of(error), -1
    finally:
        call.cancel()
    return "", first.subscribed.after_sequence


def methods() -> set[str]:
    return {
        f"/{service.full_name}/{method.name}"
        for module in CONTRACT
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }


@pytest.mark.slow
async def test_every_method_of_the_contract_is_in_the_table_and_asks_for_a_person_or_gives_no_name(
    office: PortOffice,
) -> None:
    assert methods() == {method for method in RIGHTS if method.startswith("/cekalwatch.")}
    assert {method.name for method in FOR_STRANGERS.methods} == {"EnrolDevice"}
    await office.raise_alert()
    thief = await office.pc("pc-1")
    for method in sorted(methods()):
        agent = messages.SubscribeAlertsRequest(agent_id="pc-1").SerializeToString()
        code, told = await answer(thief, method, agent if "/AlertService/" in method else b"")
        assert NAME not in told, method
        if method not in ALONE:
            assert code in {"SIGN_IN_NEEDED", "METHOD_NOT_ALLOWED"}, (method, code)


@pytest.mark.slow
async def test_a_copied_certificate_gets_nothing_of_what_its_pc_has_shown(office: PortOffice) -> None:
    pc = await office.pc("pc-1")
    assert (await start_of(pc))[0] == ""
    await office.raise_alert()
    shown = await _next(pc)
    await pc.alerts.AcknowledgeAlerts(messages.AcknowledgeAlertsRequest(agent_id="pc-1", sequence=shown.sequence))
    for start in ({"from_start": empty_pb2.Empty()}, {"after_sequence": 0}, {"after_sequence": shown.sequence - 1}):
        assert await start_of(pc, **start) == ("SIGN_IN_NEEDED", -1)
    for start in ({}, {"now": empty_pb2.Empty()}, {"after_sequence": shown.sequence}):
        assert await start_of(pc, **start) == ("", shown.sequence)
    other = messages.SubscribeAlertsRequest(agent_id="pc-2", from_start=empty_pb2.Empty()).SerializeToString()
    assert (await answer(pc, "/cekalwatch.v1.AlertService/SubscribeAlerts", other))[0] == "NAME_NOT_ALLOWED"


@pytest.mark.slow
async def test_a_device_that_never_was_there_gets_nothing_of_what_was_before_it(office: PortOffice) -> None:
    await office.raise_alert()
    fresh = await office.pc("pc-fresh")
    for start in ({"from_start": empty_pb2.Empty()}, {"after_sequence": 0}):
        assert await start_of(fresh, **start) == ("SIGN_IN_NEEDED", -1)
    code, begins = await start_of(fresh)
    assert (code, begins) == ("", 1)
    # What comes before its first acknowledgement is its own all the same, also when the stream breaks.
    await office.raise_alert(track="2")
    assert (await _next(fresh)).sequence > begins
    assert (await _next(fresh)).sequence > begins


@pytest.mark.slow
async def test_what_this_server_has_not_read_yet_is_history_too_and_the_same_log(
    office: PortOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when another server wrote it a moment ago: a PC that came from there must not think the log was replaced."""
    monkeypatch.setattr(Fanout, "wake", lambda _: None)
    monkeypatch.setattr(Fanout, "catch_up", asyncio.Event().wait)
    await office.raise_alert()
    pc = await office.pc("pc-1")
    call = pc.alerts.SubscribeAlerts(messages.SubscribeAlertsRequest(agent_id="pc-1"), timeout=WAIT_S)
    subscribed = (await call.read()).subscribed
    call.cancel()
    assert (subscribed.after_sequence, subscribed.head_sequence) == (1, 1)


@pytest.mark.slow
async def test_history_takes_somebody_who_sees_alerts_and_ends_with_their_session(office: PortOffice) -> None:
    await office.raise_alert()
    pc = await office.pc("pc-1")
    assert (await start_of(pc)) == ("", 1)
    whole: dict[str, Any] = {"from_start": empty_pb2.Empty()}
    assert await start_of(pc, await sign_in(pc.channel, "adi"), **whole) == ("PERSON_ROLE_NEEDED", -1)
    assert await start_of(pc, "A" * 43, **whole) == ("SESSION_ENDED", -1)
    token = await sign_in(pc.channel, "budi")
    elsewhere = await office.pc("pc-2")
    assert await start_of(elsewhere, token, **whole) == ("SESSION_ENDED", -1)
    request = messages.SubscribeAlertsRequest(agent_id="pc-1", **whole)
    call = pc.alerts.SubscribeAlerts(request, metadata=bearer(token))
    assert (await call.read()).subscribed.after_sequence == 0
    stub: Any = SessionServiceStub(pc.channel)  # the generated stubs are typed for one kind of channel only
    await stub.SignOut(session_service_pb2.SignOutRequest(), metadata=bearer(token))
    with suppress(grpc.aio.AioRpcError):
        async with asyncio.timeout(WAIT_S):
            while await call.read() is not grpc.aio.EOF:
                pass
    assert await call.code() is grpc.StatusCode.UNAUTHENTICATED
    opened = office.trail(Action.SUBSCRIPTION_OPENED)
    assert opened[-1].actor.startswith(f"person:{office.people['budi'].person_id}@")


async def _next(seat: Seat) -> Any:
    """Return the next event of the stream from the agent's own position."""
    call = seat.subscribe()
    async with asyncio.timeout(WAIT_S):
        while True:
            message = await call.read()
            if message.WhichOneof("message") == "event":
                call.cancel()
                return message.event
