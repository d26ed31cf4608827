"""How soon an event of one server reaches an agent at another one that shares its PostgreSQL.

    python -m benchmarks.alerts.cross_server

Two server processes with the pack `light`. A camera at one sends a listed traveller twice a second; an agent at the
other measures from the event's time, just before its commit, to its arrival. Then this process commits alerts without a
hint, so that the other server has to look.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from benchmarks.alerts.fanout import list_subjects, raise_alert
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.v1 import alert_service_pb2
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from deploy.demo.stack import Stack, StackConfig, Transport
from tests.support.builders.keys import keyring
from tests.support.scenarios.server import CaptureClient, face, list_astronaut, settings
from tests.support.tools.packs import light_pack
from tests.support.tools.postgres import fresh_database, postgres_server

EVENTS = 200
PERIOD_S = 0.5
WAIT_S = 30.0
AGENT = "pc-1"


@contextmanager
def servers(folder: Path, address: str) -> Iterator[tuple[Stack, Stack]]:
    """Run two servers on the database."""
    shared: dict[str, int | float | str] = {
        "database_url": address,
        "master_key_from": f"file:{folder / 'master.key'}",
        "threads": 1,
        "threshold": 0.45,
        "grouping_window_seconds": 0,
        "escalate_after_seconds": 3600,
        "receipt_delay_seconds": 0.02,
    }
    one, other = (
        StackConfig(
            folder / name,
            light_pack().parent,
            model_pack="light",
            transport=Transport.PLAINTEXT,
            settings=shared | {"server_name": name},
        )
        for name in ("one", "other")
    )
    with Stack(one) as first, Stack(other) as second:
        yield first, second


async def arrivals(call: Any, count: int) -> list[float]:  # noqa: ANN401  # the stubs are typed for another kind
    """Return the delays of the next events, in milliseconds."""
    delays: list[float] = []
    async with asyncio.timeout(WAIT_S + count * PERIOD_S):
        while len(delays) < count:
            message = await call.read()
            if message.HasField("event"):
                delays.append((time.time() - message.event.event_time.ToNanoseconds() / 1e9) * 1000)
    return delays


async def run(one: Stack, other: Stack, store: AlertStore) -> dict[str, float]:
    """Measure, and return the figures."""
    async with grpc.aio.insecure_channel(one.address) as here, grpc.aio.insecure_channel(other.address) as there:
        # The generated stubs are typed for one kind of channel only.
        stub: Any = AlertServiceStub(there)
        call = stub.SubscribeAlerts(alert_service_pb2.SubscribeAlertsRequest(agent_id=AGENT))
        await call.read()
        camera = await CaptureClient.open(here, "departure-1")
        hinted = asyncio.create_task(arrivals(call, EVENTS))
        for number in range(EVENTS):
            await camera.receipt(face(track=str(number)))
            await asyncio.sleep(PERIOD_S)
        with_hint = await hinted
        looked_for = asyncio.create_task(arrivals(call, EVENTS))
        for number in range(EVENTS):
            await asyncio.to_thread(raise_alert, store, number)
            await asyncio.sleep(PERIOD_S * (0.5 + number / EVENTS))  # at all moments between two looks
        without = await looked_for
        call.cancel()
        camera.call.cancel()
    return {
        f"cluster.cross_server_{name}": figure
        for name, figure in (*figures(with_hint, ""), *figures(without, "_unhinted"))
    }


def figures(delays: list[float], which: str) -> Iterator[tuple[str, float]]:
    """Name the percentiles."""
    yield f"p50_ms{which}", round(statistics.median(delays), 1)
    yield f"p95_ms{which}", round(sorted(delays)[int(len(delays) * 0.95)], 1)


def measure() -> dict[str, float]:
    """Return `cluster.cross_server_p95_ms` and the figures that belong to it."""
    with tempfile.TemporaryDirectory() as temporary, postgres_server() as server, fresh_database(server) as address:
        folder = Path(temporary)
        chosen = settings(folder / "setup", database_url=address, master_key_from=f"file:{folder / 'master.key'}")
        list_astronaut(chosen)
        with servers(folder, address) as (one, other):
            database = Database(address)
            try:
                keys = keyring(database, chosen.master_key_source)
                list_subjects(WatchlistStore(database, keys))
                one.wait_for_gallery(1)
                return asyncio.run(run(one, other, AlertStore(database, keys)))
            finally:
                database.close()


if __name__ == "__main__":
    print(measure())
