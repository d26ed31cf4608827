"""One camera of this process: its source, its vision thread, its outbox and its stream to the server.

Cameras share only the event loop, in which nothing blocks, so a fault of one does not affect another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum

import grpc
import structlog
import uuid6

from cekalwatch.camera.clock import Clock, set_within
from cekalwatch.camera.detection.exercise_player import ExercisePlayer
from cekalwatch.camera.detection.pipeline import Pipeline
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.camera.outbox.exercise_box import ExerciseBox
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.outbox.spool import Spool, SpoolTerms
from cekalwatch.camera.outbox.spooler import Spooler
from cekalwatch.camera.settings import OneCamera
from cekalwatch.camera.sources.frames import FrameSource
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.camera.uplink.stream import CameraEnd, LinkCounts
from cekalwatch.camera.uplink.uplink import CameraRefused, Link, Uplink
from cekalwatch.camera.view.aiming import AimingPictures
from cekalwatch.camera.view.monitor import PresetStatus, ViewMonitor
from cekalwatch.contract.values.cameras import SpoolState
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import CameraHello
from cekalwatch.contract.values.unusable_faces import UnusablePassage
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.vision.faces import FaceDetector
from cekalwatch.vision.region import Region, limited_to
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.dialer import Dialer

REFUSED_PAUSE_S = 60.0
"""Pause of a camera that the server refuses, or that has no certificate: a person must change something."""
MAX_UNUSABLE = 100
VISION_END_S = 10.0
"""Longest wait for the end of a vision thread; a hanging one does not delay the program's end."""

WRONG_CONFIGURATION = frozenset(
    {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
)

log = structlog.get_logger()

OpenDialer = Callable[[], Dialer]
"""Opens a dialer to the server; raises ProgramError when this camera's certificate cannot be used."""


class RefusalPolicy(Enum):
    """What happens to a camera that has no certificate or is refused."""

    EXIT = "exit"
    """The program ends: the camera is its only task, and a person sees its exit code."""
    RETRY = "retry"
    """The camera tries again until a person changes something: other cameras continue, or nobody would see an exit."""


class Camera:
    """Runs once, on one event loop and in a vision thread of its own."""

    def __init__(
        self,
        settings: OneCamera,
        source: FrameSource,
        detector: FaceDetector,
        clock: Clock,
        spool: SpoolTerms,
        *,
        receipts_wait_s: float,
        preset_status: Callable[[], PresetStatus] | None = None,
    ) -> None:
        """`receipts_wait_s`: how long a file waits for receipts (see CameraSettings); `preset_status`: the position of
        a camera that can be turned (see ViewMonitor).

        Crops of a file are spooled only if it is read in real time; otherwise it can be read again.
        """
        self.camera_id = settings.camera_id
        self.tls_dir = settings.tls_dir
        self.source = source
        self.outbox = Outbox(settings.outbox_size, clock)
        self._hello = CameraHello(
            settings.camera_id,
            str(uuid6.uuid7()),
            detector.name,
            gives_aiming_pictures=True,
            plays_exercises=source.endless,
        )
        aiming, exercises = AimingPictures(detector, clock), ExerciseBox(clock)
        unusable = deque[UnusablePassage](maxlen=MAX_UNUSABLE)  # of whom the server was not told yet
        self._spooler: Spooler | None = None
        if not source.can_wait:
            folder = Spool(spool.folder / self.camera_id, spool.key_file, self.camera_id, self._hello.run_id)
            self._spooler = Spooler(self.outbox, folder, spool, clock)
        self.statistics = CameraStatistics(self.outbox, clock, self.spool_state)
        region = Region(settings.region) if settings.region else None
        self._pipeline = Pipeline(
            source,
            limited_to(region, detector) if region else detector,
            Tracker(settings.track_miss_seconds),
            self.outbox,
            self.statistics,
            detect_every=settings.detect_every,
            region=region,
            whole_every_s=settings.search_whole_seconds,
            view=ViewMonitor(preset_status) if preset_status else None,
            aiming=aiming,
            tell_unusable=unusable.append,
            exercises=ExercisePlayer(exercises, detector, clock, lambda: self.outbox.statistics().depth),
        )
        self.link = LinkCounts()
        self._end = CameraEnd(self.outbox, self.statistics, aiming, unusable, exercises, self.link)
        self._receipts_wait_s = receipts_wait_s
        self._welcomed = asyncio.Event()
        self._dialer: Dialer | None = None
        self._vision: asyncio.Future[None] | None = None

    async def run(self, stop: asyncio.Event, open_dialer: OpenDialer, on_refusal: RefusalPolicy) -> None:
        """Run until `stop`, or until a file is done. Raises ProgramError, as SourceError too."""
        with structlog.contextvars.bound_contextvars(camera_id=self.camera_id):
            log.info("camera_starts", source=self.source.name, detector=self._hello.detector)
            ending = asyncio.Event()
            if self._spooler:
                self._spooler.start()
            uplink = asyncio.create_task(self._keep_uplink(ending, open_dialer, on_refusal))
            work = asyncio.create_task(self._run_vision() if self.source.endless else self._read_to_the_end())
            stopped = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait({uplink, work, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    await work
                if uplink.done():
                    await uplink
                ending.set()
                # A source may hold its reader for seconds; goodbye need not wait for that.
                await asyncio.gather(uplink, asyncio.to_thread(self._pipeline.stop))
            finally:
                self._pipeline.stop()
                ended = (uplink, work, stopped)
                for task in ended:
                    task.cancel()
                await asyncio.gather(*ended, return_exceptions=True)
                await self._await_vision()
                if self._spooler:
                    await asyncio.to_thread(self._spooler.close)
                self._log_end()

    async def _keep_uplink(self, ending: asyncio.Event, open_dialer: OpenDialer, on_refusal: RefusalPolicy) -> None:
        while not ending.is_set():
            try:
                self._dialer = open_dialer()
                await Uplink(Link(self._dialer, self._hello), self._end, self._set_policy, Backoff()).run(ending)
            except CameraRefused as refused:
                if on_refusal is RefusalPolicy.EXIT and not self.source.endless:
                    exit_code = Exit.CONFIG if refused.code in WRONG_CONFIGURATION else Exit.FAILED
                    raise ProgramError(f"{refused} Camera: {self.camera_id}.", exit_code) from None
                log.error("server_refuses", problem=str(refused), retry_in_s=REFUSED_PAUSE_S)  # noqa: TRY400
            except ProgramError as error:
                if on_refusal is RefusalPolicy.EXIT:
                    raise
                log.error("certificate_unusable", problem=str(error), retry_in_s=REFUSED_PAUSE_S)  # noqa: TRY400
            else:
                return
            await set_within(ending, REFUSED_PAUSE_S)

    @property
    def busy_s(self) -> float:
        """For how long the vision thread has been at one frame; 0 while it waits for one, and for a file."""
        return self.statistics.busy_s if self.source.endless else 0.0

    @property
    def summary(self) -> str:
        """View, link and outbox in a few words."""
        link = "connected" if self.link.connected else "no server"
        return f"{self.statistics.view_state.value.lower()}, {link}, {self.outbox.statistics().depth} crops wait"

    def _set_policy(self, policy: CapturePolicy) -> None:
        self._pipeline.set_policy(policy)
        self._welcomed.set()

    async def _run_vision(self) -> None:
        self._vision = self._pipeline.start(f"vision-{self.camera_id}")
        await asyncio.shield(self._vision)

    async def _await_vision(self) -> None:
        # Python must not shut down while a thread is in native code.
        if self._vision and not (await asyncio.wait({self._vision}, timeout=VISION_END_S))[0]:
            log.error("vision_hangs", waited_s=VISION_END_S)

    async def _read_to_the_end(self) -> None:
        # The server's welcome comes first: it says what may be sent, and a camera that it does not know need not begin.
        # A file waits for it like a camera: the uplink keeps trying, and logs the reason.
        await self._welcomed.wait()
        reading = asyncio.create_task(self._run_vision())
        silence = asyncio.create_task(self._no_receipts())
        emptied = asyncio.create_task(self._emptied(reading))
        try:
            await asyncio.wait({silence, emptied}, return_when=asyncio.FIRST_COMPLETED)
            if emptied.done():
                emptied.result()
                return
            raise ProgramError(
                f"{self.outbox.statistics().depth} crops had no receipt from the server{self._at_address()} for "
                f"{self._receipts_wait_s:g} s; they {'wait for the next run' if self._spooler else 'were not kept'}",
                Exit.UNAVAILABLE,
            )
        finally:
            self._pipeline.stop()
            for task in (silence, emptied, reading):
                task.cancel()
            await asyncio.gather(silence, emptied, reading, return_exceptions=True)

    def _at_address(self) -> str:
        return f" at {', '.join(self._dialer.servers.addresses)}" if self._dialer else ""

    async def _emptied(self, reading: asyncio.Task[None]) -> None:
        """Return when the source has ended and each crop has its receipt."""
        await reading
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        end_listening = self.outbox.listen(lambda: loop.call_soon_threadsafe(changed.set))
        try:
            while self.outbox.statistics().depth:
                await changed.wait()
                changed.clear()
        finally:
            end_listening()

    async def _no_receipts(self) -> None:
        """Return when crops have waited too long without one receipt."""
        while True:
            left_s = self._receipts_wait_s - self.outbox.statistics().waiting_s
            if left_s <= 0:
                return
            await asyncio.sleep(left_s)

    def spool_state(self) -> SpoolState:
        """Return the state of the spool; UNSPECIFIED when there is none."""
        return self._spooler.state if self._spooler else SpoolState.UNSPECIFIED

    def _log_end(self) -> None:
        held, statistics = self.outbox.statistics(), self.statistics
        log.info(
            "camera_ends",
            frames=statistics.frames_total,
            frames_dropped=self.source.dropped,
            passages=statistics.passages_total,
            crops=statistics.crops_total,
            crop_bytes=statistics.crop_bytes_total,
            crops_settled=held.settled_total,
            crops_dropped=held.drops.total,
            crops_without_receipt=held.depth,
            crops_on_disk=held.stored,
        )
