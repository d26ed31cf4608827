"""How soon work goes on when a server dies: three servers on one PostgreSQL, a camera and an officer's PC.

    python -m benchmarks.alerts.failover

In each round the server of the camera or of the PC gets SIGKILL, and a listed traveller passes in the same moment.
`cluster.failover_s` is the slowest round's time until the camera has its receipt and the PC's notifier prints the
event.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from cekalwatch.wire.dialer import ServerChoice
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.camera import capture_of
from tests.support.scenarios.scripted_camera import ScriptedCamera
from tests.support.scenarios.server_group import ServerGroup, server_group
from tests.support.tools.postgres import fresh_database, postgres_server

ROUNDS = 10
CAMERA, AGENT = "dep-1", "pc-1"
WAIT_S = 60.0


def measure() -> dict[str, float]:
    """Return `cluster.failover_s` and the median of the rounds."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        postgres_server() as postgres,
        fresh_database(postgres) as address,
        server_group(Path(temporary), address) as group,
    ):
        rounds = asyncio.run(_rounds(group, Path(temporary)))
    return {
        "cluster.failover_s": round(max(rounds), 2),
        "cluster.failover_p50_s": round(statistics.median(rounds), 2),
    }


async def _rounds(group: ServerGroup, folder: Path) -> list[float]:
    notifier = await asyncio.to_thread(group.notifier, AGENT, folder / AGENT)
    dialer = group.dialer(DeviceRole.CAMERA, CAMERA)
    camera = ScriptedCamera(CAMERA, dialer)
    # Where the PC's process is: its choices are those of anybody with its key.
    of_pc = ServerChoice(group.addresses, AGENT)
    took = []
    async with camera.connected():
        for number in range(ROUNDS + 1):
            dying = of_pc.address if number % 2 else dialer.servers.address
            if number:  # the first traveller only shows that all are there
                await asyncio.to_thread(group.kill, dying)
                if of_pc.address == dying:
                    of_pc.lost(dying)
                    of_pc.reached(of_pc.address)
            begun = time.monotonic()
            camera.put([capture_of(str(number), 0.9, datetime.now(UTC))])
            receipt = asyncio.create_task(camera.until_settled(number + 1, WAIT_S))
            await asyncio.to_thread(notifier.wait_for, {"event_type": "RAISED"}, number + 1, WAIT_S)
            await receipt
            if number:
                took.append(time.monotonic() - begun)
                await asyncio.to_thread(group.launch, group.at(dying))
                await asyncio.to_thread(group.wait_for, group.at(dying))
    return took


if __name__ == "__main__":
    print(measure())
