"""Three servers on one PostgreSQL, as processes: they are upgraded one after the other, and two of them are killed."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.server_choice import ServerChoice
from deploy.demo.office.notifier import Notifier
from tests.support.builders.camera import capture_of
from tests.support.scenarios.scripted_camera import ScriptedCamera
from tests.support.scenarios.server_group import ServerGroup, server_group
from tests.support.tools.postgres import fresh_database

pytestmark = pytest.mark.slow

CAMERA, AGENT = "dep-1", "pc-1"
WAIT_S = 60.0


class Departures:
    """Travellers who are listed pass the camera, and each must ring at the PC."""

    def __init__(self, group: ServerGroup, notifier: Notifier) -> None:
        self._notifier = notifier
        self.camera = ScriptedCamera(CAMERA, group.dialer(DeviceRole.CAMERA, CAMERA))
        self.passed: list[str] = []

    def traveller(self) -> None:
        """Let one pass."""
        capture = capture_of(str(len(self.passed)), 0.9, datetime.now(UTC))
        self.passed.append(capture.capture_id)
        self.camera.put([capture])

    async def until_rung(self) -> None:
        """Wait until all had their receipts and are on the officer's screen."""
        await self.camera.until_settled(len(self.passed), WAIT_S)
        rung = await asyncio.to_thread(self._notifier.wait_for, {"event_type": "RAISED"}, len(self.passed), WAIT_S)
        assert len({event["alert_id"] for event in rung}) == len(rung) == len(self.passed)


async def test_servers_are_upgraded_and_killed_and_no_alert_is_lost_or_shown_twice(
    tmp_path: Path, postgres: str
) -> None:
    with fresh_database(postgres) as address, server_group(tmp_path, address) as group:
        notifier = group.notifier(AGENT, tmp_path / AGENT)
        departures = Departures(group, notifier)
        async with departures.camera.connected():
            departures.traveller()
            await departures.until_rung()

            # An upgrade: one after the other ends and starts again, and travellers pass meanwhile.
            with capture_logs() as logs:
                for member in group.members:
                    upgrading = asyncio.create_task(asyncio.to_thread(group.upgrade, member))
                    while not upgrading.done():
                        departures.traveller()
                        await asyncio.wait({upgrading}, timeout=0.5)
                    await upgrading
                await departures.until_rung()
            told = Counter(entry["event"] for entry in logs)
            assert told["server_drains"] >= 1
            assert told["server_lost"] == 0, "a server that ends tells its cameras before"

            # The one of the camera dies, then the one of the PC, unless that was the same.
            at_camera, at_pc = (ServerChoice(group.addresses, name).address for name in (CAMERA, AGENT))
            for dying in dict.fromkeys((at_camera, at_pc)):
                await asyncio.to_thread(group.kill, dying)
                departures.traveller()
                await departures.until_rung()
        shown = Counter(event["sequence"] for event in notifier.events)
        assert max(shown.values()) == 1
        assert departures.camera.outbox.statistics().drops.total == 0
