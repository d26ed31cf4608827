"""One capture stream from its handshake to its end. The uplink connects again.

grpc.aio allows one write at a time, and cancelling a write ends the call, so one task sends everything.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import grpc
import structlog

from cekalwatch.camera.clock import set_within
from cekalwatch.camera.outbox import capture_message
from cekalwatch.camera.outbox.exercise_box import ExerciseBox
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.camera.view.aiming import AimingPictures
from cekalwatch.contract.codec.captures import FROM_CAMERA, TO_CAMERA
from cekalwatch.contract.engine.scalars import Refused
from cekalwatch.contract.values.cameras import AimingAnswer, AimingPicture, AimingRequest
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import (
    CameraHello,
    CaptureOutcome,
    CaptureReceipt,
    Drain,
    ExerciseRequest,
    Goodbye,
    Receipts,
    ToCamera,
    Welcome,
)
from cekalwatch.contract.values.unusable_faces import UnusablePassage
from cekalwatch.program.version import version
from cekalwatch.v1.capture_service_pb2 import StreamFacesRequest, StreamFacesResponse
from cekalwatch.wire.bounds import MAX_WORD

NEWS_PERIOD_S = 1.0
"""How soon after a heartbeat the next one may come when the view changed: supervisors see it within seconds."""

log = structlog.get_logger()

Call = grpc.aio.StreamStreamCall[StreamFacesRequest, StreamFacesResponse]


@dataclass(frozen=True)
class Timing:
    """How long a stream waits, seconds."""

    handshake_s: float = 10.0
    receipt_s: float = 30.0
    """Without a receipt for this long the server counts as hung, though its machine may answer pings."""
    ending_s: float = 5.0
    """For goodbye and for receipts that are still missing, when the stream is to end."""


@dataclass
class LinkCounts:
    """Counts of one camera's link to the server since the program's start, for the metrics.

    The event loop writes them; any thread reads them.
    """

    receipts: Counter[CaptureOutcome] = field(default_factory=Counter)
    losses: Counter[str] = field(default_factory=Counter)
    """By the name of the status with which a stream ended, or DRAIN or CONTRACT."""
    connected: bool = False
    clock_offset_s: float | None = None
    """By how much this machine's clock was ahead of the server's at the last welcome; None if it did not say."""


class ProtocolError(Exception):
    """The server sent what the contract does not allow."""


class StreamLost(Exception):  # noqa: N818  # the uplink decides whether it is an error
    """The stream ended without goodbye."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(f"{code.name}: {details}")
        self.code = code
        self.details = details


@dataclass(frozen=True)
class CameraEnd:
    """The parts of a camera that its streams send from and deliver to."""

    outbox: Outbox
    statistics: CameraStatistics
    """Makes the heartbeats, and says when one has urgent news (see NEWS_PERIOD_S)."""
    aiming: AimingPictures | None = None
    """The source of requested pictures, if hello offers any."""
    unusable: deque[UnusablePassage] = field(default_factory=deque)
    """Travellers without a usable face, taken from it when they are sent."""
    exercises: ExerciseBox | None = None
    """Where those are put that the server asks for, if hello offers it."""
    counts: LinkCounts = field(default_factory=LinkCounts)
    """Where losses and receipts are counted."""


class Stream:
    """The conversation with the server over `call`. Used once; `stop`, when set, makes it say goodbye and end."""

    def __init__(self, call: Call, camera: CameraEnd, timing: Timing, stop: asyncio.Event) -> None:
        self._call = call
        self._camera = camera
        self._timing = timing
        self._stop = stop
        self._takes_unusable = False
        self._wake = asyncio.Event()
        """Set when something changed for the sender."""
        self._ending = asyncio.Event()
        """Set when the client stops or the server drains."""
        self._credits = 0
        self._heartbeat_period_s = 0.0
        self._drain: Drain | None = None
        self._on_policy: Callable[[CapturePolicy], None] = lambda _: None

    async def shake_hands(self, hello: CameraHello) -> Welcome:
        """Send hello; return the answer. Raises StreamLost, or ProtocolError when the answer is not a welcome."""
        hello = replace(hello, client_version=version(), detector=hello.detector[:MAX_WORD])
        try:
            async with asyncio.timeout(self._timing.handshake_s):
                await self._write(FROM_CAMERA.write(hello))
                answer = await self._call.read()
        except TimeoutError:
            raise StreamLost(grpc.StatusCode.DEADLINE_EXCEEDED, "the server did not answer hello in time") from None
        except grpc.aio.AioRpcError as error:
            raise StreamLost(error.code(), error.details() or "") from None
        if not isinstance(answer, StreamFacesResponse):
            raise await self._lost()
        welcome = read_answer(answer)
        if not isinstance(welcome, Welcome):
            raise ProtocolError("the server's first message is no welcome")
        self._credits = welcome.credits
        self._heartbeat_period_s = welcome.heartbeat_period_s
        self._takes_unusable = welcome.takes_unusable_passages
        return welcome

    async def say_goodbye(self, reason: str) -> None:
        """Say goodbye after the handshake, having sent nothing. Raises StreamLost."""
        await self._write(FROM_CAMERA.write(Goodbye(reason)))
        await self._call.done_writing()
        await self._call.read()

    async def run(self, on_policy: Callable[[CapturePolicy], None]) -> Drain | None:
        """Send captures and heartbeats after the handshake; return None after `stop`, or the server's drain message.

        Raises StreamLost and ProtocolError.
        """
        self._on_policy = on_policy
        loop = asyncio.get_running_loop()
        end_listening = self._camera.outbox.listen(lambda: loop.call_soon_threadsafe(self._wake.set))
        receiver = asyncio.create_task(self._receive())
        deadline = asyncio.create_task(self._deadline())
        tasks = {
            receiver,
            deadline,
            asyncio.create_task(self._send()),
            asyncio.create_task(self._watch_receipts()),
            asyncio.create_task(self._watch_stop()),
        }
        waiting = set(tasks)
        try:
            while not (receiver.done() or deadline.done()):
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        except StreamLost:
            if not self._ending.is_set():
                raise
        finally:
            end_listening()
            if self._camera.aiming:
                self._camera.aiming.forget()  # who asked did so over this stream
            if self._camera.exercises:
                self._camera.exercises.forget()
            self._call.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not self._ending.is_set():
            raise StreamLost(grpc.StatusCode.OK, "the server ended the stream")
        return self._drain

    async def _send(self) -> None:
        """Write until the stream is to end, then say goodbye."""
        loop = asyncio.get_running_loop()
        next_beat_s = next_news_s = loop.time()
        while not self._may_end():
            self._wake.clear()
            now_s = loop.time()
            if now_s >= next_beat_s or (now_s >= next_news_s and self._camera.statistics.view_changed()):
                next_beat_s, next_news_s = now_s + self._heartbeat_period_s, now_s + NEWS_PERIOD_S
                await self._write(FROM_CAMERA.write(self._camera.statistics.heartbeat()))
                continue
            if self._camera.aiming and (picture := self._camera.aiming.answer()):
                await self._give(picture)
                continue
            await self._tell_unusable()
            may_send = self._credits > 0 and not self._drain
            capture = self._camera.outbox.take(self._credits) if may_send else None
            if self._camera.exercises and may_send and not capture and self._camera.outbox.has_spare(self._credits):
                capture = self._camera.exercises.take()  # after everything of travellers
            if capture:
                self._credits -= 1
                await self._write(capture_message.to_request(capture))
                continue
            if self._camera.exercises and (played := self._camera.exercises.answer()):
                await self._write(FROM_CAMERA.write(played))
                continue
            pauses = [next_beat_s - loop.time(), NEWS_PERIOD_S]
            ready_s = self._camera.outbox.next_ready_s()
            if ready_s is not None and self._credits > 0 and not self._drain:
                pauses.append(ready_s)
            await set_within(self._wake, max(0.0, min(pauses)))
        await self._tell_unusable()
        await self._write(FROM_CAMERA.write(self._camera.statistics.heartbeat()))
        await self._write(FROM_CAMERA.write(Goodbye("the server drains" if self._drain else "the client stops")))
        await self._call.done_writing()

    async def _tell_unusable(self) -> None:
        while self._takes_unusable and self._camera.unusable:
            await self._write(FROM_CAMERA.write(self._camera.unusable.popleft()))

    async def _give(self, answer: AimingAnswer) -> None:
        faces = answer.given.faces if isinstance(answer.given, AimingPicture) else None
        log.info("aiming_picture_asked_for", given=faces is not None, faces=faces)
        await self._write(FROM_CAMERA.write(answer))

    def _may_end(self) -> bool:
        return self._stop.is_set() or (self._drain is not None and not self._camera.outbox.statistics().in_flight)

    async def _write(self, message: StreamFacesRequest) -> None:
        message.client_time.FromDatetime(self._camera.outbox.clock.now())
        message.client_uptime.FromTimedelta(timedelta(seconds=self._camera.outbox.clock.monotonic_s()))
        try:
            await self._call.write(message)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            raise await self._lost() from None

    async def _receive(self) -> None:
        """Read until the server ends the stream."""
        while True:
            try:
                answer = await self._call.read()
            except grpc.aio.AioRpcError as error:
                raise StreamLost(error.code(), error.details() or "") from None
            if not isinstance(answer, StreamFacesResponse):
                return
            self._take(read_answer(answer))
            self._wake.set()

    def _take(self, message: ToCamera | None) -> None:
        match message:
            case Receipts(receipts=receipts, credits=given_back):
                self._credits += given_back
                self._camera.outbox.note_taken(given_back)
                for receipt in receipts:
                    self._handle(receipt)
            case CapturePolicy() as policy:
                self._on_policy(policy)
            case AimingRequest(request_id=request_id) if self._camera.aiming:
                loop = asyncio.get_running_loop()
                self._camera.aiming.ask(request_id, lambda: loop.call_soon_threadsafe(self._wake.set))
            case ExerciseRequest() as exercise if self._camera.exercises:
                loop = asyncio.get_running_loop()
                self._camera.exercises.ask(exercise, lambda: loop.call_soon_threadsafe(self._wake.set))
            case Drain() as drain:
                self._drain = drain
                self._ending.set()
            case Welcome():
                raise ProtocolError("a second welcome came")
            case _:
                log.warning("message_unknown")

    def _handle(self, receipt: CaptureReceipt) -> None:
        self._camera.counts.receipts[receipt.outcome] += 1
        if receipt.outcome is CaptureOutcome.RETRY:
            # Without its key, which reveals when a person passed: it is unknown whether they are listed (rule 8).
            log.info("capture_to_be_sent_again", reason=receipt.reason)
            self._camera.outbox.retry_later(receipt.capture_id)
            return
        if receipt.outcome is CaptureOutcome.REJECTED:
            if receipt.reason == "CAPTURE_TIME_UNPLACEABLE":
                log.error("capture_time_refused", capture_id=receipt.capture_id)
            else:
                log.warning("capture_rejected", capture_id=receipt.capture_id, reason=receipt.reason)
            self._camera.outbox.refuse(receipt.capture_id)
            return
        self._camera.outbox.settle(receipt.capture_id)

    async def _watch_receipts(self) -> None:
        while True:
            left_s = self._timing.receipt_s - self._camera.outbox.statistics().oldest_in_flight_s
            if left_s <= 0:
                raise StreamLost(grpc.StatusCode.DEADLINE_EXCEEDED, "no receipt came in time")
            await asyncio.sleep(left_s)

    async def _watch_stop(self) -> None:
        await self._stop.wait()
        self._ending.set()
        self._wake.set()

    async def _deadline(self) -> None:
        """Return `ending_s` after the stream was to end, even if the other tasks are stuck."""
        await self._ending.wait()
        await asyncio.sleep(self._timing.ending_s)

    async def _lost(self) -> StreamLost:
        return StreamLost(await self._call.code(), await self._call.details() or "")


def read_answer(answer: StreamFacesResponse) -> ToCamera | None:
    """Read a message of the server; None for one that only a newer server knows. Raises ProtocolError."""
    try:
        return TO_CAMERA.read(answer)
    except Refused as error:
        raise ProtocolError(f"the server's {error.field} is outside the contract") from None
    except ValueError as error:
        raise ProtocolError(str(error)) from None
