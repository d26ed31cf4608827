"""What the benchmarks of an officer's PC share: a site with certificates, a camera, the real desktop agent.

Everything speaks TLS, so that the server counts each device's calls as in an office.
"""

from __future__ import annotations

import asyncio
import csv
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import uuid6
from skimage import data

from benchmarks.alerts.offscreen import DESK, MAX_WAIT_S
from benchmarks.recognition.server_throughput import PACK, captures
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.server.pki.site_pki import SitePki
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.v1.capture_pb2 import FaceCapture
from cekalwatch.v1.capture_service_pb2 import Hello, StreamFacesRequest
from cekalwatch.v1.capture_service_pb2_grpc import CaptureServiceStub
from cekalwatch.vision.manifest import load_pack
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole, Identity
from deploy.demo.office.officers import sign_officer_in
from deploy.demo.stack import Stack, StackConfig
from deploy.demo.watchlist import COLUMNS, ORDERS_FILE

CAMERA = "departure-1"


class Counter:
    """A camera above a counter, where the listed person passes."""

    def __init__(self, dialer: Dialer, loop: asyncio.AbstractEventLoop) -> None:
        self._dialer, self._loop = dialer, loop
        engine = open_engine(load_pack(PACK), threads=1)
        self._face = captures(engine)[-1]
        self._track = 0
        self._do(self._open())

    def passage(self) -> None:
        """Let the person pass."""
        self._track += 1
        self._do(self._send())

    def close(self) -> None:
        """End the stream."""
        self._do(self._close())

    async def _open(self) -> None:
        self._channel = self._dialer.aio_channel()
        # The generated stubs are typed for one kind of channel only.
        stub: Any = CaptureServiceStub(self._channel)
        self._call = stub.StreamFaces()
        hello = Hello(camera_id=CAMERA, client_version="bench", run_id=str(uuid6.uuid7()))
        await self._call.write(StreamFacesRequest(hello=hello))
        if (await self._call.read()).WhichOneof("message") != "welcome":
            raise ConnectionError("the server does not welcome the camera")
        self._reading = asyncio.create_task(self._read())

    async def _send(self) -> None:
        face = FaceCapture()
        face.CopyFrom(self._face)
        face.capture_id, face.track_id = str(uuid6.uuid7()), str(self._track)
        face.capture_time.FromDatetime(datetime.now(UTC))
        await self._call.write(StreamFacesRequest(face=face))

    async def _read(self) -> None:
        """Take receipts and credits, which come at their own time."""
        while await self._call.read():
            pass

    async def _close(self) -> None:
        self._reading.cancel()
        await self._channel.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(MAX_WAIT_S)


def site_config(folder: Path) -> StackConfig:
    """Return a site at which each passage of the listed person is an alert of its own."""
    return StackConfig(folder, PACK.parent, settings={"threads": 1, "grouping_window_seconds": 0})


def list_person(stack: Stack) -> None:
    """Import a watchlist with the person whom the camera will see."""
    folder = stack.config.folder / "list"
    picture = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)  # type: ignore[no-untyped-call]
    _write_list(folder, cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    stack.import_watchlist(folder)
    stack.wait_for_gallery(1)


def desk_settings(stack: Stack) -> NotifierSettings:
    """Return the settings of the officer's PC, at which its officer has signed in."""
    chosen = NotifierSettings.load(
        None,
        agent_id=DESK,
        server_addresses=stack.address,
        state_dir=stack.config.folder / "desk",
        tls_dir=stack.certificate(DeviceRole.NOTIFIER, DESK),
        sound=False,
    )
    environment = {
        "CEKALWATCH_NOTIFIER_STATE_DIR": str(chosen.state_dir),
        "CEKALWATCH_NOTIFIER_TLS_DIR": str(chosen.tls_dir),
    }
    sign_officer_in(DESK, stack.config.site, stack.config_file, stack.address, environment)
    return chosen


def agents_certificates(stack: Stack, names: list[str]) -> dict[str, Path]:
    """Give more agents certificates, and return their folders."""
    pki = SitePki.load(stack.config.folder / "server" / "pki")
    folders = {name: stack.config.folder / "tls" / f"agents-{name}" for name in names}
    for name, folder in folders.items():
        pki.issue(Identity(DeviceRole.NOTIFIER, stack.config.site, name), [], folder, datetime.now(UTC))
    return folders


@contextmanager
def loop_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in a thread of its own until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def _write_list(folder: Path, portrait: bytes) -> None:
    folder.mkdir()
    (folder / "s1.jpg").write_bytes(portrait)
    today = datetime.now(UTC).date()
    first = (today - timedelta(days=30)).isoformat()
    order = {
        "order_id": "O-1",
        "subject_id": "S-1",
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
