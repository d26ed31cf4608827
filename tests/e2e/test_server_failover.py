"""Three servers on one PostgreSQL, as processes: two of them are killed."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from cekalwatch.wire.dialer import ServerChoice
from tests.support.scenarios.departures import Departures
from tests.support.scenarios.server_group import server_group
from tests.support.tools.postgres import fresh_database

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_programs")]

CAMERA, AGENT = "dep-1", "pc-1"


async def test_servers_are_killed_and_no_alert_is_lost_or_shown_twice(tmp_path: Path, postgres: str) -> None:
    with fresh_database(postgres) as address, server_group(tmp_path, address) as group:
        notifier = group.notifier(AGENT, tmp_path / AGENT)
        departures = Departures(group, CAMERA, notifier)
        async with departures.camera.connected():
            departures.traveller()
            await departures.until_rung()

            # The one of the camera dies, then the one of the PC, unless that was the same.
            at_camera, at_pc = (ServerChoice(group.addresses, name).address for name in (CAMERA, AGENT))
            for dying in dict.fromkeys((at_camera, at_pc)):
                await asyncio.to_thread(group.kill, dying)
                departures.traveller()
                await departures.until_rung()
        shown = Counter(event["sequence"] for event in notifier.events)
        assert max(shown.values()) == 1
        assert departures.camera.outbox.statistics().drops.total == 0
