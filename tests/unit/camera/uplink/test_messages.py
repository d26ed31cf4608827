from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.camera.uplink.stream import ProtocolError, read_answer
from cekalwatch.contract.codec.captures import FROM_CAMERA
from cekalwatch.contract.values.cameras import (
    Drops,
    Heartbeat,
    SpoolState,
    SpoolStatus,
    ViewState,
)
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import CaptureOutcome, CaptureReceipt, Drain, Receipts, Welcome
from cekalwatch.v1 import capture_pb2, capture_service_pb2
from cekalwatch.v1.capture_service_pb2 import StreamFacesResponse
from tests.support.fakes.capture_server import duration, policy_message


def welcome(**changes: object) -> StreamFacesResponse:
    values: dict[str, object] = {"credits": 32, "heartbeat_period": duration(5), "policy": policy_message()}
    message = capture_service_pb2.Welcome(**(values | changes))  # type: ignore[arg-type]  # values to spoil it with
    return StreamFacesResponse(welcome=message)


def test_a_heartbeat_carries_its_figures() -> None:
    spool = SpoolStatus(SpoolState.DISK_FULL, 5, 60_000, 3.5)
    drops = Drops(no_room=1, too_old=1, unreadable=1)
    beat = FROM_CAMERA.write(Heartbeat(12.5, 7, 4.25, ViewState.NO_FRAMES, 9, spool, drops, drops.total)).heartbeat
    assert (beat.frames_per_second, beat.dropped_total, beat.outbox_depth, beat.passages_total) == (12.5, 3, 7, 9)
    assert beat.outbox_age.ToTimedelta().total_seconds() == 4.25
    assert beat.view_state == capture_pb2.VIEW_STATE_NO_FRAMES
    assert (beat.spool.state, beat.spool.depth, beat.spool.bytes) == (capture_pb2.SPOOL_STATE_DISK_FULL, 5, 60_000)
    assert beat.spool.age.ToTimedelta().total_seconds() == 3.5
    assert (beat.drops.no_room, beat.drops.too_old, beat.drops.unreadable) == (1, 1, 1)


@pytest.mark.parametrize("state", ViewState)
def test_every_view_state_has_its_place_in_the_contract(state: ViewState) -> None:
    beat = FROM_CAMERA.write(Heartbeat(0, 0, 0, state, 0)).heartbeat
    assert capture_pb2.ViewState.Name(beat.view_state) == f"VIEW_STATE_{state.value}"


def test_a_welcome_tells_the_servers_time_or_not() -> None:
    told = read_answer(welcome(server_time=Timestamp(seconds=1_770_000_000)))
    assert isinstance(told, Welcome)
    assert told.server_time == datetime.fromtimestamp(1_770_000_000, UTC)
    silent = read_answer(welcome())
    assert isinstance(silent, Welcome)
    assert silent.server_time is None


@pytest.mark.parametrize("state", SpoolState)
def test_every_state_of_the_spool_has_its_place_in_the_contract(state: SpoolState) -> None:
    beat = FROM_CAMERA.write(Heartbeat(0, 0, 0, ViewState.OK, 0, SpoolStatus(state))).heartbeat
    assert capture_pb2.SpoolState.Name(beat.spool.state) == f"SPOOL_STATE_{state.value}"


def test_a_welcome_is_read() -> None:
    value = read_answer(welcome(policy=policy_message(jpeg_quality=75, max_crops_per_track=3)))
    assert isinstance(value, Welcome)
    assert (value.credits, value.heartbeat_period_s) == (32, 5.0)
    assert (value.policy.jpeg_quality, value.policy.max_crops_per_track) == (75, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"credits": 0},
        {"credits": 1001},
        {"heartbeat_period": duration(0)},
        {"heartbeat_period": None},
        {"policy": None},
        {"policy": policy_message(max_yaw_degrees=float("nan"))},
        {"policy": policy_message(max_crops_per_track=21)},
        {"policy": policy_message(jpeg_quality=49)},
        {"policy": policy_message(min_detector_score=1.1)},
        {"policy": policy_message(min_eye_distance_px=-1)},
    ],
)
def test_a_welcome_outside_the_contract_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        read_answer(welcome(**changes))


@pytest.mark.parametrize("outcome", CaptureOutcome)
def test_every_outcome_is_read(outcome: CaptureOutcome) -> None:
    receipt = capture_pb2.CaptureReceipt(
        capture_id="a", outcome=capture_pb2.CaptureOutcome.Value(f"CAPTURE_OUTCOME_{outcome.value}"), reason="R"
    )
    message = StreamFacesResponse(receipts=capture_service_pb2.Receipts(receipts=[receipt], credits=1))
    assert read_answer(message) == Receipts((CaptureReceipt("a", outcome, "R"),), 1)


def test_an_outcome_of_a_newer_contract_does_not_lose_the_capture() -> None:
    receipt = capture_pb2.CaptureReceipt(capture_id="a", outcome=99)  # type: ignore[arg-type]  # a newer one's
    message = StreamFacesResponse(receipts=capture_service_pb2.Receipts(receipts=[receipt]))
    assert read_answer(message) == Receipts((CaptureReceipt("a", CaptureOutcome.RETRY),), 0)


def test_policy_drain_and_messages_of_a_newer_contract_are_read() -> None:
    assert isinstance(read_answer(StreamFacesResponse(policy=policy_message())), CapturePolicy)
    drain = capture_service_pb2.Drain(reconnect_after=duration(1.5))
    assert read_answer(StreamFacesResponse(drain=drain)) == Drain(1.5)
    assert read_answer(StreamFacesResponse()) is None
