"""Builds the cameras and runs them until a signal comes, or until all have ended.

A single camera ends the program when it cannot be watched, and the exit code says why. Several run independently: one
that fails does not end the others.
"""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FrameType

import structlog

from cekalwatch.camera.camera import Camera, RefusalPolicy
from cekalwatch.camera.clock import SystemClock, set_within
from cekalwatch.camera.metrics import serving_metrics
from cekalwatch.camera.outbox.spool import refuse_shared_key
from cekalwatch.camera.ptz.monitor import PtzMonitor
from cekalwatch.camera.ptz.onvif import password_of
from cekalwatch.camera.settings import CameraSettings, OneCamera
from cekalwatch.camera.sources.opening import OpeningPolicy, open_source
from cekalwatch.camera.watchdog import watch_over
from cekalwatch.program.confined.command import missing_protections
from cekalwatch.program.connection import open_dialer
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.memory import settle
from cekalwatch.program.platform.session import STOP_SIGNALS, session_messages
from cekalwatch.program.service import ServiceManager
from cekalwatch.program.traces import TRACES
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.runtime import limit_native_threads
from cekalwatch.wire.backoff import Backoff

log = structlog.get_logger()


def run(settings: CameraSettings) -> None:
    """Run until a signal stops the program or all files are done. Raises ProgramError."""
    refuse_shared_key(settings.spool_key)
    if missing := missing_protections():
        log.warning("confinement_incomplete", missing=", ".join(missing))
    limit_native_threads(settings.threads)
    try:
        asyncio.run(Cameras(settings).run())
    except ProgramError as error:
        if error.exit_code is not Exit.HANGS:
            raise
        # A normal exit would wait for the thread that hangs.
        print(f"Error: {error}", file=sys.stderr, flush=True)  # noqa: T201  # a command speaks to a person
        os._exit(error.exit_code)


class Cameras:
    """The cameras of this process."""

    def __init__(self, settings: CameraSettings) -> None:
        """Open detectors and sources; raises ProgramError for a setting that cannot be used."""
        self._settings = settings
        self._stop = asyncio.Event()
        several = bool(settings.cameras)
        self._on_refusal = RefusalPolicy.RETRY if several else RefusalPolicy.EXIT
        self._opening = OpeningPolicy.RETRY if several else OpeningPolicy.MUST_OPEN
        self._clock = SystemClock()
        self._mounts = dict(self._open_mounts())
        """The monitor of each camera key of a camera that can be turned."""
        self.running: dict[str, Camera] = {one.camera_id: self._build(one) for one in settings.each()}
        """By camera_id; a camera that failed is replaced by a new one."""

    async def run(self) -> None:
        """Run until a signal comes or all are done; then raise ProgramError for the first that failed, if any."""
        service = ServiceManager()
        with ExitStack() as stack:
            stack.enter_context(_stopped_by_signals(self._stop))
            stack.enter_context(TRACES.exporting(self._settings.traces, "cekalwatch-camera", platform.node()))
            if self._settings.metrics_listen:
                stack.enter_context(serving_metrics(self._settings.metrics_listen, self._now, self._clock))
            watchdog = asyncio.create_task(self._watch(service))
            mounts = [asyncio.create_task(mount.run(self._stop)) for mount in set(self._mounts.values())]
            settle()
            service.ready()
            failures = await asyncio.gather(*(self._keep(one) for one in self._settings.each()))
            service.stopping()
            self._stop.set()
            failures.append(await watchdog)
            await asyncio.gather(*mounts)
        for failure in filter(None, reversed(failures)):
            raise failure

    def _now(self) -> tuple[Camera, ...]:
        return tuple(self.running.values())

    async def _watch(self, service: ServiceManager) -> ProgramError | None:
        """Watch over the cameras until the end; when one hangs, end all and return the error."""
        try:
            await watch_over(self._now, service, self._stop)
        except ProgramError as error:
            self._stop.set()
            return error
        return None

    async def _keep(self, one: OneCamera) -> ProgramError | None:
        """Run a camera, and start it again after an unexpected error; return why it could not go on, if so."""
        dialer = partial(open_dialer, self._settings.servers(one.camera_id), one.tls_dir)
        backoff = Backoff(first_s=1.0, most_s=60.0)
        failed = False
        while True:
            camera = self.running[one.camera_id]
            try:
                if failed:
                    self.running[one.camera_id] = camera = await asyncio.to_thread(self._build, one)
                await camera.run(self._stop, dialer, self._on_refusal)
            except ProgramError as error:
                return error
            except Exception:  # the others go on, and this camera starts again
                if self._on_refusal is RefusalPolicy.EXIT or not camera.source.endless:
                    raise
                delay_s = backoff.next_delay_s()
                log.exception("camera_failed", camera_id=one.camera_id, retry_in_s=round(delay_s, 1))
                if await set_within(self._stop, delay_s):
                    return None
                failed = True
            else:
                return None

    def _build(self, one: OneCamera) -> Camera:
        detector = open_detector(one.detector, self._settings.threads)
        source = open_source(one, self._clock, self._opening)
        mount = self._mounts.get(one.camera_id)
        return Camera(
            one,
            source,
            detector,
            self._clock,
            self._settings.spool_terms,
            receipts_wait_s=self._settings.receipts_wait_seconds,
            preset_status=partial(mount.preset_status, one.camera_id) if mount else None,
        )

    def _open_mounts(self) -> Iterator[tuple[str, PtzMonitor]]:
        for keys in self._settings.mounts(self._settings.each()).values():
            monitor = PtzMonitor(
                keys,
                password_of(next(iter(keys.values())), self._settings),
                self._clock,
                turns_folder=self._settings.ptz_dir,
                under_way=lambda key: self.running[key].statistics.under_way > 0,
                zone=self._settings.zone,
            )
            yield from ((key, monitor) for key in keys)


@contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Let the first signal or message of the system set `stop`; a second signal ends the program at once."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}

    def on_signal(number: int, _: FrameType | None) -> None:
        signal.signal(number, before[signal.Signals(number)])
        loop.call_soon_threadsafe(stop.set)

    for number in before:
        signal.signal(number, on_signal)
    try:
        with session_messages(partial(loop.call_soon_threadsafe, stop.set)):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
