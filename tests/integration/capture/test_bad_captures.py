"""Whatever a camera sends: each bad thing gets its code, the rest of the stream goes on, and so do other streams."""

from __future__ import annotations

import io
import math
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import grpc
import numpy as np
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from PIL import Image

from cekalwatch.v1 import capture_pb2, capture_service_pb2, capture_service_pb2_grpc
from cekalwatch.wire.bounds import MAX_CROP_BYTES, MAX_MESSAGE_BYTES
from cekalwatch.wire.dialer import Dialer
from tests.support.scenarios.server import CaptureClient, Running, face, hello, jpeg, reason_of, running, settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = ("ACCEPTED", "")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """One for all that is sent here."""
    async with running(settings(tmp_path_factory.mktemp("server"), credits=4, heartbeat_period_seconds=2)) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def channel(server: Running) -> AsyncIterator[grpc.aio.Channel]:
    async with Dialer(server.address, None).aio_channel() as own:
        yield own


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "PNG")
    return out.getvalue()


def large_jpeg() -> bytes:
    """50 megapixels in few bytes."""
    out = io.BytesIO()
    Image.new("L", (10_000, 5_000)).save(out, "JPEG", quality=10)
    assert len(out.getvalue()) < 1_000_000
    return out.getvalue()


def small_bomb() -> bytes:
    """A header that promises 50 megapixels, within the bytes that a crop may have."""
    return large_jpeg()[:150_000]


def points(**changed: tuple[float, float]) -> capture_pb2.FaceLandmarks:
    landmarks = capture_pb2.FaceLandmarks()
    landmarks.CopyFrom(face().landmarks)
    for name, (x, y) in changed.items():
        getattr(landmarks, name).x, getattr(landmarks, name).y = x, y
    return landmarks


LANDMARKS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")


def heaped() -> capture_pb2.FaceLandmarks:
    """All landmarks in one place."""
    return capture_pb2.FaceLandmarks(**{name: capture_pb2.Point(x=9, y=9) for name in LANDMARKS})


def noise() -> bytes:
    """A JPEG of more bytes than a crop may have."""
    encoded = jpeg(np.random.default_rng(1).integers(0, 255, (300, 400, 3), np.uint8), 100)
    assert MAX_CROP_BYTES < len(encoded) < MAX_MESSAGE_BYTES - 1000
    return encoded


BAD: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "no JPEG": (lambda: {"jpeg": b"this is no picture"}, "CROP_NOT_JPEG"),
    "no bytes": (lambda: {"jpeg": b""}, "CROP_NOT_JPEG"),
    "a PNG": (lambda: {"jpeg": png()}, "CROP_NOT_JPEG"),
    "a 50-megapixel JPEG": (lambda: {"jpeg": small_bomb()}, "CROP_TOO_MANY_PIXELS"),
    "too many bytes": (lambda: {"jpeg": noise()}, "CROP_TOO_LARGE"),
    "a landmark outside the crop": (lambda: {"landmarks": points(nose=(5000.0, 10.0))}, "LANDMARKS_INVALID"),
    "a negative landmark": (lambda: {"landmarks": points(nose=(-1.0, 10.0))}, "LANDMARKS_INVALID"),
    "a landmark that is no number": (lambda: {"landmarks": points(nose=(math.nan, 10.0))}, "LANDMARKS_INVALID"),
    "an infinite landmark": (lambda: {"landmarks": points(nose=(math.inf, 10.0))}, "LANDMARKS_INVALID"),
    "landmarks all in one place": (lambda: {"landmarks": heaped()}, "LANDMARKS_INVALID"),
    "a time out of range": (lambda: {"capture_time": Timestamp(seconds=2**62)}, "CAPTURE_TIME_UNPLACEABLE"),
    "a time before there were cameras": (lambda: {"capture_time": Timestamp(seconds=1)}, "CAPTURE_TIME_UNPLACEABLE"),
    "an id that is no UUID": (lambda: {"capture_id": "x" * 200}, "CAPTURE_ID_INVALID"),
    "an id of another version": (lambda: {"capture_id": str(uuid4())}, "CAPTURE_ID_INVALID"),
    "no track": (lambda: {"track_id": ""}, "TRACK_ID_INVALID"),
    "a track with control characters": (lambda: {"track_id": "1\n2"}, "TRACK_ID_INVALID"),
    "a run that is no UUID": (lambda: {"run_id": "yesterday"}, "RUN_ID_INVALID"),
    "a quality beyond 1": (lambda: {"quality": capture_pb2.FaceQuality(score=1.5)}, "QUALITY_INVALID"),
    "a score that is no number": (lambda: {"detector_score": math.nan}, "QUALITY_INVALID"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", BAD)
async def test_a_bad_capture_is_rejected_with_its_code_and_the_stream_goes_on(channel: grpc.aio.Channel, what: str):
    fields, code = BAD[what]
    stream, other = await CaptureClient.open(channel), await CaptureClient.open(channel, "arr-1")
    assert await stream.receipt(face(**fields())) == ("REJECTED", code)
    assert await stream.receipt(face()) == GOOD
    assert await other.receipt(face()) == GOOD


async def test_a_truncated_jpeg_is_rejected(channel: grpc.aio.Channel):
    stream = await CaptureClient.open(channel)
    whole = face()
    assert await stream.receipt(face(jpeg=whole.jpeg[: len(whole.jpeg) // 2])) == ("REJECTED", "CROP_DAMAGED")
    assert await stream.receipt(whole) == GOOD


@pytest.mark.slow
async def test_a_missing_capture_time_or_landmarks_are_rejected(channel: grpc.aio.Channel):
    stream = await CaptureClient.open(channel)
    timeless, blind = face(), face()
    timeless.ClearField("capture_time")
    blind.ClearField("landmarks")
    assert await stream.receipt(timeless) == ("REJECTED", "CAPTURE_TIME_UNPLACEABLE")
    assert await stream.receipt(blind) == ("REJECTED", "LANDMARKS_INVALID")


async def test_a_capture_sent_twice_is_a_duplicate(channel: grpc.aio.Channel):
    stream = await CaptureClient.open(channel)
    capture = face()
    assert await stream.receipt(capture) == GOOD
    assert await stream.receipt(capture) == ("ACCEPTED", "")


def request(**message: Any) -> capture_service_pb2.StreamFacesRequest:
    return capture_service_pb2.StreamFacesRequest(**message)


def faces(count: int) -> list[capture_service_pb2.StreamFacesRequest]:
    return [request(face=face()) for _ in range(count)]


BROKEN: dict[str, tuple[Callable[[], list[capture_service_pb2.StreamFacesRequest]], grpc.StatusCode, str]] = {
    "a face before hello": (lambda: faces(1), grpc.StatusCode.INVALID_ARGUMENT, "HELLO_EXPECTED"),
    "an empty message first": (lambda: [request()], grpc.StatusCode.INVALID_ARGUMENT, "HELLO_EXPECTED"),
    "a second hello": (lambda: [hello(), hello()], grpc.StatusCode.INVALID_ARGUMENT, "HELLO_REPEATED"),
    "an empty message": (lambda: [hello(), request()], grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_EMPTY"),
    "an unknown camera": (lambda: [hello("nobody")], grpc.StatusCode.NOT_FOUND, "UNKNOWN_CAMERA"),
    "too many faces": (lambda: [hello(), *faces(10)], grpc.StatusCode.RESOURCE_EXHAUSTED, "CREDIT_EXCEEDED"),
    "silence": (lambda: [hello()], grpc.StatusCode.UNAVAILABLE, "STREAM_SILENT"),
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.slow
async def test_a_broken_stream_ends_with_its_code_and_others_go_on(channel: grpc.aio.Channel, what: str):
    messages, status, code = BROKEN[what]
    other = await CaptureClient.open(channel, "arr-1")
    stream = CaptureClient(capture_service_pb2_grpc.CaptureServiceStub(channel).StreamFaces())
    for message in messages():
        await stream.call.write(message)
    if what == "silence":
        await other.send(face())  # the other stream has something to say meanwhile
    assert await stream.error() == (status, code)
    fresh = await CaptureClient.open(channel)
    assert await fresh.receipt(face()) == GOOD


async def test_a_run_id_that_is_no_uuid_is_refused(channel: grpc.aio.Channel):
    greeting = hello()
    greeting.hello.run_id = "../../etc"
    stream = CaptureClient(capture_service_pb2_grpc.CaptureServiceStub(channel).StreamFaces())
    await stream.call.write(greeting)
    assert await stream.error() == (grpc.StatusCode.INVALID_ARGUMENT, "ARGUMENT_INVALID")


async def test_a_message_over_the_limit_ends_its_stream_only(server: Running, channel: grpc.aio.Channel):
    other = await CaptureClient.open(channel, "arr-1")
    unbounded = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(server.address, options=unbounded) as careless:
        stream = await CaptureClient.open(careless)
        await stream.send(face(jpeg=b"x" * 300_000))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            while await stream.call.read() is not grpc.aio.EOF:
                pass
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await other.receipt(face()) == GOOD


async def test_an_unknown_alert_and_a_wrong_page_have_their_codes(channel: grpc.aio.Channel):
    from cekalwatch.v1 import alert_service_pb2, alert_service_pb2_grpc

    stub = alert_service_pb2_grpc.AlertServiceStub(channel)
    calls: dict[str, Any] = {
        "ALERT_NOT_FOUND": stub.GetAlert(alert_service_pb2.GetAlertRequest(alert_id=str(uuid4()))),
        "PAGE_TOKEN_INVALID": stub.ListAlerts(alert_service_pb2.ListAlertsRequest(page_token="x")),
        "ARGUMENT_INVALID": stub.ListAlerts(alert_service_pb2.ListAlertsRequest(page_size=1000)),
        "POSITION_UNKNOWN": stub.AcknowledgeAlerts(
            alert_service_pb2.AcknowledgeAlertsRequest(agent_id="pc-1", sequence=99)
        ),
    }
    for code, call in calls.items():
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert reason_of(caught.value) == code
