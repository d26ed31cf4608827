"""A capture host without pictures: the camera client's outbox, spooler, spool and uplink, for each of its cameras.

    python -m benchmarks.chaos.machines.capture_host FOLDER ADDRESSES SPOOL_BYTES PACK CAMERA TLS_DIR [CAMERA …]

Each line of standard input is a JSON object: a crop that a camera takes now (`camera`, `capture`: the contract's
message in base64), or how far its clock is ahead from now on (`clock_ahead_s`). Each line of standard output says what
came of it: `taken`, `receipt` and `dropped` with a capture's key, `refused` with a camera's, and every half second how
much waits. Exercises that the server asks for are shown to the detector of `PACK` while no crop is taken.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import structlog
import uuid6

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.detection.exercise_player import ExercisePlayer
from cekalwatch.camera.outbox import capture_message
from cekalwatch.camera.outbox.exercise_box import ExerciseBox
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.outbox.spool import Spool, SpoolTerms
from cekalwatch.camera.outbox.spooler import Spooler
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.camera.uplink.stream import CameraEnd
from cekalwatch.camera.uplink.uplink import CameraRefused, Link, Uplink
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import CameraHello
from cekalwatch.program.connection import open_dialer
from cekalwatch.program.logs import configure_logs
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.faces import FaceDetector
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.dialer import ServerChoice

OUTBOX_SIZE = 5_000
SPILL_AFTER_S = 0.5
STATUS_PERIOD_S = 0.5
FRAME_PERIOD_S = 0.25
IN_VIEW_S = 0.5
"""A traveller is in view for so long after a crop was taken."""
NOBODY = np.zeros((8, 8, 3), np.uint8)
"""What the cameras see between travellers, whose crops come ready cut."""
REFUSED_PAUSE_S = 2.0
"""After which a camera that was refused tries again, as systemd would start its program again."""

log = structlog.get_logger()


class Told:
    """Standard output, for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def say(self, **fields: object) -> None:
        """Write a line."""
        with self._lock:
            sys.stdout.write(json.dumps(fields) + "\n")
            sys.stdout.flush()


class SetClock(SystemClock):
    """The machine's clock, as somebody has set it; its monotonic seconds go on."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        """Return what it shows."""
        return datetime.now(UTC) + self.ahead


class TellingOutbox(Outbox):
    """An outbox that tells of each capture that leaves it."""

    def __init__(self, told: Told, clock: SetClock) -> None:
        super().__init__(OUTBOX_SIZE, clock)
        self._told = told

    def settle(self, capture_id: str) -> None:
        """Forget a capture that has its receipt; crops of exercises were never in it."""
        mine = self._holds(capture_id)
        super().settle(capture_id)
        if mine:
            self._told.say(receipt=capture_id)

    def refuse(self, capture_id: str) -> None:
        """Forget a capture that the server rejects."""
        mine = self._holds(capture_id)
        super().refuse(capture_id)
        if mine:
            self._told.say(dropped=capture_id)

    def _holds(self, capture_id: str) -> bool:
        with self._state.lock:
            return capture_id in self._state.items


class HostCamera:
    """One camera of the host."""

    def __init__(
        self,
        key: str,
        tls_dir: Path,
        addresses: tuple[str, ...],
        terms: SpoolTerms,
        clock: SetClock,
        detector: FaceDetector,
    ) -> None:
        self.key = key
        self._told, self._clock = Told(), clock
        run_id = str(uuid6.uuid7())
        self.outbox = TellingOutbox(self._told, clock)
        self.spooler = Spooler(self.outbox, Spool(terms.folder / key, terms.key_file, key, run_id), terms, clock)
        exercises = ExerciseBox(clock)
        self._player = ExercisePlayer(exercises, detector, clock, lambda: self.outbox.statistics().depth)
        self._taken_s = -IN_VIEW_S
        self._uplink = Uplink(
            Link(
                open_dialer(ServerChoice(addresses, key), tls_dir),
                CameraHello(key, run_id, detector.name, plays_exercises=True),
            ),
            CameraEnd(
                self.outbox, CameraStatistics(self.outbox, clock, lambda: self.spooler.state), exercises=exercises
            ),
            lambda _: None,
            Backoff(most_s=2.0),
        )

    def take(self, capture: str) -> None:
        """Take a crop now."""
        taken = replace(capture_message.from_bytes(base64.b64decode(capture)), captured_at=self._clock.now(), run_id="")
        self.outbox.put(taken)
        self._taken_s = self._clock.monotonic_s()
        self._told.say(taken=taken.capture_id)

    def see(self) -> None:
        """Play an exercise that was asked for, unless somebody is in view. It blocks while the detector looks."""
        now_s = self._clock.monotonic_s()
        if self._player.wanted:
            frame = Frame(NOBODY, self._clock.now(), now_s)
            self._player.see(frame, CapturePolicy(), in_view=now_s - self._taken_s < IN_VIEW_S)

    async def send(self, stop: asyncio.Event) -> None:
        """Send what it takes until `stop`."""
        while not stop.is_set():
            try:
                await self._uplink.run(stop)
            except CameraRefused as refused:
                log.error("refused", camera=self.key, problem=str(refused))  # noqa: TRY400  # no traceback
                self._told.say(refused=self.key, code=refused.code.name)
                await asyncio.sleep(REFUSED_PAUSE_S)

    def status(self) -> dict[str, object]:
        """How much waits."""
        held = self.outbox.statistics()
        return {
            "depth": held.depth,
            "stored": held.stored,
            "dropped": held.drops.total,
            "spool": self.spooler.state.value,
        }


async def main(
    folder: Path, addresses: tuple[str, ...], spool_bytes: int, pack: Path, cameras: list[tuple[str, Path]]
) -> None:
    """Run until standard input ends."""
    clock, told, stop = SetClock(), Told(), asyncio.Event()
    terms = SpoolTerms(folder / "spool", folder / "key" / "spool.key", spool_bytes, spill_after_s=SPILL_AFTER_S)
    detector = open_detector(pack, 1)
    there = {key: HostCamera(key, tls_dir, addresses, terms, clock, detector) for key, tls_dir in cameras}
    for camera in there.values():
        camera.spooler.start()
    sending = [asyncio.create_task(camera.send(stop)) for camera in there.values()]

    async def tell() -> None:
        while not stop.is_set():
            told.say(status={key: camera.status() for key, camera in there.items()})
            await asyncio.sleep(STATUS_PERIOD_S)

    async def see() -> None:
        while not stop.is_set():
            for camera in there.values():
                await asyncio.to_thread(camera.see)
            await asyncio.sleep(FRAME_PERIOD_S)

    telling, seeing = asyncio.create_task(tell()), asyncio.create_task(see())
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        if "clock_ahead_s" in order:
            clock.ahead = timedelta(seconds=order["clock_ahead_s"])
        else:
            there[order["camera"]].take(order["capture"])
    stop.set()
    await asyncio.gather(*sending, telling, seeing)
    for camera in there.values():
        await asyncio.to_thread(camera.spooler.close)


if __name__ == "__main__":
    configure_logs("info")
    _, own_folder, servers, most_bytes, models, *pairs = sys.argv
    known = [(pairs[at], Path(pairs[at + 1])) for at in range(0, len(pairs), 2)]
    asyncio.run(main(Path(own_folder), tuple(servers.split(",")), int(most_bytes), Path(models), known))
