"""A real recognition server in this process, with the pack `light`, and a client that speaks the capture protocol."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import grpc
import numpy as np
import uuid6

from cekalwatch.server.app import Server
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.recognition.packs.installed import Engine, open_engine
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.record_store import NewReference
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.v1 import capture_pb2, capture_service_pb2, capture_service_pb2_grpc
from cekalwatch.vision.faces import Picture
from cekalwatch.vision.manifest import load_pack
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tls import FollowedTls
from tests.support.builders.keys import keyring
from tests.support.builders.portraits import astronaut
from tests.support.builders.watchlist import order, subject
from tests.support.tools.packs import light_pack

CAMERAS = (
    {"camera_id": "dep-1", "site": "batam-center", "counter": "D1", "direction": "DEPARTURE"},
    {"camera_id": "arr-1", "site": "batam-center", "counter": "A1", "direction": "ARRIVAL"},
)


def settings(folder: Path, **overrides: Any) -> ServerSettings:
    """Settings of a server whose data is in `folder`."""
    return ServerSettings.load(
        None,
        **{
            "listen": "127.0.0.1:0",
            "data_dir": folder,
            "models_dir": light_pack().parent,
            "model_pack": "light",
            "threads": 2,
            "inference": "onnxruntime",  # opens in a tenth of the time; programs of their own choose by themselves
            "cameras": CAMERAS,
            "threshold": 0.45,
            "escalate_after_seconds": 3600,  # a busy machine must not make alerts go up
            "receipt_delay_seconds": 0.02,  # tests wait for many
            "keep_alive_period_seconds": 10.0,  # tests read streams of alerts message by message
        }
        | overrides,
    )


class LateClock:
    """The machine's clock, some time later; certificates and sessions are judged by it too."""

    def __init__(self) -> None:
        self.later = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later

    def elapsed_s(self) -> float:
        return time.monotonic() + self.later.total_seconds()

    def go(self, **time: float) -> None:
        self.later += timedelta(**time)


@dataclass(frozen=True)
class Running:
    """A server that runs, and a channel to it."""

    address: str
    channel: grpc.aio.Channel
    metrics_port: int
    """0: none are served."""


@asynccontextmanager
async def running(chosen: ServerSettings, tls: FollowedTls | None = None) -> AsyncIterator[Running]:
    """Run a server, and connect to it, with a certificate where the server has one."""
    async with (
        Server(chosen) as server,
        Dialer(f"127.0.0.1:{server.port}", tls).aio_channel() as channel,
    ):
        yield Running(f"127.0.0.1:{server.port}", channel, server.metrics_port)


@cache
def engine() -> Engine:
    """The pack `light`'s engine."""
    return open_engine(load_pack(light_pack()), threads=1)


def jpeg(picture: Picture, quality: int = 90) -> bytes:
    """Encode a picture."""
    ok, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    return encoded.tobytes()


@cache
def portrait(scale: float) -> NewReference:
    """The portrait of the astronaut, as `light` enrols it."""
    photo = jpeg(astronaut(scale), 95)
    enrolment = Enroller(engine().detector, engine().recogniser).enrol(photo)
    return NewReference.of(enrolment, photo, engine().recogniser.model_version, enrolment.template)


def list_astronaut(
    chosen: ServerSettings, *orders: BanOrder, scale: float = 1.0, model: str = "", **facts: Any
) -> None:
    """Put the portrait on the watchlist, under `orders` (a CEGAH order that is in force, if none are given).

    `facts` are the subject's; another `scale` gives another photograph with a score of its own.
    """
    database = Database(chosen.database_address)
    database.upgrade()
    reference = portrait(scale)
    if model:
        reference = replace(reference, model_version=model)
    store = WatchlistStore(database, keyring(database, chosen.master_key_source))
    for ban in orders or (order_in_force(),):
        store.put(subject(**{"nationality": "USA"} | facts), ban, [reference])
    store.mark_success(datetime.now(UTC))
    database.close()


def order_in_force(**facts: Any) -> BanOrder:
    """A CEGAH order from today to the day after tomorrow, or so."""
    from datetime import timedelta

    today = datetime.now(UTC).date()
    usual = {
        "valid_from": today - timedelta(days=30),
        "valid_until": today + timedelta(days=30),
        "received_on": today - timedelta(days=30),
        "decree_date": today - timedelta(days=31),
    }
    return order(**usual | facts)


@cache
def _usual_face() -> capture_pb2.FaceCapture:
    return _face_in(astronaut(0.8))


def _face_in(picture: Picture) -> capture_pb2.FaceCapture:
    """What a camera finds and measures; whose and when is not said."""
    found = engine().detector.detect(picture)[0]
    margin = found.width / 2
    height, width = picture.shape[:2]
    left, top = max(0, round(found.left - margin)), max(0, round(found.top - margin))
    right, bottom = min(width, round(found.right + margin)), min(height, round(found.bottom + margin))
    names = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
    points = {
        name: capture_pb2.Point(x=float(x) - left, y=float(y) - top)
        for name, (x, y) in zip(names, found.landmarks, strict=True)
    }
    return capture_pb2.FaceCapture(
        jpeg=jpeg(np.ascontiguousarray(picture[top:bottom, left:right])),
        landmarks=capture_pb2.FaceLandmarks(**points),
        detector_score=found.score,
        quality=capture_pb2.FaceQuality(eye_distance_px=found.eye_distance, score=0.8),
    )


def face(picture: Picture | None = None, *, track: str = "1", **fields: Any) -> capture_pb2.FaceCapture:
    """A valid capture of the face in `picture` (the portrait at 80 %), with `fields` put in its place."""
    message = capture_pb2.FaceCapture()
    message.CopyFrom(_usual_face() if picture is None else _face_in(picture))
    message.capture_id, message.track_id = str(uuid6.uuid7()), track
    message.capture_time.FromDatetime(datetime.now(UTC))
    for name, value in fields.items():
        field = getattr(message, name)
        if hasattr(field, "CopyFrom"):
            field.CopyFrom(value)
        else:
            setattr(message, name, value)
    return message


def hello(camera_id: str = "dep-1", **fields: Any) -> capture_service_pb2.StreamFacesRequest:
    """A handshake."""
    return capture_service_pb2.StreamFacesRequest(
        hello=capture_service_pb2.Hello(
            camera_id=camera_id, client_version="test", run_id=str(uuid6.uuid7()), detector="light", **fields
        )
    )


@dataclass
class CaptureClient:
    """One stream; it reads and writes when it is told to."""

    call: Any
    policy: capture_pb2.CapturePolicy = field(default_factory=capture_pb2.CapturePolicy)
    """What the welcome said."""
    credits: int = 0
    """Faces that it may send now."""

    @classmethod
    async def open(cls, channel: grpc.aio.Channel, camera_id: str = "dep-1", **fields: Any) -> CaptureClient:
        """Open a stream and shake hands."""
        client = cls(capture_service_pb2_grpc.CaptureServiceStub(channel).StreamFaces())
        await client.call.write(hello(camera_id, **fields))
        response = await client.call.read()
        assert response.WhichOneof("message") == "welcome"
        client.policy, client.credits = response.welcome.policy, response.welcome.credits
        return client

    async def send(self, capture: capture_pb2.FaceCapture) -> None:
        """Send one face."""
        self.credits -= 1
        await self.call.write(capture_service_pb2.StreamFacesRequest(face=capture))

    async def receipt(self, capture: capture_pb2.FaceCapture) -> tuple[str, str]:
        """Send one face, and return its receipt's outcome and reason."""
        await self.send(capture)
        (receipt,) = await self.receipts(1)
        assert receipt.capture_id == capture.capture_id[:64]
        return capture_pb2.CaptureOutcome.Name(receipt.outcome).removeprefix("CAPTURE_OUTCOME_"), receipt.reason

    async def receipts(self, count: int) -> list[capture_pb2.CaptureReceipt]:
        """Read `count` receipts."""
        found: list[capture_pb2.CaptureReceipt] = []
        while len(found) < count:
            response = await self.call.read()
            assert response is not grpc.aio.EOF, f"the stream ended after {len(found)} receipts"
            assert response.WhichOneof("message") == "receipts"
            found.extend(response.receipts.receipts)
            self.credits += response.receipts.credits
        return found

    async def error(self) -> tuple[grpc.StatusCode, str]:
        """Read until the stream ends with an error; return its status and the catalogue's code."""
        from grpc_status import rpc_status

        try:
            while await self.call.read() is not grpc.aio.EOF:
                pass
        except grpc.aio.AioRpcError as error:
            return error.code(), reason_of(error)
        status = rpc_status.from_call(self.call)
        raise AssertionError(f"the stream ended without an error: {status}")


def reason_of(error: grpc.aio.AioRpcError | grpc.RpcError) -> str:
    """Return the catalogue's code of an error."""
    from google.rpc import error_details_pb2
    from grpc_status import rpc_status

    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    assert info.domain == "cekalwatch"
    return str(info.reason)
