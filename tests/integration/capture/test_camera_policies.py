"""What cameras may send is set while they run: within bounds, recorded, followed by every stream, and taken back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.contract.values.capture_policy import POLICY_BOUNDS
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import camera_service_pb2 as messages
from cekalwatch.v1 import capture_pb2
from cekalwatch.v1.camera_service_pb2_grpc import CameraServiceStub
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tokens import bearer
from tests.support.scenarios.port_office import PortOffice, port_office, sign_in
from tests.support.scenarios.second_person import beside
from tests.support.scenarios.server import CAMERAS, CaptureClient, reason_of
from tests.support.scenarios.site_pki import SITE

pytestmark = pytest.mark.slow
WAIT_S = 30.0


class Desk:
    """An administrator's calls."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._stub: Any = CameraServiceStub(channel)
        self._sessions: Any = SessionServiceStub(channel)
        self._token = token
        self._metadata = bearer(token)

    async def get(self, camera_id: str = "dep-1") -> messages.CameraPolicy:
        request = messages.GetCameraPolicyRequest(camera_id=camera_id)
        answer = await self._stub.GetCameraPolicy(request, metadata=self._metadata, timeout=WAIT_S)
        return answer.policy  # type: ignore[no-any-return]

    async def set(self, number: int, camera_id: str = "dep-1", /, **changes: float) -> messages.CameraPolicy:
        wanted = messages.CapturePolicyChanges(**changes)  # type: ignore[arg-type]  # whole numbers among them
        request = messages.SetCameraPolicyRequest(camera_id=camera_id, changes=wanted, number=number)
        answer = await self._stub.SetCameraPolicy(request, metadata=self._metadata, timeout=WAIT_S)
        return answer.policy  # type: ignore[no-any-return]

    async def set_together(self, number: int, second: str) -> messages.CameraPolicy:
        """Go back to the settings as two people."""
        request = messages.SetCameraPolicyRequest(camera_id="dep-1", number=number)
        request.changes.SetInParent()
        word = await self._sessions.SignIn(beside(second, request), metadata=self._metadata)
        answer = await self._stub.SetCameraPolicy(request, metadata=bearer(self._token, word.token), timeout=WAIT_S)
        return answer.policy  # type: ignore[no-any-return]

    async def refusal(self, number: int, camera_id: str = "dep-1", /, **changes: float) -> str:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await self.set(number, camera_id, **changes)
        return reason_of(refused.value)


class Stand:
    """An office with an administrator and a camera that can connect."""

    def __init__(self, office: PortOffice, desk: Desk, stack: AsyncExitStack) -> None:
        self.office = office
        self.desk = desk
        self._stack = stack

    async def camera(self) -> CaptureClient:
        files = self.office.site.device(DeviceRole.CAMERA, "dep-1")
        dialer = self.office.site.dialer(self.office.address, files)
        return await CaptureClient.open(await self._stack.enter_async_context(dialer.aio_channel()))


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    cameras = (*CAMERAS, {"camera_id": "dep-2", "site": "sekupang", "counter": "D2", "direction": "DEPARTURE"})
    sites = ({"site": SITE}, {"site": "sekupang"})
    people = {"adi": (PersonRole.ADMINISTRATOR,), "sari": (PersonRole.SUPERVISOR,)}
    office = port_office(tmp_path, people, sites=sites, cameras=cameras)
    async with office.open(), AsyncExitStack() as stack:
        files = office.site.device(DeviceRole.CONSOLE, "console")
        channel = await stack.enter_async_context(office.site.dialer(office.address, files).aio_channel())
        yield Stand(office, Desk(channel, await sign_in(channel, "adi")), stack)


async def told(camera: CaptureClient) -> capture_pb2.CapturePolicy:
    """The next policy that a connected camera is told."""
    async with asyncio.timeout(WAIT_S):
        while (response := await camera.call.read()).WhichOneof("message") != "policy":
            pass
    policy: capture_pb2.CapturePolicy = response.policy
    return policy


async def test_a_connected_camera_is_told_at_once_and_another_one_when_it_connects(stand: Stand) -> None:
    camera = await stand.camera()
    assert camera.policy.min_eye_distance_px == 32
    set_now = await stand.desk.set(0, min_eye_distance_px=24, max_crops_per_track=8)
    assert (set_now.number, set_now.in_force.max_crops_per_track, set_now.of_settings.max_crops_per_track) == (1, 8, 5)
    policy = await told(camera)
    assert (policy.min_eye_distance_px, policy.max_crops_per_track, policy.jpeg_quality) == (24, 8, 85)
    assert (await stand.camera()).policy.min_eye_distance_px == 24
    assert await stand.desk.refusal(1) == "SILENCES_ORDERS", "the camera would send less"
    taken_back = await stand.desk.set_together(1, "sari")
    assert (await told(camera)).min_eye_distance_px == 32
    assert taken_back.before.min_eye_distance_px == 24, "who wants it back knows what it was"
    assert not taken_back.changes.HasField("min_eye_distance_px")
    entries = stand.office.trail(Action.CAMERA_POLICY_SET)
    assert [json.loads(one.details) for one in entries] == [
        {"max_crops_per_track": "5 -> 8", "min_eye_distance_px": "32 -> 24"},
        {"max_crops_per_track": "8 -> 5", "min_eye_distance_px": "24 -> 32"},
    ]
    assert {json.loads(one.objects)[0] for one in entries} == {f"device:{SITE}/camera/dep-1"}
    assert all(one.actor.startswith(f"person:{stand.office.people['adi'].person_id}@") for one in entries)


async def test_nobody_blinds_a_camera_or_sets_one_of_another_site(stand: Stand) -> None:
    for name, (least, most) in POLICY_BOUNDS.items():
        for value in (least - 1, most + 1):
            assert await stand.desk.refusal(0, **{name: max(0, value)}) == "POLICY_OUT_OF_BOUNDS", (name, value)
    for value in (float("nan"), float("inf"), -1.0):
        assert await stand.desk.refusal(0, min_eye_distance_px=value) == "POLICY_OUT_OF_BOUNDS"
    assert await stand.desk.refusal(0, "no-such-camera") == "UNKNOWN_CAMERA"
    assert await stand.desk.refusal(0, "dep-2", jpeg_quality=90) == "PERSON_SITE_NOT_ALLOWED"
    assert stand.office.trail(Action.CAMERA_POLICY_SET) == []
    assert (await stand.desk.get()).number == 0


async def test_one_administrator_lets_a_camera_send_no_less_by_any_figure(stand: Stand) -> None:
    less = {
        "min_eye_distance_px": 33,
        "max_yaw_degrees": 49,
        "max_pitch_degrees": 44,
        "max_crops_per_track": 4,
        "min_detector_score": 0.75,
    }
    for name, value in less.items():
        assert await stand.desk.refusal(0, **{name: value}) == "SILENCES_ORDERS", name
    assert (await stand.desk.get()).number == 0


async def test_of_two_who_set_it_at_once_the_second_is_told(stand: Stand) -> None:
    await stand.desk.set(0, jpeg_quality=90)
    assert await stand.desk.refusal(0, jpeg_quality=80) == "POLICY_CHANGED"
    assert (await stand.desk.get()).in_force.jpeg_quality == 90


async def test_a_row_that_somebody_else_wrote_is_not_obeyed(stand: Stand) -> None:
    await stand.desk.set(0, min_eye_distance_px=24)
    camera = await stand.camera()
    database = Database(stand.office.settings.database_address)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE camera_policy SET changes = '{\"min_eye_distance_px\": 999}'")
    database.close()
    assert (await told(camera)).min_eye_distance_px == 32, "the settings count again"
    mended = await stand.desk.set(0, min_eye_distance_px=16)
    assert mended.in_force.min_eye_distance_px == 16
    assert (await told(camera)).min_eye_distance_px == 16
