"""From a match in the server to the painted alert window, with 50 agents connected.

    python -m benchmarks.alerts.paint

A server process with certificates gets a listed face a second from a camera stream. One agent is the real desktop agent
(Qt, offscreen); the alert is painted when both pictures are in the window. The other 49 are one process that subscribes
and acknowledges as it does.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, QTimer

from benchmarks.alerts.officer_desk import (
    CAMERA,
    Counter,
    agents_certificates,
    desk_settings,
    list_person,
    loop_thread,
    site_config,
)
from benchmarks.alerts.offscreen import MAX_WAIT_S, application, wait
from cekalwatch.contract.values.adjudication import Reason, Step
from cekalwatch.notifier.actions.alert_actions import Decision
from cekalwatch.notifier.delivery.alert_delivery import PAUSE_S
from cekalwatch.notifier.desktop.agent import DesktopAgent
from cekalwatch.notifier.desktop.run import assembled
from cekalwatch.office.client.subscription import Start
from cekalwatch.program.connection import open_dialer
from cekalwatch.v1 import alert_service_pb2
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.stack import Stack

AGENTS = 50
ALERTS = 100
PERIOD_S = 1.0


class Painted(QObject):
    """Tells when the alert window has been painted with an alert that is waited for."""

    def __init__(self, agent: DesktopAgent) -> None:
        super().__init__()
        self._agent = agent
        self.at = 0.0
        agent.alert.view.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: ARG002, N802  # Qt's name
        """Take the time once the painting that begins now is over; the alert is on screen then."""
        if event.type() is QEvent.Type.Paint and not self.at:
            shown = self._agent.controller.alert_cache.find(self._agent.alert.alert_id)
            comparison = self._agent.alert.view.comparison
            complete = comparison.probe.loaded and comparison.reference.loaded
            if shown and shown.alert.state == "NEW" and complete:
                QTimer.singleShot(0, self._take)
        return False

    def _take(self) -> None:
        self.at = self.at or time.time()


def delays_ms(agent: DesktopAgent, counter: Counter, alerts: int) -> list[float]:
    """Let alerts come one a second, and return how long each took to be painted."""
    controller, found = agent.controller, []
    wait(lambda: controller.unlocked)
    for _ in range(alerts):
        begun = time.monotonic()
        painted = Painted(agent)
        counter.passage()
        wait(partial(getattr, painted, "at"))
        agent.alert.view.removeEventFilter(painted)
        shown = controller.alert_cache.find(agent.alert.alert_id)
        if shown is None:
            raise RuntimeError("what was painted is known")
        found.append((painted.at - shown.alert.raised_at.timestamp()) * 1000)
        decision = Decision(Step.NOT_SAME, Reason.FACE_DIFFERS)
        controller.take_step(shown.alert, decision, lambda: None, print)
        wait(lambda: not controller.waiting())
        wait(partial(_is_over, begun + PERIOD_S))
    return found


def _is_over(until_s: float) -> bool:
    return time.monotonic() >= until_s


def measure(alerts: int = ALERTS) -> dict[str, float]:
    """Return `alerts.match_to_paint_p95_ms` and its median."""
    with tempfile.TemporaryDirectory() as temporary, Stack(site_config(Path(temporary))) as stack:
        list_person(stack)
        settings = desk_settings(stack)
        camera = stack.dialer(DeviceRole.CAMERA, CAMERA)
        with (
            others(stack),
            loop_thread() as loop,
            assembled(settings, Start.NOW, application()) as (agent, _),
            closing(Counter(camera, loop)) as counter,
        ):
            wait(lambda: agent.controller.connection.ready)
            delays = sorted(delays_ms(agent, counter, alerts))
    return {
        "alerts.match_to_paint_p95_ms": round(delays[int(len(delays) * 0.95)], 1),
        "alerts.match_to_paint_p50_ms": round(statistics.median(delays), 1),
    }


async def listen(address: str, agent_id: str, tls_dir: Path, ready: asyncio.Event) -> None:
    """Subscribe as one agent, and acknowledge what comes as the notifier does, for ever."""
    async with open_dialer(address, tls_dir).aio_channel() as channel:
        # The generated stubs are typed for one kind of channel only.
        stub: Any = AlertServiceStub(channel)
        call = stub.SubscribeAlerts(alert_service_pb2.SubscribeAlertsRequest(agent_id=agent_id))
        shown = asyncio.Queue[int]()
        acknowledging = asyncio.create_task(acknowledge(stub, agent_id, shown))
        async for message in call:
            ready.set()
            if message.HasField("event"):
                shown.put_nowait(message.event.sequence)
        acknowledging.cancel()


async def acknowledge(stub: Any, agent_id: str, shown: asyncio.Queue[int]) -> None:  # noqa: ANN401  # generated stub
    """Acknowledge the newest of what was shown, a moment after the first of it, for ever."""
    while True:
        newest = await shown.get()
        await asyncio.sleep(random.uniform(*PAUSE_S))  # noqa: S311  # no secret
        while not shown.empty():
            newest = shown.get_nowait()
        await stub.AcknowledgeAlerts(alert_service_pb2.AcknowledgeAlertsRequest(agent_id=agent_id, sequence=newest))


async def listen_all(address: str, folders: Mapping[str, Path], ready: threading.Event) -> None:
    """Subscribe as the other agents."""
    connected = {name: asyncio.Event() for name in folders}
    listening = asyncio.gather(*(listen(address, name, folders[name], connected[name]) for name in folders))
    await asyncio.gather(*(event.wait() for event in connected.values()))
    ready.set()
    await listening


def connect_others(address: str, folders: Mapping[str, Path], ready: threading.Event) -> None:
    """Be the process of the other agents."""
    asyncio.run(listen_all(address, folders, ready))


@contextmanager
def others(stack: Stack) -> Iterator[None]:
    """Keep the other agents connected until the end of the block."""
    folders = agents_certificates(stack, [f"pc-{number}" for number in range(1, AGENTS)])
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    process = spawn.Process(target=connect_others, args=(stack.address, folders, ready), daemon=True)
    process.start()
    try:
        if not ready.wait(MAX_WAIT_S):
            raise TimeoutError("the other agents did not connect")
        yield
    finally:
        process.kill()
        process.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=ALERTS, help="How many alerts come.")
    print(measure(parser.parse_args().alerts))
