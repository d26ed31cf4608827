"""A camera's clock that is wrong, drifts or is set, and messages that take their time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cekalwatch.server.domain.captures import MAX_DELAY, WINDOW, CameraClock

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
WRONG = [timedelta(seconds=6), timedelta(hours=2), 3 * YEAR, -timedelta(seconds=6), -timedelta(hours=2), -56 * YEAR]


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


@pytest.mark.parametrize("ahead", WRONG)
def test_a_capture_gets_its_time_whatever_the_clock_shows(ahead: timedelta) -> None:
    clock = CameraClock()
    clock.note(NOW + ahead, NOW)
    taken_at = NOW - s(40)
    assert clock.place(taken_at + ahead, NOW) == taken_at


def test_the_lead_is_that_of_the_message_that_travelled_least() -> None:
    clock = CameraClock()
    for number, delay_s in enumerate((2.0, 0.03, 1.5, 4.0)):
        sent_at = NOW + s(number)
        clock.note(sent_at + s(6), sent_at + s(delay_s))
    assert clock.ahead == s(6 - 0.03)


def test_a_lead_that_may_be_the_ways_own_delay_changes_no_time() -> None:
    clock = CameraClock()
    clock.note(NOW, NOW + s(1.5))
    assert clock.place(NOW - s(40), NOW + s(1.5)) == NOW - s(40)


def test_a_clock_that_is_set_forward_counts_from_the_next_message() -> None:
    clock = CameraClock()
    clock.note(NOW, NOW)
    clock.note(NOW + s(7201), NOW + s(1))
    assert clock.ahead == s(7200)


def test_a_clock_that_is_set_back_far_counts_at_once_and_a_little_after_the_window() -> None:
    clock = CameraClock()
    clock.note(NOW + s(7200), NOW)
    clock.note(NOW + s(1), NOW + s(1))
    assert clock.ahead == s(0)
    back = MAX_DELAY / 2
    for second in range(2, 2 + 2 * int(WINDOW.total_seconds()) + 5, 5):
        clock.note(NOW + s(second) - back, NOW + s(second))
    assert clock.ahead == -back


@pytest.mark.parametrize("ahead_s", [3, 15, 19.9])
def test_a_clock_that_is_set_back_a_little_counts_at_once_by_the_uptime(ahead_s: float) -> None:
    clock = CameraClock()
    for second in range(0, 60, 5):
        clock.note(NOW + s(second + ahead_s), NOW + s(second), uptime=s(1000 + second))
    clock.note(NOW + s(60), NOW + s(60.1), uptime=s(1060))
    assert clock.ahead == s(0)
    for second in (61, 65, 70):
        assert clock.place(NOW + s(second), NOW + s(second)) == NOW + s(second)


def test_a_message_that_is_late_does_not_look_like_a_clock_that_was_set() -> None:
    clock = CameraClock()
    for second, delay in enumerate((0, 15, 14, 13)):
        clock.note(NOW + s(second + 6), NOW + s(second + delay), uptime=s(second))
    assert clock.ahead == s(6)


def test_a_machine_that_slept_keeps_its_lead() -> None:
    clock = CameraClock()
    clock.note(NOW + s(6), NOW, uptime=s(100))
    clock.note(NOW + s(16), NOW + s(10), uptime=s(101))
    clock.note(NOW + s(17), NOW + s(11), uptime=s(102))
    assert clock.ahead == s(6)


@pytest.mark.parametrize("uptime", [s(-300e9), s(300e9)])
def test_an_uptime_that_cannot_be_does_not_break_the_clock(uptime: timedelta) -> None:
    clock = CameraClock()
    for number in range(300):
        clock.note(NOW + s(number), NOW + s(number), uptime=uptime if number % 2 else s(number))
    assert clock.ahead == s(0)


def test_the_servers_own_clock_may_be_set() -> None:
    clock = CameraClock()
    clock.note(NOW, NOW)
    clock.note(NOW + s(5), NOW + s(5) - timedelta(hours=1))
    assert clock.ahead == timedelta(hours=1)


def test_nothing_is_taken_after_it_arrived() -> None:
    clock = CameraClock()
    assert clock.place(NOW + timedelta(hours=2), NOW) == NOW, "a client that does not say its time"
    clock.note(NOW, NOW)
    assert clock.place(NOW + s(0.2), NOW) == NOW


def test_a_capture_of_an_earlier_run_is_placed_by_the_clock_of_that_run() -> None:
    clock = CameraClock()
    clock.note(NOW, NOW)
    taken_at = NOW - timedelta(hours=1)
    assert clock.place(taken_at - 3 * YEAR, NOW, ahead=-3 * YEAR) == taken_at


@pytest.mark.parametrize("taken_at", [datetime(1, 1, 1, tzinfo=UTC), datetime(2019, 12, 31, tzinfo=UTC)])
def test_what_would_be_older_than_cameras_cannot_be_placed(taken_at: datetime) -> None:
    clock = CameraClock()
    clock.note(NOW + s(6), NOW)
    assert clock.place(taken_at, NOW) is None
