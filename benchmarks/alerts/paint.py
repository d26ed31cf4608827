"""From a match in the server to the alert window being painted, with 50 agents connected.

    python -m benchmarks.alerts.paint

The server is a process of its own, in plaintext on loopback, and a camera stream brings it a listed face at a time. One
agent is the real desktop agent on Qt's offscreen platform, with an officer signed in; it fetches the pictures of each
alert before it shows it. The other 49 are a process of their own, and subscribe and acknowledge. The time runs from the
server's raising of the alert. When it has been painted, the officer clears it, so that the next one takes its place.
"""

from __future__ import annotations

import asyncio
import csv
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import cv2
import grpc
import uuid6
from PySide6.QtCore import QEvent, QEventLoop, QObject, QTimer
from PySide6.QtWidgets import QApplication
from skimage import data

from benchmarks.alerts.fanout import Agent
from benchmarks.recognition.server_throughput import PACK, captures
from cekalwatch.notifier.actions.alert_actions import Decision
from cekalwatch.notifier.client.subscription import Start
from cekalwatch.notifier.desktop.agent import DesktopAgent
from cekalwatch.notifier.desktop.run import assembled
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.v1.capture_pb2 import FaceCapture
from cekalwatch.v1.capture_service_pb2 import Hello, StreamFacesRequest
from cekalwatch.v1.capture_service_pb2_grpc import CaptureServiceStub
from cekalwatch.vision.manifest import load_pack
from cekalwatch.wire.options import CLIENT_OPTIONS
from cekalwatch.wire.vocabulary.adjudication import Reason, Step
from deploy.demo.officers import sign_officer_in
from deploy.demo.stack import Stack, StackConfig, Transport
from deploy.demo.watchlist import COLUMNS, ORDERS_FILE

AGENTS = 50
ALERTS = 100
MAX_WAIT_S = 30.0
SUBJECT = "S-1"
DESK = "pc-0"


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
            if shown and shown.alert.state == "NEW" and self._agent.alert.view.comparison.probe.loaded:
                QTimer.singleShot(0, self._take)
        return False

    def _take(self) -> None:
        self.at = self.at or time.time()


class Counter:
    """A camera above a counter, where the listed person passes."""

    def __init__(self, address: str, loop: asyncio.AbstractEventLoop) -> None:
        self._address, self._loop = address, loop
        engine = open_engine(load_pack(PACK), threads=1)
        self._face = captures(engine)[-1]
        self._track = 0
        self._do(self._open())

    def passage(self) -> None:
        """Let the person pass, and wait for the capture's receipt."""
        self._track += 1
        self._do(self._send())

    def close(self) -> None:
        """End the stream."""
        self._do(self._channel.close())

    async def _open(self) -> None:
        self._channel = grpc.aio.insecure_channel(self._address, options=CLIENT_OPTIONS)
        # The generated stubs are typed for one kind of channel only.
        stub: Any = CaptureServiceStub(self._channel)
        self._call = stub.StreamFaces()
        hello = Hello(camera_id="departure-1", client_version="bench", run_id=str(uuid6.uuid7()))
        await self._call.write(StreamFacesRequest(hello=hello))
        await self._call.read()

    async def _send(self) -> None:
        face = FaceCapture()
        face.CopyFrom(self._face)
        face.capture_id, face.track_id = str(uuid6.uuid7()), str(self._track)
        face.capture_time.FromDatetime(datetime.now(UTC))
        await self._call.write(StreamFacesRequest(face=face))
        await self._call.read()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(MAX_WAIT_S)


def wait(condition: Callable[[], object]) -> None:
    """Let Qt work until something is so; raises TimeoutError."""
    deadline = time.monotonic() + MAX_WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the window did not get there")
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 20)


def delays_ms(agent: DesktopAgent, counter: Counter) -> list[float]:
    """Let alerts come one after another, and return how long each took to be painted."""
    controller, found = agent.controller, []
    wait(lambda: controller.unlocked)
    for _ in range(ALERTS):
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
    return found


def write_list(folder: Path, portrait: bytes) -> None:
    """Write a watchlist with one subject and a photograph."""
    folder.mkdir()
    (folder / "s1.jpg").write_bytes(portrait)
    today = datetime.now(UTC).date()
    first = (today - timedelta(days=30)).isoformat()
    order = {
        "order_id": "O-1",
        "subject_id": SUBJECT,
        "kind": "CEGAH",
        "decree_number": "KEP-1",
        "decree_date": first,
        "requesting_agency": "Kejaksaan Agung",
        "reason": "invented",
        "valid_from": first,
        "received_on": first,
        "valid_until": (today + timedelta(days=60)).isoformat(),
        "urgent": "false",
        "photographs": "s1.jpg",
        "name": "CONTOH SATU",
        "sex": "F",
        "nationality": "IDN",
    }
    with (folder / ORDERS_FILE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerow(order)


def measure() -> dict[str, float]:
    """Return `alerts.match_to_paint_p95_ms` and its median."""
    app = QApplication.instance() or QApplication([])
    if not isinstance(app, QApplication):
        raise TypeError("a window needs a QApplication")
    picture = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)  # type: ignore[no-untyped-call]
    portrait = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_list(folder / "list", portrait)
        config = StackConfig(
            folder, PACK.parent, transport=Transport.PLAINTEXT, settings={"threads": 1, "grouping_window_s": 0}
        )
        settings = NotifierSettings.load(
            None,
            agent_id=DESK,
            state_dir=folder / "desk",
            sound=False,
        )
        with Stack(config) as stack, others(stack.address), loop_thread() as loop:
            stack.import_watchlist(folder / "list")
            environment = {"CEKALWATCH_NOTIFIER_STATE_DIR": str(settings.state_dir)}
            sign_officer_in(DESK, config.site, stack.config_file, stack.address, environment)
            stack.wait_for_gallery(1)
            chosen = settings.model_copy(update={"server_address": stack.address})
            with assembled(chosen, Start.NOW, app) as (agent, _), closing(Counter(stack.address, loop)) as counter:
                wait(lambda: agent.controller.connection.ready)
                delays = sorted(delays_ms(agent, counter))
    return {
        "alerts.match_to_paint_p95_ms": round(delays[int(len(delays) * 0.95)], 1),
        "alerts.match_to_paint_p50_ms": round(statistics.median(delays), 1),
    }


async def listen(address: str, ready: threading.Event) -> None:
    """Subscribe as the other agents, and read for ever."""
    agents = [Agent(f"pc-{number}", address) for number in range(1, AGENTS)]
    listening = asyncio.gather(*(agent.listen(ALERTS * 1000) for agent in agents))
    await asyncio.gather(*(agent.ready.wait() for agent in agents))
    ready.set()
    await listening


def connect_others(address: str, ready: threading.Event) -> None:
    """Be the process of the other agents."""
    asyncio.run(listen(address, ready))


@contextmanager
def others(address: str) -> Iterator[None]:
    """Keep the other agents connected until the end of the block."""
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    process = spawn.Process(target=connect_others, args=(address, ready), daemon=True)
    process.start()
    try:
        if not ready.wait(MAX_WAIT_S):
            raise TimeoutError("the other agents did not connect")
        yield
    finally:
        process.kill()
        process.join()


@contextmanager
def loop_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in a thread of its own until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


if __name__ == "__main__":
    print(measure())
