"""Strangers cannot keep devices from enrolling, and find no port while nobody is invited."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.server.app import Server
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.grpc_api import messages
from cekalwatch.server.grpc_api.servicers.enrolment import MAX_ENROLMENTS, MAX_ENROLMENTS_OF_ADDRESS
from cekalwatch.v1 import enrolment_service_pb2 as pb
from cekalwatch.v1.enrolment_service_pb2_grpc import EnrolmentServiceStub
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.invitation import InvitationCode
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import SITE, Site, certificate_request, now
from tests.support.tools.other_addresses import relayed_from

WAIT_S = 60.0
METHOD = "/cekalwatch.v1.EnrolmentService/EnrolDevice"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def invite(site: Site, name: str = "dep-1") -> InvitationCode:
    return site.pki.invite(Identity(DeviceRole.CAMERA, SITE, name), now(), timedelta(hours=1))


def silent(channel: grpc.aio.Channel) -> Any:
    """Open a call that sends nothing."""
    method: grpc.aio.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(METHOD)
    return method()


async def enrol(channel: grpc.aio.Channel, code: InvitationCode) -> bytes:
    request = pb.EnrolDeviceRequest(invitation_secret=code.secret, certificate_request=certificate_request())
    stub: Any = EnrolmentServiceStub(channel)
    answer = await stub.EnrolDevice(request, timeout=WAIT_S)
    return bytes(answer.certificate_pem)


async def code_of(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await call
    return reason_of(ended.value)


async def test_calls_that_send_nothing_hold_no_place_of_a_device(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "REQUEST_S", WAIT_S)  # they stay for as long as the test
    code = invite(site)
    async with (
        Server(site.settings(enrolment_listen="127.0.0.1:0")) as server,
        AsyncExitStack() as stack,
        asyncio.timeout(WAIT_S),
    ):
        held: list[Any] = []
        for number in range(10, 10 + MAX_ENROLMENTS):
            address = await stack.enter_async_context(relayed_from(f"127.0.0.{number}", server.enrolment_port))
            channel = await stack.enter_async_context(site.stranger(address))
            held += [silent(channel) for _ in range(MAX_ENROLMENTS_OF_ADDRESS)]
            for call in held:
                await call.wait_for_connection()
            # One more is too many, which tells that the others have come. A connection has two calls at once.
            other = await stack.enter_async_context(site.stranger(address))
            assert await code_of(silent(other)) == Code.CALLS_TOO_MANY
        async with site.stranger(f"127.0.0.1:{server.enrolment_port}") as device:
            assert b"BEGIN CERTIFICATE" in await enrol(device, code)
        assert not any(call.done() for call in held)


async def test_a_request_that_does_not_come_ends_its_call(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "REQUEST_S", 0.2)
    invite(site)
    async with (
        Server(site.settings(enrolment_listen="127.0.0.1:0")) as server,
        site.stranger(f"127.0.0.1:{server.enrolment_port}") as channel,
        asyncio.timeout(WAIT_S),
    ):
        assert await code_of(silent(channel)) == Code.REQUEST_STALLED


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it closes at that very moment
        return False
    writer.close()
    return True


@pytest.mark.slow
async def test_the_port_is_open_only_while_somebody_is_invited(site: Site) -> None:
    async with Server(site.settings(enrolment_listen="127.0.0.1:0")) as server, asyncio.timeout(WAIT_S):
        port = server.enrolment_port

        async def is_open() -> bool:
            return await answers(port)

        async def is_closed() -> bool:
            return not await answers(port)

        assert await is_closed()
        code = await asyncio.to_thread(invite, site)
        begun = time.monotonic()
        await becomes(is_open)
        assert time.monotonic() - begun < WAIT_S / 2
        async with site.stranger(f"127.0.0.1:{port}") as channel:
            assert b"BEGIN CERTIFICATE" in await enrol(channel, code)
        await becomes(is_closed)
        await asyncio.to_thread(invite, site, "arr-1")
        await becomes(is_open)
        await asyncio.to_thread(site.pki.revoke, Identity(DeviceRole.CAMERA, SITE, "arr-1"), now())
        await becomes(is_closed)
