"""When the next run is due, and how a run makes way for cameras."""

from __future__ import annotations

import random
import threading
import time

import pytest

from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.domain.syncs import SyncTerms
from cekalwatch.server.watchlist.sync.schedule import GIVE_WAY_S, NextRun, SyncYield
from cekalwatch.server.watchlist.sync.synchroniser import SyncStoppedError
from tests.support.builders.watchlist import FixedClock

TERMS = SyncTerms(period_seconds=600, jitter=0.2, retry_first_seconds=8, retry_max_seconds=30)


def waits(next_run: NextRun, outcome: SyncOutcome, times: int) -> list[float]:
    now = FixedClock().now()
    return [(next_run.after(outcome) - now).total_seconds() for _ in range(times)]


@pytest.fixture
def next_run() -> NextRun:
    return NextRun(TERMS, FixedClock(), random.Random(3))  # noqa: S311


@pytest.mark.parametrize("outcome", [SyncOutcome.DONE, SyncOutcome.SHRUNK])
def test_a_run_that_ended_is_followed_by_one_after_a_period_more_or_less(
    next_run: NextRun, outcome: SyncOutcome
) -> None:
    found = waits(next_run, outcome, 200)
    assert 480 <= min(found) < 500
    assert 700 < max(found) <= 720


def test_failures_are_tried_again_later_and_later_until_one_succeeds(next_run: NextRun) -> None:
    failed = waits(next_run, SyncOutcome.FAILED, 300)
    assert all(wait <= most for wait, most in zip(failed, (8, 16, 30), strict=False))
    assert 28 < max(failed) <= 30
    waits(next_run, SyncOutcome.DONE, 1)
    assert waits(next_run, SyncOutcome.FAILED, 1)[0] <= 8


def test_a_run_that_the_servers_stop_broke_off_goes_on_at_once(next_run: NextRun) -> None:
    assert waits(next_run, SyncOutcome.BROKEN_OFF, 1) == [0]


@pytest.mark.parametrize("retry_max_seconds", [30, 900])
def test_no_run_is_due_later_than_the_latest(retry_max_seconds: float) -> None:
    terms = SyncTerms(period_seconds=600, jitter=0.2, retry_first_seconds=8, retry_max_seconds=retry_max_seconds)
    next_run = NextRun(terms, FixedClock(), random.Random(3))  # noqa: S311
    due = [next_run.after(outcome) for outcome in (SyncOutcome.DONE, SyncOutcome.FAILED) for _ in range(200)]
    assert max(due) <= next_run.latest()
    assert (next_run.latest() - FixedClock().now()).total_seconds() == max(720, retry_max_seconds)


def test_nothing_is_waited_for_while_no_capture_waits() -> None:
    begun = time.monotonic()
    for _ in range(1000):
        SyncYield(lambda: 0).give_way()
    assert time.monotonic() - begun < GIVE_WAY_S


def test_captures_go_first_for_a_while_and_not_for_ever() -> None:
    left = iter([3, 2, 1, 0])
    asked: list[int] = []

    def waiting() -> int:
        asked.append(next(left, 0))
        return asked[-1]

    SyncYield(waiting).give_way()
    assert asked == [3, 2, 1, 0]
    begun = time.monotonic()
    SyncYield(lambda: 1).give_way()
    assert time.monotonic() - begun >= GIVE_WAY_S * 0.9


def test_a_server_that_stops_is_not_kept_waiting() -> None:
    courtesy = SyncYield(lambda: 1)
    ended = threading.Event()

    def run() -> None:
        try:
            while True:
                courtesy.give_way()
        except SyncStoppedError:
            ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    courtesy.stop()
    assert ended.wait(5)
    thread.join()
