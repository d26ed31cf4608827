"""Refusals that repeat are counted: what is told of them, and what is kept while they are."""

from __future__ import annotations

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from cekalwatch.server.auth.refusals import ANYBODY, MAX_KINDS, PERIOD, RefusalLog, Repeats
from cekalwatch.server.foundation.errors import Code
from tests.support.scenarios.people import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def repeats(clock: HandClock) -> Repeats[str]:
    return Repeats(clock, lambda _: ANYBODY)


def test_the_first_is_new_and_the_others_are_one_sum_a_period(repeats: Repeats[str], clock: HandClock) -> None:
    begun = clock.now()
    assert [repeats.is_new("x") for _ in range(3)] == [True, False, False]
    clock.go(seconds=59)
    assert not repeats.is_new("x")
    assert repeats.due() == []
    clock.go(seconds=1)
    (found,) = repeats.due()
    assert (found.times, found.since, found.until) == (3, begun, begun + timedelta(seconds=59))
    repeats.settle([found])
    assert repeats.due(at_once=True) == []


def test_who_goes_on_gets_one_sum_each_period_and_no_line(repeats: Repeats[str], clock: HandClock) -> None:
    repeats.is_new("x")
    for _ in range(5):
        clock.go(seconds=PERIOD.total_seconds())
        assert not repeats.is_new("x"), "no line beside the sums"
        (found,) = repeats.due()
        assert (found.times, found.since) == (1, clock.now())
        repeats.settle([found])


def test_who_has_stopped_is_forgotten(repeats: Repeats[str], clock: HandClock) -> None:
    repeats.is_new("x")
    clock.go(seconds=PERIOD.total_seconds())
    assert repeats.due() == []
    assert repeats.is_new("x")


def test_sums_that_could_not_be_told_stay_with_what_came_since(repeats: Repeats[str]) -> None:
    for _ in range(3):
        repeats.is_new("x")
    repeats.due(at_once=True)
    repeats.is_new("x")
    before = repeats.due(at_once=True)
    repeats.is_new("x")
    repeats.settle(before)
    assert [one.times for one in before] == [3]
    assert [one.times for one in repeats.due(at_once=True)] == [1]


def test_what_is_kept_is_bounded_however_many_names_are_made_up(repeats: Repeats[str]) -> None:
    told = sum(repeats.is_new(f"caller-{number}") for number in range(10 * MAX_KINDS))
    assert told == MAX_KINDS + 1
    assert [(one.key, one.times) for one in repeats.due(at_once=True)] == [(ANYBODY, 9 * MAX_KINDS - 1)]
    assert len(repeats._counts) == 1


def test_a_sum_in_the_log_says_how_many_by_whom_between_when(clock: HandClock) -> None:
    log = RefusalLog(clock)
    with capture_logs() as lines:
        for _ in range(200):
            log.is_new(Code.SESSION_ENDED, "device:batam-center/notifier/pc-1")
            clock.go(seconds=0.1)
        log.tell_sums()
        assert lines == []
        clock.go(seconds=60)
        log.tell_sums()
    (line,) = lines
    assert (line["code"], line["caller"], line["times"]) == (
        "SESSION_ENDED",
        "device:batam-center/notifier/pc-1",
        199,
    )
    assert line["since"] < line["until"]


def test_a_pc_at_which_nobody_has_signed_in_is_no_warning_however_often_it_asks(clock: HandClock) -> None:
    log = RefusalLog(clock)
    with capture_logs() as lines:
        for _ in range(321):
            log.is_new(Code.SIGN_IN_NEEDED, "device:batam-center/notifier/pc-1")
        clock.go(seconds=60)
        log.tell_sums()
    (line,) = lines
    assert (line["event"], line["log_level"], line["times"]) == ("sign_ins_awaited", "info", 320)
