"""Whether the database answers: what is told of it, and how often connecting is tried while it does not."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from cekalwatch.server.storage.availability import COMMIT_WAITS_S, TRY_PERIOD_S, Availability, AwayReason, DatabaseAway


class NoConnectionError(Exception):
    """As a driver raises it."""


class Watch:
    """A clock that goes when it is told to."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def availability(watch: Watch) -> Availability:
    return Availability(watch)


class Host:
    """A database; what `says` has is what connecting ends with."""

    def __init__(self, says: str = "") -> None:
        self.says = says
        self.dialled = 0

    def __call__(self) -> str:
        self.dialled += 1
        if self.says:
            raise NoConnectionError(self.says)
        return "connected"


def fails(availability: Availability, connect: Callable[[], str]) -> str:
    with pytest.raises(NoConnectionError) as caught:
        availability.dial(connect)
    return str(caught.value)


def test_while_it_is_away_it_is_tried_a_few_times_a_second_whoever_asks(
    availability: Availability, watch: Watch
) -> None:
    host = Host("Connection refused")
    for _ in range(5):
        assert fails(availability, host) == "Connection refused"
    assert host.dialled == 1
    watch.now_s += TRY_PERIOD_S
    assert fails(availability, host) == "Connection refused"
    assert fails(availability, host) == "Connection refused"
    assert host.dialled == 2
    assert availability.away == DatabaseAway(AwayReason.UNREACHABLE, TRY_PERIOD_S, "Connection refused")
    host.says = ""
    watch.now_s += TRY_PERIOD_S
    assert availability.dial(host) == "connected"
    assert availability.away is None
    assert availability.dial(host) == "connected"
    assert host.dialled == 4


def test_while_one_tries_the_others_do_not_wait(availability: Availability, watch: Watch) -> None:
    fails(availability, Host("Connection refused"))
    watch.now_s += TRY_PERIOD_S
    tries, go_on = threading.Event(), threading.Event()

    def connect() -> str:
        tries.set()
        assert go_on.wait(60)
        return "connected"

    one = threading.Thread(target=availability.dial, args=(connect,))
    one.start()
    assert tries.wait(60)
    assert fails(availability, Host()) == "Connection refused"
    go_on.set()
    one.join()
    assert availability.dial(Host()) == "connected"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("connection failed: Connection refused\n- host: 'b', connection failed: session is read-only", "READ_ONLY"),
        ("connection failed: FATAL:  the database system is starting up", "STARTING"),
        ('connection failed: FATAL:  password authentication failed for user "cekal"', "REFUSED"),
        ('connection failed: FATAL:  database "cekal" does not exist', "REFUSED"),
        ("connection timeout expired", "UNREACHABLE"),
    ],
)
def test_the_reason_is_told(availability: Availability, said: str, reason: str) -> None:
    fails(availability, Host(said))
    assert availability.away is not None
    assert availability.away.reason == reason
    assert "\n" not in availability.away.problem


def test_a_commit_that_does_not_end_is_told_and_one_that_fails_is_forgotten(
    availability: Availability, watch: Watch
) -> None:
    with availability.committing():
        watch.now_s += COMMIT_WAITS_S
        assert availability.away is None
        watch.now_s += 1
        assert availability.away == DatabaseAway(AwayReason.COMMITS_WAIT, COMMIT_WAITS_S + 1)
    assert availability.away is None
    with pytest.raises(NoConnectionError), availability.committing():
        raise NoConnectionError
    watch.now_s += COMMIT_WAITS_S + 1
    assert availability.away is None
