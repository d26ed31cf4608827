"""A camera without pictures of its own, over a real stream: it answers a request for a picture as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np

from cekalwatch.v1 import capture_pb2, capture_service_pb2
from tests.support.scenarios.server import CaptureClient, jpeg

Answer = Callable[[int], capture_pb2.AimingPicture | None]
"""What is answered to the request of that number; None: nothing."""


def aiming_picture(request_id: int, **fields: Any) -> capture_pb2.AimingPicture:
    """A picture within the contract's bounds, with `fields` put in its place."""
    shown = jpeg(np.full((360, 640, 3), 90, np.uint8))
    usual: dict[str, Any] = {"jpeg": shown, "frame_width": 1920, "frame_height": 1080, "faces": 2}
    return capture_pb2.AimingPicture(request_id=request_id, **usual | fields)


@dataclass
class AimingCamera:
    """The stream; `asked` are the numbers of the requests that have come."""

    client: CaptureClient
    answer: Answer
    asked: list[int] = field(default_factory=list)

    async def tell(self, picture: capture_pb2.AimingPicture) -> None:
        """Send a picture, asked for or not."""
        await self.client.call.write(capture_service_pb2.StreamFacesRequest(aiming_picture=picture))

    async def beat(self, view: capture_pb2.ViewState.ValueType) -> None:
        """Send a heartbeat that tells how the view looks."""
        beat = capture_service_pb2.Heartbeat(view_state=view)
        await self.client.call.write(capture_service_pb2.StreamFacesRequest(heartbeat=beat))

    async def serve(self) -> None:
        """Answer until the stream ends."""
        while (message := await self.client.call.read()) is not grpc.aio.EOF:
            if message.WhichOneof("message") == "aiming_request":
                self.asked.append(message.aiming_request.request_id)
                if (picture := self.answer(self.asked[-1])) is not None:
                    await self.tell(picture)


@asynccontextmanager
async def aiming_camera(
    channel: grpc.aio.Channel, camera_id: str = "dep-1", answer: Answer = aiming_picture, *, able: bool = True
) -> AsyncIterator[AimingCamera]:
    """Connect a camera, which says that it can give pictures unless it is not `able`."""
    camera = AimingCamera(await CaptureClient.open(channel, camera_id, gives_aiming_pictures=able), answer)
    serving = asyncio.create_task(camera.serve())
    try:
        yield camera
    finally:
        serving.cancel()
        camera.client.call.cancel()
        await asyncio.gather(serving, return_exceptions=True)
