from __future__ import annotations

from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.wire.vocabulary.capture import Drops, Heartbeat, ViewState
from tests.support.builders.camera import ManualClock, capture_of


def test_the_frame_rate_is_that_since_the_last_heartbeat() -> None:
    clock = ManualClock()
    figures = CameraStatistics(Outbox(10, clock), clock)
    for _ in range(50):
        clock.passed_s += 0.04
        figures.count_frame(0)
    assert round(figures.heartbeat().frames_per_second, 3) == 25
    clock.passed_s += 2
    assert figures.heartbeat().frames_per_second == 0
    assert figures.frames_total == 50


def test_the_view_is_not_judged_then_ok_then_without_frames() -> None:
    clock = ManualClock()
    figures = CameraStatistics(Outbox(10, clock), clock)
    assert figures.heartbeat().view_state is ViewState.UNSPECIFIED
    figures.count_frame(0)
    assert figures.heartbeat().view_state is ViewState.OK
    clock.passed_s += 3.1
    assert figures.heartbeat().view_state is ViewState.NO_FRAMES
    figures.count_frame(0)
    assert figures.heartbeat().view_state is ViewState.OK


def test_a_camera_that_never_gives_a_frame_is_told() -> None:
    clock = ManualClock()
    figures = CameraStatistics(Outbox(10, clock), clock)
    clock.passed_s += 3.1
    assert figures.heartbeat().view_state is ViewState.NO_FRAMES


def test_a_heartbeat_tells_drops_and_what_waits() -> None:
    clock = ManualClock()
    outbox = Outbox(1, clock)
    figures = CameraStatistics(outbox, clock)
    outbox.put(capture_of("1"))
    outbox.put(capture_of("2"))
    clock.passed_s += 4
    figures.count_frame(passages_total=2)
    assert figures.heartbeat() == Heartbeat(0.25, 1, 4.0, ViewState.OK, 2, drops=Drops(no_room=1), dropped_total=1)
