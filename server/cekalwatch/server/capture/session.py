"""One camera's stream after its handshake: welcome, credits, heartbeats, receipts, drain. It knows no protobuf."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from cekalwatch.contract.values.cameras import AimingAnswer, Heartbeat
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import (
    CameraHello,
    CaptureReceipt,
    ClientTime,
    Drain,
    ExercisePlayed,
    ExerciseRequest,
    FaceCapture,
    FaceQuality,
    FromCamera,
    Goodbye,
    Receipts,
    ToCamera,
    Welcome,
)
from cekalwatch.contract.values.unusable_faces import UnusablePassage
from cekalwatch.server.capture.aiming import StreamPictures
from cekalwatch.server.capture.credit_window import CreditWindow
from cekalwatch.server.capture.exercises import ExerciseIntake
from cekalwatch.server.capture.passages import track_key
from cekalwatch.server.capture.processing import CaptureProcessor
from cekalwatch.server.capture.unusable_faces import UnusableCounter
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.concurrency.token_bucket import RateLimiter
from cekalwatch.server.domain.captures import CameraClock, Capture, Rejected
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.vision.fitness import flaws

MISSED_HEARTBEATS = 3
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


Inbound = tuple[ClientTime, FromCamera | FaceCapture | Rejected]
"""A message after the handshake, with the client's time."""


@dataclass(frozen=True)
class CaptureTerms:
    """What every camera gets."""

    credits: int
    heartbeat_period_s: float
    handshake_s: float
    """How long hello may take."""


class CameraSession:
    """One stream. It belongs to the event loop."""

    def __init__(
        self,
        camera: Camera,
        hello: CameraHello,
        policy: CapturePolicy,
        camera_clock: CameraClock,
        terms: CaptureTerms,
        processor: CaptureProcessor,
        presence: Presence,
        unusable: UnusableCounter,
        exercises: ExerciseIntake,
        clock: Clock,
    ) -> None:
        self._camera = camera
        self._run_id = hello.run_id
        self._policy = policy
        self._camera_clock = camera_clock
        self._terms = terms
        self._processor = processor
        self._presence = presence
        self._unusable = unusable
        self._exercises = exercises
        self.plays_exercises = hello.plays_exercises
        self._to_play: list[ExerciseRequest] = []
        self._clock = clock
        self._draining = False
        self._ready: list[CaptureReceipt] = []
        self._credits = CreditWindow(terms.credits, lambda: processor.oldest_s)
        self._credits_due = False
        """Whether credits go back without waiting for receipts."""
        self._wake = asyncio.Event()
        self.pictures = StreamPictures(self._wake.set, gives_pictures=hello.gives_aiming_pictures)
        self._working: set[asyncio.Future[CaptureReceipt]] = set()
        self._pace = RateLimiter(MESSAGES_PER_S + SIGNS_A_PERIOD / terms.heartbeat_period_s, MAX_MESSAGES)
        self._unplaceable = 0
        """Captures that could not be placed in time, and were not logged yet."""
        self._unplaceable_log_s = float("-inf")

    def set_policy(self, policy: CapturePolicy) -> None:
        """Send the camera its policy from now on."""
        self._policy = policy
        self._wake.set()

    def play(self, request: ExerciseRequest) -> None:
        """Send the camera an exercise."""
        self._to_play.append(request)
        self._wake.set()

    def drain(self) -> None:
        """Tell the camera that the server is about to stop."""
        self._draining = True
        self._wake.set()

    async def run(self, inbound: AsyncIterator[Inbound]) -> AsyncGenerator[ToCamera, None]:
        """Yield the welcome, and receipts for the messages after it, until they end; raises the stream's error."""
        policy, drained = self._policy, False
        yield Welcome(self._credits.left, self._terms.heartbeat_period_s, policy, self._clock.now(), True)
        reader = asyncio.create_task(self._read(inbound))
        reader.add_done_callback(lambda _: self._wake.set())
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                may_have_more = len(self._working) < MAX_WITHOUT_RECEIPT
                if self._ready or (self._credits_due and may_have_more):
                    receipts, self._ready = tuple(self._ready), []
                    self._credits_due = False
                    yield Receipts(receipts, self._credits.give() if may_have_more else 0)
                if self._policy != policy:
                    policy = self._policy
                    yield policy
                while request := self.pictures.take():
                    yield request
                while self._to_play:
                    yield self._to_play.pop(0)
                if self._draining and not drained:
                    drained = True
                    yield Drain(reconnect_after_s=1.0)
                if reader.done() and not self._working and not self._ready:
                    reader.result()
                    return
        finally:
            reader.cancel()
            for receipt in tuple(self._working):
                receipt.cancel()

    async def _read(self, inbound: AsyncIterator[Inbound]) -> None:
        loop, silence_s = asyncio.get_running_loop(), MISSED_HEARTBEATS * self._terms.heartbeat_period_s
        try:
            async with asyncio.timeout(silence_s) as silence:
                async for said, message in inbound:
                    silence.reschedule(loop.time() + silence_s)
                    if not await self._heard(said, message):
                        return
        except TimeoutError:
            raise CekalwatchError(Code.STREAM_SILENT) from None

    async def _heard(self, said: ClientTime, message: FromCamera | FaceCapture | Rejected) -> bool:
        """Deal with a message; return whether more may follow."""
        now = self._clock.now()
        self._camera_clock.note(said.time, now, said.uptime)
        match message:
            case FaceCapture() | Rejected():
                self._face(message, now)
                return True
            case Heartbeat():
                self._presence.heartbeat_received(self._camera.camera_id, message)
            case UnusablePassage():
                seen_at = message.last_seen_at and self._camera_clock.place(message.last_seen_at, now)
                self._unusable.passed(self._camera, message.reason, seen_at or now, sent=message.sent)
            case ExercisePlayed():
                self._exercises.played(self._camera.camera_id, message)
            case AimingAnswer():
                self.pictures.answered(message)
            case Goodbye(reason=reason):
                log.info("camera_goodbye", camera_id=self._camera.camera_id, reason=reason)
                return False
        await self._pace.keep()
        return True

    def _face(self, message: FaceCapture | Rejected, now: datetime) -> None:
        self._credits.spend()
        if isinstance(message, FaceCapture):
            capture = placed(message, self._camera, self._run_id, self._camera_clock, now)
            if message.exercise_token and isinstance(capture, Capture):
                capture = self._exercises.marked(capture, message.exercise_token)
            self._begin(capture)
        else:
            self._begin(message)

    def _begin(self, message: Capture | Rejected) -> None:
        if isinstance(message, Capture):
            if message.exercise_id is None:
                self._presence.face_received(message)
        elif message.reason is Code.CAPTURE_TIME_UNPLACEABLE:
            self._note_unplaceable()
        receipt = self._processor.process(message, self._take)
        self._working.add(receipt)
        receipt.add_done_callback(self._leaves)

    def _note_unplaceable(self) -> None:
        self._unplaceable += 1
        now_s = asyncio.get_running_loop().time()
        if now_s - self._unplaceable_log_s >= UNPLACEABLE_LOG_S:
            log.error("capture_unplaceable", camera_id=self._camera.camera_id, captures=self._unplaceable)
            self._unplaceable, self._unplaceable_log_s = 0, now_s

    def _leaves(self, receipt: asyncio.Future[CaptureReceipt]) -> None:
        self._working.discard(receipt)
        if not receipt.cancelled():
            self._ready.append(receipt.result())
        self._wake.set()

    def _take(self) -> None:
        if self._credits.taken():
            self._credits_due = True
            self._wake.set()


def placed(face: FaceCapture, camera: Camera, run_id: str, clock: CameraClock, now: datetime) -> Capture | Rejected:
    """Return a face as a capture: of which passage, when by the server's clock, and whether it is fit for an alert.

    It is rejected where it cannot be placed in time. `run_id` is that of the stream, in which `clock` is followed. The
    JPEG itself is checked when it is decoded.
    """
    captured_at = clock.place(face.captured_at, now, face.clock_ahead if face.run_id else None)
    if captured_at is None:
        return Rejected(face.capture_id, Code.CAPTURE_TIME_UNPLACEABLE)
    return Capture(
        capture_id=str(UUID(face.capture_id)),
        camera=camera,
        passage=track_key(camera.camera_id, face.run_id or run_id, face.track_id),
        captured_at=captured_at,
        jpeg=face.jpeg,
        landmarks=face.landmarks,
        quality=face.quality.score,
        fit=_is_fit(face.quality),
        trace=face.trace,
    )


def _is_fit(measured: FaceQuality) -> bool:
    """Whether a face is fit for an alert; a face without valid figures is not."""
    return all(map(math.isfinite, vars(measured).values())) and not flaws(measured)
