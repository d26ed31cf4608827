"""Whether 200 agents get five alerts a second in time for a minute, and what that costs.

    python -m benchmarks.alerts.fanout

The server is a process of its own and does all that it does for an event, audit trail included. This process commits
the alerts, as another server of the database does. Plaintext on loopback; each agent has a connection of its own and
acknowledges once a second.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
import uuid6

from benchmarks.recognition.server_throughput import PACK
from cekalwatch.contract.values.orders import Direction, OrderKind
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.domain.alerts.match import Candidate, Match
from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.keys.store import KeyStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.v1 import alert_service_pb2
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.wire.options import CLIENT_OPTIONS
from deploy.demo.stack import Stack, StackConfig, Transport

AGENTS = 200
ALERTS_PER_SECOND = 5
SECONDS = 60
GRACE_S = 60.0
"""How long the last events may take."""
SUBJECTS = 100
CAMERA = Camera("departure-1", "batam-center", "D1", Direction.DEPARTURE)
JPEG = b"\xff\xd8" + bytes(20_000) + b"\xff\xd9"


@dataclass
class Agent:
    """An agent and what it got."""

    agent_id: str
    address: str
    got: Counter[int] = field(default_factory=Counter)
    delays_ms: list[float] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, total: int) -> None:
        """Subscribe, and read until all events have come."""
        options = (*CLIENT_OPTIONS, ("grpc.use_local_subchannel_pool", 1))
        async with grpc.aio.insecure_channel(self.address, options=options) as channel:
            # The generated stubs are typed for one kind of channel only.
            stub: Any = AlertServiceStub(channel)
            call = stub.SubscribeAlerts(alert_service_pb2.SubscribeAlertsRequest(agent_id=self.agent_id))
            while len(self.got) < total:
                message = await call.read()
                if message.HasField("subscribed"):
                    self.ready.set()
                if not message.HasField("event"):
                    continue
                event = message.event
                self.got[event.sequence] += 1
                self.delays_ms.append((time.time() - event.event_time.ToNanoseconds() / 1e9) * 1000)
                if len(self.got) % ALERTS_PER_SECOND == 0:
                    request = alert_service_pb2.AcknowledgeAlertsRequest(
                        agent_id=self.agent_id, sequence=event.sequence
                    )
                    await stub.AcknowledgeAlerts(request)
            call.cancel()


def raise_alert(store: AlertStore, number: int) -> int:
    """Commit an alert of its own, and return its sequence."""
    now = datetime.now(UTC)
    capture = Capture(str(uuid6.uuid7()), CAMERA, f"run/{number}", now, JPEG, ((1.0, 1.0),) * 5, 0.8)
    place = number % SUBJECTS
    candidates = (
        Candidate(f"S-{place}", 0.7, order_ids=(f"O-{place}",)),
        Candidate("S-1001", 0.5, order_ids=("O-1001",)),
    )
    template = np.eye(1, 8, dtype=np.float32)[0]
    found = Match(
        capture=capture,
        probe_jpeg=capture.jpeg,
        candidates=candidates,
        fused_crops=3,
        threshold=0.48,
        model_version="standard-1",
        template=template,
    )
    event = store.record(found, timedelta(0), now)
    if event is None:
        raise RuntimeError("each capture is recorded once")
    return event.sequence


def list_subjects(watchlist: WatchlistStore) -> None:
    """List whom the alerts are about: an alert whose subject has no order in force says so, in an event more."""
    today = datetime.now(UTC).date()
    days = timedelta(days=30)
    for number in range(SUBJECTS):
        subject = Subject(f"S-{number}", name="CONTOH SATU", nationality="IDN")
        order = BanOrder(
            order_id=f"O-{number}",
            subject_id=subject.subject_id,
            kind=OrderKind.CEGAH,
            requesting_agency="Kejaksaan Agung",
            valid_from=today - days,
            valid_until=today + days,
            received_on=today - days,
        )
        watchlist.put(subject, order, [])


async def run(stack: Stack, store: AlertStore) -> dict[str, float]:
    """Let the agents listen while alerts come, and return the figures."""
    total = ALERTS_PER_SECOND * SECONDS
    agents = [Agent(f"pc-{number}", stack.address) for number in range(AGENTS)]
    listening = [asyncio.create_task(agent.listen(total)) for agent in agents]
    await asyncio.gather(*(agent.ready.wait() for agent in agents))
    server = psutil.Process(stack.server.pid)
    cpu, memory, started = sum(server.cpu_times()[:2]), server.memory_info().rss, time.perf_counter()
    sent, most = [], memory
    for number in range(total):
        await asyncio.sleep(max(0.0, started + number / ALERTS_PER_SECOND - time.perf_counter()))
        sent.append(await asyncio.to_thread(raise_alert, store, number))
        most = max(most, server.memory_info().rss)
    took = time.perf_counter() - started
    await asyncio.wait(listening, timeout=GRACE_S)
    for task in listening:
        task.cancel()
    for ended in await asyncio.gather(*listening, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    most = max(most, server.memory_info().rss)
    delays = sorted(delay for agent in agents for delay in agent.delays_ms)
    return {
        "alerts.fanout_missing": sum(len(set(sent) - set(agent.got)) for agent in agents),
        "alerts.fanout_duplicates": sum(times - 1 for agent in agents for times in agent.got.values()),
        "alerts.fanout_cpu": round((sum(server.cpu_times()[:2]) - cpu) / (time.perf_counter() - started), 3),
        "alerts.fanout_alerts_per_s": round(total / took, 1),
        "alerts.fanout_p50_ms": round(statistics.median(delays), 1),
        "alerts.fanout_p95_ms": round(delays[int(len(delays) * 0.95)], 1),
        "alerts.fanout_memory_growth_mb": round((most - memory) / 1e6, 1),
    }


def measure() -> dict[str, float]:
    """Return `alerts.fanout_missing`, `_duplicates` and `_cpu` (cores of the server), and what is behind them."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config = StackConfig(
            folder, PACK.parent, transport=Transport.PLAINTEXT, settings={"threads": 1, "escalate_after_seconds": 3600}
        )
        with Stack(config) as stack:
            database = Database(f"sqlite:///{folder / 'server' / 'cekalwatch.sqlite3'}")
            try:
                keys = KeyStore.open(database, KeyFile(folder / "server" / "master.key"), SystemClock(), operator())
                list_subjects(WatchlistStore(database, keys.keyring))
                return asyncio.run(run(stack, AlertStore(database, keys.keyring)))
            finally:
                database.close()


if __name__ == "__main__":
    print(measure())
