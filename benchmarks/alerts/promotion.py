"""How soon work goes on when the database dies and its standby is promoted, and what a synchronous standby costs.

    python -m benchmarks.alerts.promotion

Three servers on a PostgreSQL primary with a synchronous standby, a camera and an officer's PC. In each round the
primary gets SIGKILL, a listed traveller passes, and the standby is promoted at once. `cluster.promotion_s` is the
slowest round's time until the camera has its receipt and the notifier prints the event. Before that, receipts and
commits are timed with the standby and without it.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.alerts.fanout import list_subjects, raise_alert
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.camera import capture_of
from tests.support.builders.keys import keyring
from tests.support.scenarios.scripted_camera import ScriptedCamera
from tests.support.scenarios.server_group import ServerGroup, server_group
from tests.support.tools.postgres_pair import PostgresPair, postgres_pair

ROUNDS = 5
RECEIPTS = 30
COMMITS = 300
CAMERA, AGENT = "dep-1", "pc-1"
WAIT_S = 60.0


def measure() -> dict[str, float]:
    """Return `cluster.promotion_s` and the figures that belong to it."""
    with tempfile.TemporaryDirectory() as temporary, postgres_pair(durable=True) as pair:
        folder = Path(temporary)
        with server_group(folder, pair.address) as group:
            return asyncio.run(_measure(pair, group, folder))


async def _measure(pair: PostgresPair, group: ServerGroup, folder: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    camera = ScriptedCamera(CAMERA, group.dialer(DeviceRole.CAMERA, CAMERA))
    async with camera.connected():
        for kind in ("synchronous", "alone"):
            await asyncio.to_thread(pair.synchronous, on=kind == "synchronous")
            found |= _percentiles(f"cluster.receipt_{kind}", [await _passing(camera) for _ in range(RECEIPTS)])
            found |= _percentiles(f"cluster.commit_{kind}", await asyncio.to_thread(_commits, group))
        await asyncio.to_thread(pair.synchronous, on=True)
        notifier = await asyncio.to_thread(group.notifier, AGENT, folder / AGENT)
        took = []
        for number in range(1, ROUNDS + 1):
            begun = time.monotonic()
            await asyncio.to_thread(pair.primary.kill)
            receipt = asyncio.create_task(_passing(camera))
            await asyncio.to_thread(pair.promote)
            await asyncio.to_thread(notifier.wait_for, {"event_type": "RAISED"}, number, WAIT_S)
            await receipt
            took.append(time.monotonic() - begun)
            await asyncio.to_thread(pair.mend)
    return found | {
        "cluster.promotion_s": round(max(took), 2),
        "cluster.promotion_p50_s": round(statistics.median(took), 2),
    }


async def _passing(camera: ScriptedCamera) -> float:
    """Let a listed traveller pass, and return the seconds until the receipt."""
    before, begun = camera.outbox.statistics().settled_total, time.monotonic()
    camera.put([capture_of(str(time.monotonic_ns()), 0.9, datetime.now(UTC))])
    await camera.until_settled(before + 1, WAIT_S)
    return time.monotonic() - begun


def _commits(group: ServerGroup) -> list[float]:
    """Commit alerts one after the other, beside the servers, and return the seconds that each took."""
    with closing(Database(group.settings.database_address)) as database:
        keys = keyring(database, group.settings.master_key_source)
        list_subjects(WatchlistStore(database, keys))
        store, took = AlertStore(database, keys), []
        for number in range(COMMITS):
            begun = time.monotonic()
            raise_alert(store, number)
            took.append(time.monotonic() - begun)
        return took


def _percentiles(name: str, seconds: list[float]) -> Iterator[tuple[str, float]]:
    yield f"{name}_p50_ms", round(statistics.median(seconds) * 1000, 1)
    yield f"{name}_p95_ms", round(sorted(seconds)[int(len(seconds) * 0.95)] * 1000, 1)


if __name__ == "__main__":
    print(measure())
