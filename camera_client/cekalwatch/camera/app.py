"""Puts the camera client together and runs it: the vision thread, the uplink, and when both are over.

A camera is watched until the program is told to stop. A file is done when it has ended and each crop has its receipt.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import grpc
import structlog
import uuid6

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.convert import Hello
from cekalwatch.camera.figures import Figures
from cekalwatch.camera.files import Pace
from cekalwatch.camera.frames import FrameSource, SourceError
from cekalwatch.camera.outbox import Outbox
from cekalwatch.camera.pipeline import Pipeline
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.camera.source import open_source
from cekalwatch.camera.tracker import Tracker
from cekalwatch.camera.uplink import Link, Refused, Uplink
from cekalwatch.camera.waiting import set_within
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.exits import Exit
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.runtime import limit_native_threads
from cekalwatch.wire.backoff import Backoff

REFUSED_PAUSE_S = 60.0
"""How long a camera waits that the server refuses: until a person has changed a configuration."""

WRONG_CONFIGURATION = frozenset(
    {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
)

log = structlog.get_logger()


def run(settings: CameraSettings) -> None:
    """Run until a file is done or a signal stops the program. Raises ProgramError."""
    dialer = settings.dialer()
    limit_native_threads(settings.threads)
    detector = open_detector(settings.detector, settings.threads)
    clock = SystemClock()
    pace = Pace.REALTIME if settings.realtime else Pace.UNPACED
    try:
        source = open_source(settings.source, pace, clock)
    except SourceError as error:
        raise ProgramError(str(error), Exit.UNAVAILABLE) from None
    outbox = Outbox(settings.outbox_size, clock)
    figures = Figures(outbox, clock)
    pipeline = Pipeline(
        source, detector, Tracker(settings.track_miss_s), outbox, figures, detect_every=settings.detect_every
    )
    hello = Hello(settings.camera_id, str(uuid6.uuid7()), detector.name)
    log.info("camera_starts", camera_id=settings.camera_id, source=source.name, detector=detector.name)
    try:
        asyncio.run(Client(settings, Link(dialer, hello), source, pipeline, outbox, figures).run())
    except SourceError as error:
        raise ProgramError(str(error), Exit.UNAVAILABLE) from None
    except Refused as error:
        exit_code = Exit.CONFIG if error.code in WRONG_CONFIGURATION else Exit.FAILED
        raise ProgramError(f"{error} Camera key: {settings.camera_id}.", exit_code) from None
    finally:
        _log_end(source, figures, outbox)


class Client:
    """The running program: a vision thread and an uplink."""

    def __init__(
        self,
        settings: CameraSettings,
        link: Link,
        source: FrameSource,
        pipeline: Pipeline,
        outbox: Outbox,
        figures: Figures,
    ) -> None:
        self._settings = settings
        self._source = source
        self._pipeline = pipeline
        self._outbox = outbox
        self._stop = asyncio.Event()
        self._dialer = link.dialer
        self._uplink = Uplink(link, outbox, figures.heartbeat, pipeline.set_policy, Backoff())

    async def run(self) -> None:
        """Run until the source is done or a signal comes. Raises ProgramError, SourceError, Refused."""
        uplink = asyncio.create_task(self._keep_uplink())
        work = asyncio.create_task(self._watch() if self._source.endless else self._read_to_the_end())
        stopped = asyncio.create_task(self._stop.wait())
        try:
            with _stopped_by_signals(self._stop):
                await asyncio.wait({uplink, work, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    await work
                if uplink.done():
                    await uplink
                self._stop.set()
                # A network camera may hold its reader for seconds; goodbye need not wait for that.
                await asyncio.gather(uplink, asyncio.to_thread(self._pipeline.stop))
        finally:
            self._pipeline.stop()
            for task in (uplink, work, stopped):
                task.cancel()
            await asyncio.gather(uplink, work, stopped, return_exceptions=True)

    async def _keep_uplink(self) -> None:
        while True:
            try:
                await self._uplink.run(self._stop)
            except Refused as refused:
                if not self._source.endless:
                    raise
                log.error("server_refuses", problem=str(refused), retry_in_s=REFUSED_PAUSE_S)  # noqa: TRY400
                await set_within(self._stop, REFUSED_PAUSE_S)
            else:
                return

    async def _watch(self) -> None:
        await asyncio.to_thread(self._pipeline.run)

    async def _read_to_the_end(self) -> None:
        # The server's word comes first: it says what may be sent, and a camera that it does not know need not begin.
        if not await set_within(self._uplink.welcomed, self._settings.receipts_wait_s):
            reason = await asyncio.to_thread(self._dialer.why_refused)
            raise ProgramError(
                f"No server answered at {self._settings.server_address}: {reason or 'is cekalwatch-server running?'}",
                Exit.UNAVAILABLE,
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
                f"{self._outbox.figures().depth} crops had no receipt from {self._settings.server_address} for "
                f"{self._settings.receipts_wait_s:g} s; they were not kept",
                Exit.UNAVAILABLE,
            )
        finally:
            self._pipeline.stop()
            for task in (silence, emptied, reading):
                task.cancel()
            await asyncio.gather(silence, emptied, reading, return_exceptions=True)

    async def _emptied(self, reading: asyncio.Task[None]) -> None:
        """Return when the source has ended and each crop has its receipt."""
        await reading
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        end_listening = self._outbox.listen(lambda: loop.call_soon_threadsafe(changed.set))
        try:
            while self._outbox.figures().depth:
                await changed.wait()
                changed.clear()
        finally:
            end_listening()

    async def _no_receipts(self) -> None:
        """Return when crops have waited too long without one receipt."""
        while True:
            left_s = self._settings.receipts_wait_s - self._outbox.figures().waiting_s
            if left_s <= 0:
                return
            await asyncio.sleep(left_s)


@contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM set `stop`; a second one ends the program at once."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(number: int, _: FrameType | None) -> None:
        signal.signal(number, before[signal.Signals(number)])
        loop.call_soon_threadsafe(stop.set)

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log_end(source: FrameSource, figures: Figures, outbox: Outbox) -> None:
    held = outbox.figures()
    log.info(
        "camera_ends",
        frames=figures.frames_total,
        frames_dropped=source.dropped,
        passages=figures.passages_total,
        crops=figures.crops_total,
        crop_bytes=figures.crop_bytes_total,
        crops_settled=held.settled_total,
        crops_dropped=held.dropped_total,
        crops_without_receipt=held.depth,
    )
