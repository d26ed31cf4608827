"""The streams of the cameras."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import MappingProxyType

from cekalwatch.contract.calls.devices import STREAM_FACES
from cekalwatch.contract.codec.captures import CLIENT_TIME, FACE, FROM_CAMERA, TO_CAMERA
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.captures import CameraHello, ClientTime, FaceCapture
from cekalwatch.server.capture.session import Inbound
from cekalwatch.server.capture.sessions import CaptureSessions
from cekalwatch.server.domain.captures import Rejected
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.messages import KEY
from cekalwatch.server.grpc_api.served import Served
from cekalwatch.v1 import capture_pb2
from cekalwatch.v1 import capture_service_pb2 as pb
from cekalwatch.wire.bounds import MAX_WORD

REJECTED_FOR: Mapping[str, Code] = MappingProxyType(
    {
        "capture_id": Code.CAPTURE_ID_INVALID,
        "track_id": Code.TRACK_ID_INVALID,
        "jpeg": Code.CROP_TOO_LARGE,
        "run_id": Code.RUN_ID_INVALID,
        "capture_time": Code.CAPTURE_TIME_UNPLACEABLE,
        "clock_ahead": Code.CAPTURE_TIME_UNPLACEABLE,
        "landmarks": Code.LANDMARKS_INVALID,
        "detector_score": Code.QUALITY_INVALID,
        "score": Code.QUALITY_INVALID,
        "exercise_token": Code.TRACK_ID_INVALID,
    }
)
"""Why a face is rejected, by the field that breaks its bound."""


@dataclass(frozen=True)
class CaptureCalls:
    """Serves cameras."""

    sessions: CaptureSessions

    def served(self) -> Served:
        """Return the call."""
        return Served(STREAM_FACES, self._stream)

    async def _stream(
        self, requests: AsyncIterator[pb.StreamFacesRequest], _: Context
    ) -> AsyncIterator[pb.StreamFacesResponse]:
        """Run a camera's stream: handshake, then captures in and receipts out."""
        hello, said = await self.sessions.handshake(_first(requests))
        caller = current_caller()
        try:
            caller.speak_as(hello.camera_id)
            camera = self.sessions.camera(hello.camera_id)
            caller.act_at(camera.site)
        except CekalwatchError as error:
            # A certificate says who it is; without one, the camera does.
            name = hello.camera_id if caller.on_this_machine else caller.identity.name
            if KEY.fullmatch(name):
                self.sessions.rejected(name, caller.device.site or "", error.code)
            raise
        with self.sessions.open(camera, hello, said) as session:
            async with aclosing(session.run(read_message(one) async for one in requests)) as outbound:
                async for message in outbound:
                    yield TO_CAMERA.write(message)


async def _first(requests: AsyncIterator[pb.StreamFacesRequest]) -> tuple[CameraHello, ClientTime]:
    try:
        return read_hello(await anext(aiter(requests)))
    except StopAsyncIteration:
        raise CekalwatchError(Code.HELLO_EXPECTED) from None


def read_hello(request: pb.StreamFacesRequest) -> tuple[CameraHello, ClientTime]:
    """Read the handshake; raises HELLO_EXPECTED, CLIENT_TIME_INVALID, Refused."""
    hello = FROM_CAMERA.read(request, Reading.STRICT) if request.WhichOneof("message") == "hello" else None
    if not isinstance(hello, CameraHello):
        raise CekalwatchError(Code.HELLO_EXPECTED)
    return hello, _client_time(request)


def read_message(request: pb.StreamFacesRequest) -> Inbound:
    """Read a message after the handshake. A face that breaks a bound becomes Rejected; a broken stream raises."""
    said = _client_time(request)
    match request.WhichOneof("message"):
        case "face":
            return said, _read_face(request.face)
        case "hello":
            raise CekalwatchError(Code.HELLO_REPEATED)
    message = FROM_CAMERA.read(request, Reading.STRICT)
    if message is None:
        raise CekalwatchError(Code.MESSAGE_EMPTY)
    return said, message


def _read_face(face: capture_pb2.FaceCapture) -> FaceCapture | Rejected:
    try:
        return FACE.read(face, Reading.STRICT)
    except Refused as error:
        return Rejected(face.capture_id[:MAX_WORD], REJECTED_FOR[error.field])


def _client_time(request: pb.StreamFacesRequest) -> ClientTime:
    try:
        return CLIENT_TIME.read(request, Reading.STRICT)
    except Refused:
        raise CekalwatchError(Code.CLIENT_TIME_INVALID) from None
