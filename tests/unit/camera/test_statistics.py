from __future__ import annotations

from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.contract.values.cameras import Drops, Heartbeat, ViewState
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
    clock.passed_s += 2
    figures.count_frame(passages_total=2)
    assert figures.heartbeat() == Heartbeat(0.5, 1, 2.0, ViewState.OK, 2, drops=Drops(no_room=1), dropped_total=1)


def test_a_changed_view_is_news_until_a_heartbeat_has_told_it() -> None:
    clock = ManualClock()
    figures = CameraStatistics(Outbox(10, clock), clock)
    figures.count_frame(0)
    assert not figures.view_changed()
    figures.note_view(ViewState.BLINDED)
    assert figures.view_changed()
    figures.heartbeat()
    clock.passed_s += 3.1
    assert figures.view_changed()
    assert figures.heartbeat().view_state is ViewState.NO_FRAMES
    figures.note_view(ViewState.OK)
    figures.count_frame(0)
    assert not figures.view_changed(), "its frame rate is not known yet"
    clock.passed_s += 1.1
    assert figures.view_changed()


def test_a_camera_that_gives_frames_again_is_not_slow_for_the_time_without() -> None:
    clock = ManualClock()
    figures = CameraStatistics(Outbox(10, clock), clock)
    clock.passed_s += 10
    for _ in range(25):
        figures.count_frame(0)
        clock.passed_s += 0.04
    assert round(figures.heartbeat().frames_per_second, 3) == 25
