"""CaptureService: the streams of the cameras. It converts, calls and converts back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc

from cekalwatch.server.capture.session import CaptureSessions, Hello, Inbound
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.convert import capture as convert
from cekalwatch.server.grpc_api.convert.common import KEY
from cekalwatch.v1 import capture_service_pb2 as pb
from cekalwatch.v1 import capture_service_pb2_grpc


class CaptureServicer(capture_service_pb2_grpc.CaptureServiceServicer):
    """Serves cameras."""

    def __init__(self, sessions: CaptureSessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    async def StreamFaces(
        self,
        request_iterator: AsyncIterator[pb.StreamFacesRequest],
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[pb.StreamFacesResponse]:
        """Run a camera's stream: handshake, then captures in and receipts out."""
        hello = await self._sessions.handshake(_hello(request_iterator))
        caller = current_caller()
        try:
            caller.speak_as(hello.camera_id)
            camera = self._sessions.camera(hello.camera_id)
            caller.act_at(camera.site)
        except CekalwatchError as error:
            # A certificate says who it is; without one, the camera does.
            name = hello.camera_id if caller.on_this_machine else caller.identity.name
            if KEY.fullmatch(name):
                self._sessions.rejected(name, caller.device.site or "", error.code)
            raise
        welcome = await self._sessions.welcome(hello, self._clock.now())
        clock = self._sessions.clock(camera, hello, self._clock.now())

        async def inbound() -> AsyncIterator[Inbound]:
            async for request in request_iterator:
                yield convert.stream_message(request, camera, hello.run_id, clock, self._clock.now())

        async with aclosing(self._sessions.run(camera, hello, welcome, inbound())) as outbound:
            async for message in outbound:
                yield convert.stream_response(message)


async def _hello(requests: AsyncIterator[pb.StreamFacesRequest]) -> Hello:
    try:
        return convert.hello(await anext(aiter(requests)))
    except StopAsyncIteration:
        raise CekalwatchError(Code.HELLO_EXPECTED) from None
