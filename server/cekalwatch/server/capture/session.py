"""One camera's stream: handshake, credits, heartbeats, receipts, drain. It knows no protobuf."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from cekalwatch.contract.values.cameras import AimingAnswer, Heartbeat
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import (
    CameraHello,
    CaptureReceipt,
    ClientTime,
    Drain,
    FromCamera,
    Goodbye,
    Receipts,
    ToCamera,
    Welcome,
)
from cekalwatch.server.capture.aiming import StreamPictures
from cekalwatch.server.capture.intake import Intake
from cekalwatch.server.concurrency.token_bucket import RateLimiter
from cekalwatch.server.domain.cameras.clock import CameraClock
from cekalwatch.server.domain.captures import Capture, Rejected
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.health.probes import Presence

MISSED_HEARTBEATS = 3
CREDITS_A_MESSAGE = 1 / 4
"""Share of a stream's credits that goes back in a message of its own. Fewer wait for the next receipt: a message for
each face cost the server a sixth of its faces a second."""
MAX_WITHOUT_RECEIPT = 256
"""Captures of a stream that may wait for their receipts, in addition to its credits. A camera that sends as fast as the
server accepts faces has about 100; there are more only when the database hangs, and then no credit comes back."""

MESSAGES_PER_S = 5.0
MAX_MESSAGES = 50.0
SIGNS_A_PERIOD = 2
"""Messages of a stream other than faces (which credits limit): the burst, the sustained rate (per second), and the
number for each heartbeat period."""
UNPLACEABLE_LOG_S = 10.0
"""How often a stream's captures that cannot be placed in time are logged."""

log = structlog.get_logger()
_T = TypeVar("_T")


Inbound = FromCamera | Capture | Rejected
"""A message after the handshake; a face as its result."""


@dataclass(frozen=True)
class CaptureTerms:
    """What every camera gets."""

    credits: int
    heartbeat_period_s: float
    handshake_s: float
    """How long hello may take."""


class CaptureSessions:
    """Runs the streams of all cameras."""

    def __init__(
        self,
        cameras: dict[str, Camera],
        policies: Mapping[str, CapturePolicy],
        terms: CaptureTerms,
        intake: Intake,
        presence: Presence,
    ) -> None:
        """`policies`: what each camera may send, by its key."""
        self._cameras = cameras
        self._policies = dict(policies)
        self._streams: dict[_CaptureStream, str] = {}
        """The camera of each, the oldest first."""
        self._terms = terms
        self._intake = intake
        self._presence = presence
        self._draining = asyncio.Event()

    @property
    def policies(self) -> Mapping[str, CapturePolicy]:
        """What each camera may send, by its key."""
        return dict(self._policies)

    def set_policies(self, policies: Mapping[str, CapturePolicy]) -> None:
        """Apply these policies from now on, and send them to connected cameras."""
        self._policies.update(policies)
        for stream in self._streams:
            stream.wake()

    def pictures(self, camera_id: str) -> StreamPictures | None:
        """Return the requests of a camera's newest stream; None while it has no stream here."""
        streams = [stream for stream, name in self._streams.items() if name == camera_id]
        return streams[-1].pictures if streams else None

    def drain(self) -> None:
        """Tell every camera that the server is about to stop."""
        self._draining.set()

    def camera(self, camera_id: str) -> Camera:
        """Return a configured camera; raises UNKNOWN_CAMERA."""
        try:
            return self._cameras[camera_id]
        except KeyError:
            raise CekalwatchError(Code.UNKNOWN_CAMERA) from None

    def rejected(self, name: str, site: str, reason: Code) -> None:
        """Note that a camera was refused which claims the key `name`, at the site of its certificate, if it has one."""
        self._presence.camera_rejected(name, site, reason)

    async def handshake(self, first: Awaitable[_T]) -> _T:
        """Return the result of `first`; raises HELLO_TIMEOUT when it takes too long."""
        try:
            async with asyncio.timeout(self._terms.handshake_s):
                return await first
        except TimeoutError:
            raise CekalwatchError(Code.HELLO_TIMEOUT) from None

    async def welcome(self, hello: CameraHello, now: datetime) -> Welcome:
        """Accept a camera, and send it the time; raises UNKNOWN_CAMERA."""
        camera = self.camera(hello.camera_id)
        log.info("camera_connected", camera_id=camera.camera_id, client=hello.client_version, detector=hello.detector)
        return Welcome(self._terms.credits, self._terms.heartbeat_period_s, self._policies[camera.camera_id], now)

    def clock(self, camera: Camera, said: ClientTime, now: datetime) -> CameraClock:
        """Begin to follow the clock of a camera that was welcomed."""
        clock = CameraClock()
        clock.note(said.time, now, said.uptime)
        self._presence.follow_clock(camera.camera_id, clock)
        return clock

    async def run(
        self, camera: Camera, hello: CameraHello, welcome: Welcome, inbound: AsyncIterator[Inbound]
    ) -> AsyncGenerator[ToCamera, None]:
        """Yield the welcome, and receipts for the messages after it, until they end; raises the stream's error.

        A welcomed camera counts as connected.
        """

        def policy() -> CapturePolicy:
            return self._policies[camera.camera_id]

        stream = _CaptureStream(
            self._terms,
            self._intake,
            self._presence,
            camera,
            self._draining,
            policy,
            welcome.policy,
            gives_pictures=hello.gives_aiming_pictures,
        )
        self._streams[stream] = camera.camera_id
        self._presence.camera_connected(camera.camera_id)
        try:
            yield welcome
            async with aclosing(stream.run(inbound)) as outbound:
                async for message in outbound:
                    yield message
        finally:
            del self._streams[stream]
            stream.pictures.end()
            self._presence.camera_disconnected(camera.camera_id)
            log.info("camera_disconnected", camera_id=camera.camera_id)


class _CaptureStream:
    """The state of one stream."""

    def __init__(
        self,
        terms: CaptureTerms,
        intake: Intake,
        presence: Presence,
        camera: Camera,
        draining: asyncio.Event,
        policy: Callable[[], CapturePolicy],
        told_policy: CapturePolicy,
        *,
        gives_pictures: bool,
    ) -> None:
        self._policy = policy
        self._told_policy = told_policy
        self._terms = terms
        self._intake = intake
        self._presence = presence
        self._camera = camera
        self._draining = draining
        self._ready: list[CaptureReceipt] = []
        self._waiting = 0
        """Captures that wait to be embedded; each costs a credit."""
        self._taken = 0
        """Captures that do so no longer, whose credits are to go back."""
        self._worth_a_message = max(1, int(terms.credits * CREDITS_A_MESSAGE))
        self._wake = asyncio.Event()
        self.pictures = StreamPictures(self.wake, gives_pictures=gives_pictures)
        self._working: set[asyncio.Task[None]] = set()
        self._pace = RateLimiter(MESSAGES_PER_S + SIGNS_A_PERIOD / terms.heartbeat_period_s, MAX_MESSAGES)
        self._unplaceable = 0
        """Captures that could not be placed in time, and were not logged yet."""
        self._unplaceable_log_s = float("-inf")

    def wake(self) -> None:
        """Check whether there is anything to send to the camera."""
        self._wake.set()

    async def run(self, inbound: AsyncIterator[Inbound]) -> AsyncGenerator[ToCamera, None]:
        self.wake()  # the policy may have changed since the welcome
        reader = asyncio.create_task(self._read(inbound))
        reader.add_done_callback(lambda _: self._wake.set())
        drain = asyncio.create_task(self._draining.wait())
        drain.add_done_callback(lambda _: self._wake.set())
        drained = False
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                given_back = self._taken if len(self._working) < MAX_WITHOUT_RECEIPT else 0
                if self._ready or given_back >= self._worth_a_message:
                    receipts, self._ready = tuple(self._ready), []
                    self._taken -= given_back
                    yield Receipts(receipts, given_back)
                if self._policy() != self._told_policy:
                    self._told_policy = self._policy()
                    yield self._told_policy
                while request := self.pictures.take():
                    yield request
                if drain.done() and not drained:
                    drained = True
                    yield Drain(reconnect_after_s=1.0)
                if reader.done() and not self._working and not self._ready:
                    reader.result()
                    return
        finally:
            for task in (reader, drain, *self._working):
                task.cancel()

    async def _read(self, inbound: AsyncIterator[Inbound]) -> None:
        silence_s = MISSED_HEARTBEATS * self._terms.heartbeat_period_s
        while True:
            try:
                async with asyncio.timeout(silence_s):
                    message = await anext(inbound)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise CekalwatchError(Code.STREAM_SILENT) from None
            match message:
                case Capture() | Rejected():
                    if self._waiting + self._taken >= self._terms.credits:
                        raise CekalwatchError(Code.CREDIT_EXCEEDED)
                    self._begin(message)
                    continue
                case Heartbeat():
                    self._presence.heartbeat_received(self._camera.camera_id, message)
                case AimingAnswer():
                    self.pictures.answered(message)
                case Goodbye(reason=reason):
                    log.info("camera_goodbye", camera_id=self._camera.camera_id, reason=reason)
                    return
            await self._pace.keep()

    def _begin(self, message: Capture | Rejected) -> None:
        self._waiting += 1
        if isinstance(message, Capture):
            self._presence.face_received(message)
        elif message.reason is Code.CAPTURE_TIME_UNPLACEABLE:
            self._note_unplaceable()
        self._working.add(asyncio.create_task(self._process(message)))

    def _note_unplaceable(self) -> None:
        self._unplaceable += 1
        now_s = asyncio.get_running_loop().time()
        if now_s - self._unplaceable_log_s >= UNPLACEABLE_LOG_S:
            log.error("capture_unplaceable", camera_id=self._camera.camera_id, captures=self._unplaceable)
            self._unplaceable, self._unplaceable_log_s = 0, now_s

    async def _process(self, message: Capture | Rejected) -> None:
        try:
            receipt = await self._intake.process(message, self._take)
            self._ready.append(receipt)
        finally:
            self._working.discard(asyncio.current_task())
            self._wake.set()

    def _take(self) -> None:
        self._waiting -= 1
        self._taken += 1
        if self._taken >= self._worth_a_message:
            self._wake.set()
