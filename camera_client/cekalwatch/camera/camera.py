"""One camera of this process: its source, its vision thread, its outbox and its stream to the server.

Cameras share nothing but the event loop, in which nothing blocks: what happens to one is not felt by another.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from enum import Enum
from functools import partial

import grpc
import structlog
import uuid6

from cekalwatch.camera.clock import Clock
from cekalwatch.camera.detection.pipeline import Pipeline
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.outbox.spool import Spool
from cekalwatch.camera.outbox.spool_terms import SpoolTerms
from cekalwatch.camera.outbox.spooler import Spooler
from cekalwatch.camera.ptz.monitor import PtzMonitor
from cekalwatch.camera.settings import OneCamera
from cekalwatch.camera.sources.frames import FrameSource
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.camera.uplink.link_counts import LinkCounts
from cekalwatch.camera.uplink.messages import Hello
from cekalwatch.camera.uplink.uplink import Link, Refused, Uplink
from cekalwatch.camera.view.watch import ViewWatch
from cekalwatch.camera.waiting import set_within
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.vision.faces import FaceDetector
from cekalwatch.vision.region import Region, RegionDetector
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.vocabulary.capture import CapturePolicy, SpoolState

HELD_UP_PAUSE_S = 60.0
"""How long a camera waits that the server refuses, or that has no certificate: until a person has changed something."""
ENDING_S = 10.0
"""Longest wait for a vision thread that is to end; one that hangs does not hold up the program's end."""

WRONG_CONFIGURATION = frozenset(
    {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
)

log = structlog.get_logger()

OpenDialer = Callable[[], Dialer]
"""Opens the way to the server; raises ProgramError when this camera's certificate cannot be used."""


class RefusalPolicy(Enum):
    """What becomes of a camera that lacks a certificate or is refused."""

    ENDS_IT = "ends it"
    """It is the program's only task, and a person sees its exit code."""
    IS_WAITED_OUT = "is waited out"
    """Others are watched beside it, or nobody looks: it is tried again until somebody has put it right."""


class Camera:
    """Runs once, on one event loop, and in a thread of its own."""

    def __init__(
        self,
        settings: OneCamera,
        source: FrameSource,
        detector: FaceDetector,
        clock: Clock,
        spool: SpoolTerms,
        *,
        receipts_wait_s: float,
        turntable: PtzMonitor | None = None,
    ) -> None:
        """`receipts_wait_s`: for how long a file waits for the server (see CameraSettings); `turntable`: what turns it.

        Of a file that waits nothing goes to the spool: it can be read again.
        """
        self.camera_id = settings.camera_id
        self.tls_dir = settings.tls_dir
        self.source = source
        self.outbox = Outbox(settings.outbox_size, clock)
        self._hello = Hello(settings.camera_id, str(uuid6.uuid7()), detector.name)
        self._keeper: Spooler | None = None
        if not source.can_wait:
            folder = Spool(spool.folder / self.camera_id, spool.key_file, self.camera_id, self._hello.run_id)
            self._keeper = Spooler(self.outbox, folder, spool, clock)
        self.figures = CameraStatistics(self.outbox, clock, self.spool_state)
        region = Region(settings.region) if settings.region else None
        self._pipeline = Pipeline(
            source,
            RegionDetector(detector, region) if region else detector,
            Tracker(settings.track_miss_s),
            self.outbox,
            self.figures,
            detect_every=settings.detect_every,
            region=region,
            view=ViewWatch(turntable),
        )
        self._turntable = turntable
        self.link = LinkCounts()
        self._receipts_wait_s = receipts_wait_s
        self._welcomed = asyncio.Event()
        self._dialer: Dialer | None = None
        self._vision: asyncio.Future[None] | None = None

    async def run(self, stop: asyncio.Event, open_dialer: OpenDialer, trouble: RefusalPolicy) -> None:
        """Run until `stop`, or until a file is done. Raises SourceError, and ProgramError for what `trouble` ends."""
        with structlog.contextvars.bound_contextvars(camera_id=self.camera_id):
            log.info("camera_starts", source=self.source.name, detector=self._hello.detector)
            ending = asyncio.Event()
            if self._keeper:
                self._keeper.start()
            uplink = asyncio.create_task(self._keep_uplink(ending, open_dialer, trouble))
            work = asyncio.create_task(self._watch() if self.source.endless else self._read_to_the_end())
            stopped = asyncio.create_task(stop.wait())
            turning = asyncio.create_task(self._turntable.run(ending)) if self._turntable else None
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
                ended = [task for task in (uplink, work, stopped, turning) if task]
                for task in ended:
                    task.cancel()
                await asyncio.gather(*ended, return_exceptions=True)
                await self._vision_ended()
                if self._keeper:
                    await asyncio.to_thread(self._keeper.close)
                self._log_end()

    async def _keep_uplink(self, ending: asyncio.Event, open_dialer: OpenDialer, trouble: RefusalPolicy) -> None:
        while not ending.is_set():
            try:
                self._dialer = open_dialer()
                await self._uplink(self._dialer).run(ending)
            except Refused as refused:
                if trouble is RefusalPolicy.ENDS_IT and not self.source.endless:
                    exit_code = Exit.CONFIG if refused.code in WRONG_CONFIGURATION else Exit.FAILED
                    raise ProgramError(f"{refused} Camera key: {self.camera_id}.", exit_code) from None
                log.error("server_refuses", problem=str(refused), retry_in_s=HELD_UP_PAUSE_S)  # noqa: TRY400
            except ProgramError as error:
                if trouble is RefusalPolicy.ENDS_IT:
                    raise
                log.error("certificate_unusable", problem=str(error), retry_in_s=HELD_UP_PAUSE_S)  # noqa: TRY400
            else:
                return
            await set_within(ending, HELD_UP_PAUSE_S)

    def _uplink(self, dialer: Dialer) -> Uplink:
        return Uplink(
            Link(dialer, self._hello),
            self.outbox,
            self.figures.heartbeat,
            self._obey,
            Backoff(),
            self.link,
        )

    @property
    def busy_s(self) -> float:
        """For how long the vision thread has been at one frame; 0 while it waits for one, and for what ends itself."""
        return self.figures.busy_s if self.source.endless else 0.0

    @property
    def summary(self) -> str:
        """How it does, in a few words."""
        link = "connected" if self.link.connected else "no server"
        return f"{self.figures.view_state.value.lower()}, {link}, {self.outbox.figures().depth} crops wait"

    def _obey(self, policy: CapturePolicy) -> None:
        self._pipeline.set_policy(policy)
        self._welcomed.set()

    async def _watch(self) -> None:
        self._vision = _in_a_thread(self._pipeline.run, f"vision-{self.camera_id}")
        await asyncio.shield(self._vision)

    async def _vision_ended(self) -> None:
        # Python must not be taken down around a thread that is in native code.
        if self._vision and not (await asyncio.wait({self._vision}, timeout=ENDING_S))[0]:
            log.error("vision_hangs", waited_s=ENDING_S)

    async def _read_to_the_end(self) -> None:
        # The server's word comes first: it says what may be sent, and a camera that it does not know need not begin.
        if not await set_within(self._welcomed, self._receipts_wait_s):
            reason = await asyncio.to_thread(self._dialer.why_refused) if self._dialer else None
            raise ProgramError(
                f"No server answered{self._at_address()}: {reason or 'is cekalwatch-server running?'}", Exit.UNAVAILABLE
            )
        reading = asyncio.create_task(self._watch())
        silence = asyncio.create_task(self._no_receipts())
        emptied = asyncio.create_task(self._emptied(reading))
        try:
            await asyncio.wait({silence, emptied}, return_when=asyncio.FIRST_COMPLETED)
            if emptied.done():
                emptied.result()
                return
            raise ProgramError(
                f"{self.outbox.figures().depth} crops had no receipt from the server{self._at_address()} for "
                f"{self._receipts_wait_s:g} s; they {'wait for the next run' if self._keeper else 'were not kept'}",
                Exit.UNAVAILABLE,
            )
        finally:
            self._pipeline.stop()
            for task in (silence, emptied, reading):
                task.cancel()
            await asyncio.gather(silence, emptied, reading, return_exceptions=True)

    def _at_address(self) -> str:
        return f" at {self._dialer.address}" if self._dialer else ""

    async def _emptied(self, reading: asyncio.Task[None]) -> None:
        """Return when the source has ended and each crop has its receipt."""
        await reading
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        end_listening = self.outbox.listen(lambda: loop.call_soon_threadsafe(changed.set))
        try:
            while self.outbox.figures().depth:
                await changed.wait()
                changed.clear()
        finally:
            end_listening()

    async def _no_receipts(self) -> None:
        """Return when crops have waited too long without one receipt."""
        while True:
            left_s = self._receipts_wait_s - self.outbox.figures().waiting_s
            if left_s <= 0:
                return
            await asyncio.sleep(left_s)

    def spool_state(self) -> SpoolState:
        """Return how the spool does."""
        return self._keeper.state if self._keeper else SpoolState.UNSPECIFIED

    def _log_end(self) -> None:
        held, figures = self.outbox.figures(), self.figures
        log.info(
            "camera_ends",
            frames=figures.frames_total,
            frames_dropped=self.source.dropped,
            passages=figures.passages_total,
            crops=figures.crops_total,
            crop_bytes=figures.crop_bytes_total,
            crops_settled=held.settled_total,
            crops_dropped=held.drops.total,
            crops_without_receipt=held.depth,
            crops_on_disk=held.stored,
        )


def _in_a_thread(work: Callable[[], None], name: str) -> asyncio.Future[None]:
    """Begin `work` in a daemon thread of its own: asyncio's few threads are for short work, and are waited for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # it is raised where the work is awaited
            end = partial(done.set_exception, error)
        else:
            end = partial(done.set_result, None)
        # The loop is closed already when the work outlived the program's end.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(end)

    context = contextvars.copy_context()  # it says in the log which camera it is about
    threading.Thread(target=lambda: context.run(run), name=name, daemon=True).start()
    return done
