"""An administrator keeps devices through a real server: invites, withdraws, revokes, and sees what there is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.v1 import device_pb2 as words
from cekalwatch.v1 import device_service_pb2 as messages
from cekalwatch.v1 import enrolment_service_pb2, enrolment_service_pb2_grpc
from cekalwatch.v1.device_service_pb2_grpc import DeviceServiceStub
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.invitation import DeviceInvitation, public_id
from cekalwatch.wire.tls import TlsFiles
from cekalwatch.wire.tokens import bearer
from tests.support.scenarios.enrolling import enrolled
from tests.support.scenarios.port_office import PortOffice, port_office, sign_in
from tests.support.scenarios.server import CAMERAS, reason_of
from tests.support.scenarios.site_pki import SITE, certificate_request, now

pytestmark = pytest.mark.slow
OTHER_SITE = "sekupang"
WAIT_S = 30.0
CAMERA, NOTIFIER = words.DEVICE_ROLE_CAMERA, words.DEVICE_ROLE_NOTIFIER


class Administrator:
    """Somebody who has signed in at a console."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self.stub: Any = DeviceServiceStub(channel)
        self._metadata = bearer(token)

    async def call(self, method: str, /, **fields: Any) -> Any:
        request = getattr(messages, f"{method}Request")(**fields)
        return await getattr(self.stub, method)(request, metadata=self._metadata, timeout=WAIT_S)

    async def refusal(self, method: str, /, **fields: Any) -> str:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self.call(method, **fields)
        return reason_of(refused.value)

    async def devices(self) -> dict[tuple[int, str], words.Device]:
        answer = await self.call("ListDevices")
        return {(one.role, one.name): one for one in answer.devices}


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as found:
        yield found


async def opened(stack: AsyncExitStack, folder: Path, **overrides: Any) -> tuple[PortOffice, Administrator]:
    """An office with two sites, and its administrator, who works at the first."""
    cameras = (*CAMERAS, {"camera_id": "dep-2", "site": OTHER_SITE, "counter": "D2", "direction": "DEPARTURE"})
    usual = {"enrolment_listen": "127.0.0.1:0", "sites": ({"site": SITE}, {"site": OTHER_SITE}), "cameras": cameras}
    office = port_office(folder, {"adi": (PersonRole.ADMINISTRATOR,)}, **usual | overrides)
    await stack.enter_async_context(office.open())
    files = office.site.device(DeviceRole.CONSOLE, "console")
    channel = await stack.enter_async_context(office.site.dialer(office.address, files).aio_channel())
    return office, Administrator(channel, await sign_in(channel, "adi"))


async def test_a_device_is_invited_enrols_connects_and_is_revoked(stack: AsyncExitStack, tmp_path: Path) -> None:
    office, adi = await opened(stack, tmp_path)
    waiting = (await adi.devices())[CAMERA, "dep-1"]
    assert (waiting.site, waiting.counter, len(waiting.certificates), waiting.connected) == (SITE, "D1", 0, False)
    invited = await adi.call("InviteDevice", role=NOTIFIER, site=SITE, name="pc-d1", counters=["D1"], valid_minutes=5)
    found = DeviceInvitation.parse(invited.invitation)
    assert (found.identity, found.counters) == (Identity(DeviceRole.NOTIFIER, SITE, "pc-d1"), ("D1",))
    assert (found.server, found.code.text) == (office.address.replace("127.0.0.1", "localhost"), invited.code)
    expires_at = invited.expire_time.ToDatetime(UTC)
    assert timedelta(minutes=4) < expires_at - now() < timedelta(minutes=6)
    open_until = (await adi.devices())[NOTIFIER, "pc-d1"].invitation_expire_time
    assert abs(open_until.ToDatetime(UTC) - expires_at) < timedelta(seconds=1)
    await enrolled(found, tmp_path / "pc-d1")
    async with office.site.dialer(office.address, TlsFiles(tmp_path / "pc-d1")).aio_channel() as channel:
        token = await sign_in(channel, office.hire("budi").sign_in_name)
        assert token
        device = (await adi.devices())[NOTIFIER, "pc-d1"]
        assert (len(device.certificates), device.HasField("invitation_expire_time")) == (1, False)
        assert device.HasField("last_heard_time")
        assert await adi.refusal("InviteDevice", role=NOTIFIER, site=SITE, name="pc-d1") == "DEVICE_HAS_CERTIFICATE"
        answer = await adi.call("RevokeDevice", role=NOTIFIER, site=SITE, name="pc-d1")
        assert (answer.certificates, answer.recorded) == (1, True)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async with asyncio.timeout(WAIT_S):
                while True:
                    await sign_in(channel, "budi")
        assert reason_of(refused.value) == "CERTIFICATE_REVOKED"
    assert (await adi.devices())[NOTIFIER, "pc-d1"].certificates[0].HasField("revoke_time")
    assert await adi.refusal("RevokeDevice", role=NOTIFIER, site=SITE, name="pc-d1") == "DEVICE_UNKNOWN"
    by = f"person:{office.people['adi'].person_id}@"
    trail = office.trail(Action.DEVICE_INVITED, Action.CERTIFICATES_REVOKED)
    assert [json.loads(one.objects) for one in trail] == [[f"device:{SITE}/notifier/pc-d1"]] * 2
    assert all(one.actor.startswith(by) for one in trail)
    assert json.loads(trail[0].details) == {"invitation": public_id(found.code.secret), "minutes": 5}
    assert invited.code not in str(office.trail())


async def test_an_invitation_that_was_withdrawn_lets_nobody_in(stack: AsyncExitStack, tmp_path: Path) -> None:
    office, adi = await opened(stack, tmp_path)
    await adi.call("InviteDevice", role=CAMERA, name="arr-1")  # so that the port stays open
    invited = await adi.call("InviteDevice", role=CAMERA, name="dep-1")
    found = DeviceInvitation.parse(invited.invitation)
    assert found.identity.site == SITE, "a camera's site is that of the settings"
    which = {"role": CAMERA, "site": SITE, "name": "dep-1"}
    await adi.call("CancelInvitation", **which)
    assert await adi.refusal("CancelInvitation", **which) == "DEVICE_UNKNOWN"
    async with office.site.stranger(found.enrol) as channel:
        stub: Any = enrolment_service_pb2_grpc.EnrolmentServiceStub(channel)
        request = enrolment_service_pb2.EnrolDeviceRequest(
            invitation_secret=found.code.secret, certificate_request=certificate_request()
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.EnrolDevice(request, wait_for_ready=True, timeout=WAIT_S)
    assert reason_of(refused.value) == "INVITATION_INVALID"
    assert len(office.trail(Action.INVITATION_WITHDRAWN)) == 1


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"role": CAMERA, "name": "no-such-camera"}, "UNKNOWN_CAMERA"),
    ({"role": CAMERA, "site": SITE, "name": "dep-2"}, "DEVICE_INVALID"),
    ({"role": CAMERA, "name": "dep-2"}, "PERSON_SITE_NOT_ALLOWED"),
    ({"role": NOTIFIER, "site": OTHER_SITE, "name": "pc-1"}, "PERSON_SITE_NOT_ALLOWED"),
    ({"role": NOTIFIER, "site": "nowhere", "name": "pc-1"}, "DEVICE_INVALID"),
    ({"role": NOTIFIER, "name": "pc-1"}, "DEVICE_INVALID"),
    ({"role": NOTIFIER, "site": SITE, "name": "<script>"}, "DEVICE_INVALID"),
    ({"role": NOTIFIER, "site": SITE, "name": "pc-1", "counters": ["D2"]}, "DEVICE_INVALID"),
    ({"role": NOTIFIER, "site": SITE, "name": "pc-1", "counters": [f"{i}" for i in range(65)]}, "ARGUMENT_INVALID"),
    ({"role": NOTIFIER, "site": SITE, "name": "pc-1", "valid_minutes": 1441}, "ARGUMENT_INVALID"),
    ({"role": words.DEVICE_ROLE_PORT, "site": SITE, "name": "main"}, "DEVICE_KEPT_ELSEWHERE"),
    ({"role": words.DEVICE_ROLE_SERVER, "site": SITE, "name": "main-2"}, "DEVICE_KEPT_ELSEWHERE"),
    ({"role": words.DEVICE_ROLE_CONSOLE, "site": SITE, "name": "console-2"}, "DEVICE_KEPT_ELSEWHERE"),
    ({"role": words.DEVICE_ROLE_DIAGNOSTICS, "site": SITE, "name": "laptop"}, "DEVICE_KEPT_ELSEWHERE"),
    ({"name": "pc-1", "site": SITE}, "ARGUMENT_INVALID"),
)


async def test_what_cannot_be_invited_is_refused_and_leaves_nothing(stack: AsyncExitStack, tmp_path: Path) -> None:
    office, adi = await opened(stack, tmp_path)
    for fields, code in REFUSED:
        assert await adi.refusal("InviteDevice", **fields) == code, fields
    assert office.site.pki.open_invitations(now()) == []
    assert office.trail(Action.DEVICE_INVITED) == []


async def test_devices_of_other_sites_the_server_and_ones_own_console_are_out_of_reach(
    stack: AsyncExitStack, tmp_path: Path
) -> None:
    office, adi = await opened(stack, tmp_path)
    office.site.device(DeviceRole.CAMERA, "dep-2", OTHER_SITE)
    assert (CAMERA, "dep-2") not in await adi.devices()
    for fields, code in (
        ({"role": CAMERA, "site": OTHER_SITE, "name": "dep-2"}, "PERSON_SITE_NOT_ALLOWED"),
        ({"role": words.DEVICE_ROLE_SERVER, "site": SITE, "name": "main"}, "DEVICE_KEPT_ELSEWHERE"),
        ({"role": words.DEVICE_ROLE_CONSOLE, "site": SITE, "name": "console"}, "DEVICE_KEPT_ELSEWHERE"),
        ({"role": NOTIFIER, "site": SITE, "name": "nobody"}, "DEVICE_UNKNOWN"),
        ({"role": NOTIFIER, "site": SITE, "name": "<script>"}, "DEVICE_UNKNOWN"),
    ):
        assert await adi.refusal("RevokeDevice", **fields) == code, fields
    good = [one for one in office.site.pki.issued() if one.good(now())]
    assert {one.identity.name for one in good} >= {"main", "console", "dep-2"}
    answer = await adi.call("ListDevices")
    assert list(answer.sites) == [SITE]
    server = next(one for one in answer.devices if one.role == words.DEVICE_ROLE_SERVER)
    assert server.certificates[0].HasField("expire_time")
    console = next(one for one in answer.devices if one.role == words.DEVICE_ROLE_CONSOLE)
    assert console.connected, "it is the one that asks"


async def test_what_runs_out_soon_comes_first_and_what_has_ended_last(stack: AsyncExitStack, tmp_path: Path) -> None:
    office, adi = await opened(stack, tmp_path)
    office.site.device(DeviceRole.NOTIFIER, "pc-old", issued_at=now() - timedelta(days=390))
    office.site.device(DeviceRole.NOTIFIER, "pc-gone", issued_at=now() - timedelta(days=500))
    names = [one.name for one in (await adi.call("ListDevices")).devices]
    assert (names[0], names[-1]) == ("pc-old", "pc-gone")


async def test_a_server_without_the_authority_or_without_enrolment_says_so(
    stack: AsyncExitStack, tmp_path: Path
) -> None:
    office, adi = await opened(stack, tmp_path, enrolment_listen="")
    assert await adi.refusal("InviteDevice", role=CAMERA, name="dep-1") == "ENROLMENT_CLOSED"
    key = tmp_path / "pki" / "authority.key"
    key.rename(tmp_path / "kept-elsewhere.key")
    for name, fields in (
        ("ListDevices", {}),
        ("RevokeDevice", {"role": CAMERA, "site": SITE, "name": "dep-1"}),
        ("CancelInvitation", {"role": CAMERA, "site": SITE, "name": "dep-1"}),
    ):
        assert await adi.refusal(name, **fields) == "AUTHORITY_NOT_HERE"
    key.write_text("no key")
    key.chmod(0o600)
    assert await adi.refusal("ListDevices") == "AUTHORITY_UNAVAILABLE"
    assert office.trail(Action.CERTIFICATES_REVOKED) == []


async def test_what_cannot_be_recorded_is_not_handed_out_but_a_thief_is_shut_out(
    stack: AsyncExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, adi = await opened(stack, tmp_path)
    office.site.device(DeviceRole.NOTIFIER, "pc-stolen")

    def away(*_: object) -> None:
        raise StorageError("away")

    monkeypatch.setattr(AuditStore, "append", away)
    assert await adi.refusal("InviteDevice", role=CAMERA, name="dep-1") == "STORAGE_UNAVAILABLE"
    assert office.site.pki.open_invitations(now()) == []
    answer = await adi.call("RevokeDevice", role=NOTIFIER, site=SITE, name="pc-stolen")
    assert (answer.certificates, answer.recorded) == (1, False)
