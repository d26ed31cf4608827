"""A real CaptureService on a port of this machine, whose answers a test scripts. It checks what the contract demands.

It stands in for the recognition server where a test needs what that server does not do on purpose: to keep receipts
back, to vanish without a word, to drain at a chosen moment.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration

from cekalwatch.v1 import capture_pb2, capture_service_pb2_grpc, unusable_face_pb2
from cekalwatch.v1 import capture_service_pb2 as pb
from cekalwatch.wire.options import SERVER_OPTIONS

ACCEPTED = capture_pb2.CAPTURE_OUTCOME_ACCEPTED
REJECTED = capture_pb2.CAPTURE_OUTCOME_REJECTED
RETRY = capture_pb2.CAPTURE_OUTCOME_RETRY

T = TypeVar("T")

Answer = Callable[[capture_pb2.FaceCapture], "capture_pb2.CaptureOutcome.ValueType | None"]
"""What becomes of a face; None keeps the receipt back."""


def search_all(_: capture_pb2.FaceCapture) -> capture_pb2.CaptureOutcome.ValueType:
    return ACCEPTED


def answer_nothing(_: capture_pb2.FaceCapture) -> None:
    return None


@dataclass
class Heard:
    """What the server got, over all its streams."""

    hellos: list[pb.Hello] = field(default_factory=list)
    faces: list[capture_pb2.FaceCapture] = field(default_factory=list)
    heartbeats: list[pb.Heartbeat] = field(default_factory=list)
    goodbyes: list[pb.Goodbye] = field(default_factory=list)
    aiming: list[capture_pb2.AimingPicture] = field(default_factory=list)
    unusable: list[unusable_face_pb2.UnusablePassage] = field(default_factory=list)
    beyond_credit: int = 0
    """Faces that came without a credit."""

    @property
    def ids(self) -> list[str]:
        return [face.capture_id for face in self.faces]


class CaptureServer(capture_service_pb2_grpc.CaptureServiceServicer):
    """The server; its clients' streams share one script."""

    def __init__(
        self,
        answer: Answer = search_all,
        *,
        cameras: tuple[str, ...] = ("gate-1",),
        granted: int = 4,
        heartbeat_period_s: float = 0.2,
        policy: dict[str, float] | None = None,
        greets: bool = True,
        clock_ahead_s: float = 0.0,
        takes_unusable: bool = False,
    ) -> None:
        self.answer = answer
        self.heard = Heard()
        self.address = ""
        self.cameras = cameras
        self._greets = greets
        self._takes_unusable = takes_unusable
        self._clock_ahead = timedelta(seconds=clock_ahead_s)
        self._credits = granted
        self._heartbeat_period_s = heartbeat_period_s
        self._policy = policy_message(**(policy or {}))
        self._changed = asyncio.Condition()
        self._streams: set[_Stream] = set()
        self._server: grpc.aio.Server | None = None

    async def start(self, port: int = 0) -> None:
        self._server = grpc.aio.server(options=SERVER_OPTIONS)
        capture_service_pb2_grpc.add_CaptureServiceServicer_to_server(self, self._server)
        port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self.address = f"127.0.0.1:{port}"
        await self._server.start()

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    async def vanish(self) -> None:
        """Close every connection without a word."""
        assert self._server
        await self._server.stop(None)

    async def until(self, condition: Callable[[Heard], bool], within_s: float = 60.0) -> None:
        """Wait until `condition` is true of what was heard."""
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(lambda: condition(self.heard))

    async def answer_kept_back(self, most: int = 1000) -> None:
        """Send receipts that were held back, at most this many a stream."""
        for stream in self._streams:
            await stream.answer_kept_back(most)

    async def drain(self, reconnect_after_s: float) -> None:
        message = pb.StreamFacesResponse(drain=pb.Drain(reconnect_after=duration(reconnect_after_s)))
        await self.tell(message)

    async def set_policy(self, **changes: float) -> None:
        await self.tell(pb.StreamFacesResponse(policy=policy_message(**changes)))

    async def tell(self, message: pb.StreamFacesResponse) -> None:
        for stream in self._streams:
            await stream.tell(message)

    async def StreamFaces(  # type: ignore[override]  # noqa: N802  # it writes by itself, at any moment
        self,
        request_iterator: AsyncIterator[pb.StreamFacesRequest],
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> None:
        hello = await anext(aiter(request_iterator))
        if hello.WhichOneof("message") != "hello":
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The first message must be hello.")
        await self._note(self.heard.hellos, hello.hello)
        if hello.hello.camera_id not in self.cameras:
            await context.abort(grpc.StatusCode.NOT_FOUND, "No camera with this key is configured on the server.")
        if not self._greets:
            await asyncio.Event().wait()
        welcome = pb.Welcome(
            credits=self._credits,
            heartbeat_period=duration(self._heartbeat_period_s),
            policy=self._policy,
            takes_unusable_passages=self._takes_unusable,
        )
        welcome.server_time.FromDatetime(datetime.now(UTC) + self._clock_ahead)
        stream = _Stream(context.write, self._credits)
        await stream.tell(pb.StreamFacesResponse(welcome=welcome))
        self._streams.add(stream)
        try:
            async for message in request_iterator:
                match message.WhichOneof("message"):
                    case "face":
                        await self._take(stream, message.face)
                    case "heartbeat":
                        await self._note(self.heard.heartbeats, message.heartbeat)
                    case "aiming_picture":
                        await self._note(self.heard.aiming, message.aiming_picture)
                    case "unusable_passage" if self._takes_unusable:
                        await self._note(self.heard.unusable, message.unusable_passage)
                    case "goodbye":
                        await self._note(self.heard.goodbyes, message.goodbye)
                        return
                    case _:
                        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "A message without a place here.")
        finally:
            self._streams.discard(stream)

    async def _take(self, stream: _Stream, face: capture_pb2.FaceCapture) -> None:
        self.heard.beyond_credit += stream.credits <= 0
        stream.credits -= 1
        await self._note(self.heard.faces, face)
        outcome = self.answer(face)
        if outcome is None:
            stream.kept_back.append(face.capture_id)
        else:
            await stream.receipt([face.capture_id], outcome)

    async def _note(self, book: list[T], message: T) -> None:
        async with self._changed:
            book.append(message)
            self._changed.notify_all()


class _Stream:
    """One client's stream."""

    def __init__(self, write: Callable[[pb.StreamFacesResponse], Awaitable[None]], granted: int) -> None:
        self.tell = write
        self.credits = granted
        self.kept_back: list[str] = []

    async def answer_kept_back(self, most: int) -> None:
        ids, self.kept_back = self.kept_back[:most], self.kept_back[most:]
        if ids:
            await self.receipt(ids, ACCEPTED)

    async def receipt(self, ids: list[str], outcome: capture_pb2.CaptureOutcome.ValueType) -> None:
        self.credits += len(ids)
        reason = {REJECTED: "CROP_DAMAGED", RETRY: "STORAGE_UNAVAILABLE"}.get(outcome, "")
        receipts = [capture_pb2.CaptureReceipt(capture_id=key, outcome=outcome, reason=reason) for key in ids]
        await self.tell(pb.StreamFacesResponse(receipts=pb.Receipts(receipts=receipts, credits=len(ids))))


UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def duration(seconds: float) -> Duration:
    return Duration(seconds=int(seconds), nanos=round(seconds % 1 * 1e9))


def policy_message(**changes: float) -> capture_pb2.CapturePolicy:
    message = capture_pb2.CapturePolicy(
        min_eye_distance_px=32,
        max_yaw_degrees=40,
        max_pitch_degrees=30,
        max_crops_per_track=5,
        jpeg_quality=90,
        min_detector_score=0.7,
    )
    for name, value in changes.items():
        setattr(message, name, value)
    return message


@asynccontextmanager
async def serving(server: CaptureServer, port: int = 0) -> AsyncIterator[CaptureServer]:
    """Start `server`; make it vanish afterwards."""
    await server.start(port)
    try:
        yield server
    finally:
        await server.vanish()
