"""Travellers who are listed pass a camera of a group of servers, and each must ring at an officer's PC."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from cekalwatch.wire.identity import DeviceRole
from deploy.demo.office.notifier import Notifier
from tests.support.builders.camera import capture_of
from tests.support.scenarios.scripted_camera import ScriptedCamera
from tests.support.scenarios.server_group import ServerGroup

WAIT_S = 60.0


class Departures:
    """The camera, and the PC."""

    def __init__(self, group: ServerGroup, camera_id: str, notifier: Notifier) -> None:
        self.camera = ScriptedCamera(camera_id, group.dialer(DeviceRole.CAMERA, camera_id))
        self.passed: list[str] = []
        """Each by the key of its one capture."""
        self.look_at(notifier)

    def look_at(self, notifier: Notifier) -> None:
        """Let those who pass from now on ring at this PC."""
        self._notifier, self._before = notifier, len(self.passed)

    def traveller(self) -> None:
        """Let one pass."""
        capture = capture_of(str(len(self.passed)), 0.9, datetime.now(UTC))
        self.passed.append(capture.capture_id)
        self.camera.put([capture])

    async def until_rung(self) -> None:
        """Wait until all had their receipts, and those who passed since `look_at` are on the officer's screen."""
        await self.camera.until_settled(len(self.passed), WAIT_S)
        wanted, due = {"event_type": "RAISED", "camera_id": self.camera.camera_id}, len(self.passed) - self._before
        rung = await asyncio.to_thread(self._notifier.wait_for, wanted, due, WAIT_S)
        assert len({event["alert_id"] for event in rung}) == len(rung) == due
