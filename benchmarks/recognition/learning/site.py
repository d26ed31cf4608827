"""A site whose threshold learns, for benchmarks: a real server process, its cameras' streams, and people at its alerts.

The server is the product's, in a process of its own, and gets its faces through `StreamFaces`. Its clock is the
benchmark's to move, and what it does each minute or ten it does each half second, so that a day takes seconds. Officers
and a supervisor settle alerts by the product's adjudication, on the server's database: each as what it is.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final, Self

import grpc
import numpy as np
import uuid6
from numpy.typing import NDArray
from sqlmodel import col, select

from benchmarks.recognition.learning.settling import Settlers, log_warnings_only
from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.server import app
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.alerts.tables import SightingRow
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.models.threshold_store import ThresholdStore
from cekalwatch.server.wiring import capture as capture_wiring
from cekalwatch.server.wiring import gallery as gallery_wiring
from cekalwatch.v1 import capture_pb2, operations_pb2, operations_service_pb2_grpc
from cekalwatch.v1.capture_service_pb2 import StreamFacesRequest
from cekalwatch.v1.operations_service_pb2 import GetStatusRequest
from cekalwatch.vision.manifest import load_pack
from cekalwatch.wire.dialer import Dialer
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import reference, subject
from tests.support.scenarios.adjudication import Counter
from tests.support.scenarios.learning import accept_waiting
from tests.support.scenarios.server import CaptureClient, order_in_force

ROUND_S: Final = 0.5
"""Pause between two rounds of counting, learning and following."""
LEFT_OUT: Final = 19
"""Passages that a camera keeps back until there are more of them."""
STARTS_WITHIN_S: Final = 60.0
LEARNS_WITHIN_S: Final = 120.0
_SPAWN: Final = multiprocessing.get_context("spawn")

Templates = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Passer:
    """Somebody who passes a camera once."""

    face: capture_pb2.FaceCapture
    """Without capture id, track and time."""
    subject_id: str = ""
    """Who they are on the list; empty: nobody."""


@dataclass(frozen=True)
class MovedClock(SystemClock):
    """The machine's clock, some seconds ahead; processes share it."""

    ahead: Any = field(default_factory=lambda: _SPAWN.Value("d", 0.0))

    def now(self) -> datetime:
        """Return the moved time."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead.value)

    def go(self, **elapsed: float) -> None:
        """Move it on."""
        self.ahead.value += timedelta(**elapsed).total_seconds()


class LearningSite:
    """The site, as a context manager: its server runs inside."""

    def __init__(self, folder: Path, pack: Path, target_fpir: float, cameras: int, listed: Templates) -> None:
        """`listed`, shape (n, size), are of the model pack in the folder `pack`: subjects `S-0`, `S-1` and so on."""
        log_warnings_only()
        self.cameras = tuple(f"dep-{number}" for number in range(cameras))
        self.passed = 0
        self.confirmed = 0
        self.cleared = 0
        self.clock = MovedClock()
        self._settings: dict[str, Any] = {
            "listen": "127.0.0.1:0",
            "data_dir": folder,
            "models_dir": pack.parent,
            "model_pack": pack.name,
            "target_fpir": target_fpir,
            "threads": 2,
            "heartbeat_period_seconds": 300,
            "receipt_delay_seconds": 0.02,
            "cameras": tuple(
                {"camera_id": one, "site": "batam-center", "counter": one.upper(), "direction": "DEPARTURE"}
                for one in self.cameras
            ),
        }
        settings = ServerSettings.load(None, **self._settings)
        self._database = Database(settings.database_address)
        self._database.upgrade()
        self._desk = Counter(self._database, self.clock, keys=keyring(self._database, settings.master_key_source))
        self._settlers = Settlers(self._desk)
        self._who: dict[str, str] = {}
        """Of each passage who passed."""
        self._before = 0
        loaded = load_pack(pack)
        self._score_version = loaded.score_version
        for number, template in enumerate(listed):
            key = f"S-{number}"
            photograph = reference(key.encode(), template=template, model_version=loaded.model_version)
            self._desk.watchlist.put(subject(key), order_in_force(order_id=f"O-{key}", subject_id=key), [photograph])
        self._desk.watchlist.mark_success(self.clock.now())
        self._stack = ExitStack()
        self._address = ""

    def __enter__(self) -> Self:
        here, there = _SPAWN.Pipe(duplex=False)
        stop = _SPAWN.Event()
        process = _SPAWN.Process(target=_serve, args=(self._settings, self.clock, there, stop))
        process.start()
        self._stack.callback(self._database.close)
        self._stack.callback(process.join)
        self._stack.callback(stop.set)
        if not here.poll(STARTS_WITHIN_S):
            raise RuntimeError("the server did not start")
        self._address = f"127.0.0.1:{here.recv()}"
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def gallery(self) -> operations_pb2.GalleryStatus:
        """Return what the server says of its gallery and threshold."""
        with Dialer(self._address, None).channel() as channel:
            stub: Any = operations_service_pb2_grpc.OperationsServiceStub(channel)
            return stub.GetStatus(GetStatusRequest()).gallery  # type: ignore[no-any-return]

    def passes(self, people: Sequence[Passer]) -> None:
        """Let these pass, spread over all cameras, one crop each; return when all are dealt with."""
        asyncio.run(self._stream(people))

    def learns(self) -> None:
        """Wait until all who have passed before the last call of `passes` are taken into account."""
        due = self._before - LEFT_OUT * len(self.cameras)
        end = time.monotonic() + LEARNS_WITHIN_S
        while self.gallery().threshold_promise.passages < due:
            if time.monotonic() > end:
                raise RuntimeError(f"only {self.gallery().threshold_promise.passages} of {due} passages were counted")
            time.sleep(ROUND_S / 5)
        time.sleep(2 * ROUND_S)  # the gallery follows what was learned

    def accept(self) -> None:
        """Two people accept the threshold that waits for them, if one does; the gallery follows."""
        accept_waiting(ThresholdStore(self._database), self.clock, self._score_version)
        time.sleep(2 * ROUND_S)

    def settle(self) -> None:
        """Settle all alerts: those of listed people are confirmed, the others were somebody else."""

        def is_theirs(alert: Alert) -> bool:
            return alert.subject_id in self._travellers(str(alert.alert_id))

        for settled in self._settlers.settle(is_theirs):
            confirmed = settled.state is not AlertState.CLEARED
            self.confirmed += confirmed
            self.cleared += not confirmed

    def _travellers(self, alert_id: str) -> set[str]:
        with self._database.session() as session:
            captures = session.exec(select(SightingRow.capture_id).where(col(SightingRow.alert_id) == alert_id))
            return {self._who[one] for one in captures}

    async def _stream(self, people: Sequence[Passer]) -> None:
        self._before = self.passed
        shares = [people[number :: len(self.cameras)] for number in range(len(self.cameras))]
        async with Dialer(self._address, None).aio_channel() as channel:
            await asyncio.gather(*(self._camera(channel, *one) for one in zip(self.cameras, shares, strict=True)))

    async def _camera(self, channel: grpc.aio.Channel, camera_id: str, people: Sequence[Passer]) -> None:
        client = await CaptureClient.open(channel, camera_id)
        for passer in people:
            self.passed += 1
            face = capture_pb2.FaceCapture()
            face.CopyFrom(passer.face)
            face.capture_id, face.track_id = str(uuid6.uuid7()), str(self.passed)
            face.capture_time.FromDatetime(self.clock.now())
            self._who[face.capture_id] = passer.subject_id
            await client.call.write(StreamFacesRequest(face=face))
            (receipt,) = await client.receipts(1)
            if receipt.outcome != capture_pb2.CAPTURE_OUTCOME_ACCEPTED:
                raise RuntimeError(f"a face was not searched: {receipt}")
        await client.call.done_writing()


def _serve(settings: dict[str, Any], clock: MovedClock, address: Connection, stop: Event) -> None:
    """Run the server until `stop`; sends its port to `address`."""
    log_warnings_only()
    capture_wiring.COUNT_SCORES_PERIOD_S = ROUND_S
    gallery_wiring.FOLLOW_PERIOD_S = gallery_wiring.LEARN_PERIOD_S = ROUND_S

    async def serve() -> None:
        async with app.Server(ServerSettings.load(None, **settings), clock) as server:
            address.send(server.port)
            await asyncio.to_thread(stop.wait)

    asyncio.run(serve())
