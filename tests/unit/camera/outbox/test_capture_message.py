from __future__ import annotations

import dataclasses
from datetime import UTC

import pytest

from cekalwatch.camera.outbox import capture_message
from cekalwatch.wire.bounds import MAX_CROP_BYTES, MAX_MESSAGE_BYTES
from tests.support.builders.camera import capture_of


def test_a_face_carries_everything() -> None:
    capture = capture_of("17", 0.8)
    face = capture_message.to_request(capture).face
    assert (face.capture_id, face.track_id, face.jpeg) == (capture.capture_id, "17", capture.jpeg)
    assert face.capture_time.ToDatetime(UTC) == capture.captured_at
    assert (face.landmarks.left_eye.x, face.landmarks.right_mouth.y) == pytest.approx(
        (capture.landmarks[0][0], capture.landmarks[4][1])
    )
    assert face.quality.score == pytest.approx(0.8)


def test_a_face_of_the_largest_crop_fits_the_message_bound() -> None:
    largest = dataclasses.replace(capture_of("1"), jpeg=bytes(MAX_CROP_BYTES))
    assert capture_message.to_request(largest).ByteSize() < MAX_MESSAGE_BYTES


def test_a_face_over_the_message_bound_is_not_written() -> None:
    with pytest.raises(ValueError, match="over the message bound"):
        capture_message.to_request(dataclasses.replace(capture_of("1"), jpeg=bytes(MAX_MESSAGE_BYTES)))


def test_a_capture_from_the_disk_is_sent_with_the_run_that_took_it() -> None:
    capture = capture_of("17")
    assert capture_message.to_request(capture).face.run_id == ""
    waited = capture_message.from_bytes(capture_message.to_bytes(capture, "earlier"))
    assert waited.run_id == "earlier"
    assert capture_message.from_bytes(capture_message.to_bytes(waited, "this")).run_id == "earlier"
    sent, at_once = capture_message.to_request(waited).face, capture_message.to_request(capture).face
    at_once.run_id = "earlier"
    assert sent == at_once
