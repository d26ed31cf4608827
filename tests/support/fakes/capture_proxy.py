"""Stands between real cameras and the real server: passes every message on, and keeps what the cameras said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from cekalwatch.v1 import capture_pb2, capture_service_pb2_grpc
from cekalwatch.v1 import capture_service_pb2 as pb
from cekalwatch.wire.options import CLIENT_OPTIONS, SERVER_OPTIONS


@dataclass
class Run:
    """One stream of a camera client."""

    hello: pb.Hello
    faces: list[capture_pb2.FaceCapture] = field(default_factory=list)
    aiming: list[capture_pb2.AimingPicture] = field(default_factory=list)

    @property
    def tracks(self) -> set[str]:
        """Its passages."""
        return {face.track_id for face in self.faces}


class CaptureProxy(capture_service_pb2_grpc.CaptureServiceServicer):
    """The tap; `capture_proxy` opens it."""

    def __init__(self, stub: Any) -> None:  # the typing stubs have no common type of aio stubs
        self._stub = stub
        self.address = ""
        self.runs: list[Run] = []

    async def StreamFaces(  # noqa: N802  # the contract's name
        self,
        request_iterator: AsyncIterator[pb.StreamFacesRequest],
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002  # grpc passes it
    ) -> AsyncIterator[pb.StreamFacesResponse]:
        """See the contract."""
        async for response in self._stub.StreamFaces(self._passed_on(request_iterator)):
            yield response

    async def _passed_on(self, requests: AsyncIterator[pb.StreamFacesRequest]) -> AsyncIterator[pb.StreamFacesRequest]:
        async for request in requests:
            match request.WhichOneof("message"):
                case "hello":
                    run = Run(request.hello)
                    self.runs.append(run)
                case "face":
                    run.faces.append(request.face)
                case "aiming_picture":
                    run.aiming.append(request.aiming_picture)
            yield request


@asynccontextmanager
async def capture_proxy(server_address: str) -> AsyncIterator[CaptureProxy]:
    """Open a tap in front of the server at `server_address`."""
    async with grpc.aio.insecure_channel(server_address, options=CLIENT_OPTIONS) as channel:
        tap = CaptureProxy(capture_service_pb2_grpc.CaptureServiceStub(channel))
        server = grpc.aio.server(options=SERVER_OPTIONS)
        capture_service_pb2_grpc.add_CaptureServiceServicer_to_server(tap, server)
        tap.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield tap
        finally:
            await server.stop(None)
