from __future__ import annotations

from contextlib import ExitStack

import pytest

from cekalwatch.server.auth.limits import (
    DEFAULT_COST,
    MAX_KNOWN,
    MAX_OPEN,
    MAX_TOKENS,
    MAX_WAIT_S,
    TOKENS_PER_S,
    CallLimits,
    DeviceLimitError,
)
from cekalwatch.server.foundation.errors import Code
from cekalwatch.wire.bounds import MAX_PAGE
from cekalwatch.wire.identity import DeviceRole, Identity

DESK = Identity(DeviceRole.NOTIFIER, "batam-center", "desk-1")
OTHER = Identity(DeviceRole.NOTIFIER, "batam-center", "desk-2")
LIST = "/cekalwatch.v1.AlertService/ListAlerts"
ACKNOWLEDGE = "/cekalwatch.v1.AlertService/AcknowledgeAlerts"


class HandClock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def limits(clock: HandClock) -> CallLimits:
    return CallLimits(clock)


def refused(limits: CallLimits, device: Identity = DESK, method: str = LIST) -> Code | None:
    try:
        with limits.call(device, method):
            return None
    except DeviceLimitError as error:
        return error.code


def waits(limits: CallLimits, method: str = LIST) -> list[float]:
    """How long each call is held back, of a device that does not wait before it asks again, until it is refused."""
    found: list[float] = []
    while len(found) < 10_000:
        try:
            with limits.call(DESK, method) as wait_s:
                found.append(wait_s)
        except DeviceLimitError:
            return found
    raise AssertionError("never refused")


@pytest.mark.parametrize("role", DeviceRole)
def test_a_device_has_so_many_calls_open_and_no_more(limits: CallLimits, role: DeviceRole) -> None:
    device = Identity(role, "batam-center", "one")
    with ExitStack() as held:
        for _ in range(min(MAX_OPEN[role], 64)):
            held.enter_context(limits.call(device, ACKNOWLEDGE))
        assert refused(limits, device, ACKNOWLEDGE) == Code.CALLS_TOO_MANY
        assert refused(limits, OTHER) is None
    assert refused(limits, device, ACKNOWLEDGE) is None


def test_a_device_that_asks_without_a_pause_is_held_back_then_refused_and_another_is_not(limits: CallLimits) -> None:
    held_back = waits(limits)
    assert held_back == sorted(held_back)
    assert held_back.count(0.0) == MAX_TOKENS / DEFAULT_COST
    assert held_back[-1] <= MAX_WAIT_S
    assert refused(limits) is Code.RATE_EXCEEDED
    with limits.call(OTHER, LIST) as wait_s:
        assert wait_s == 0


def test_a_device_that_waits_as_long_as_it_is_told_goes_on_at_the_rate(limits: CallLimits, clock: HandClock) -> None:
    begun_s = clock.now_s
    for _ in range(1000):
        with limits.call(DESK, LIST) as wait_s:
            clock.now_s += wait_s
    assert clock.now_s - begun_s == pytest.approx((1000 * DEFAULT_COST - MAX_TOKENS) / TOKENS_PER_S, rel=0.01)


def test_who_calls_elsewhere_with_a_copied_key_uses_up_nothing_of_the_device(limits: CallLimits) -> None:
    with ExitStack() as held:
        with pytest.raises(DeviceLimitError):
            while True:
                held.enter_context(limits.call(DESK, ACKNOWLEDGE, "10.0.0.9"))
        with pytest.raises(DeviceLimitError):
            while True:
                limits.charge_page(DESK, MAX_PAGE, "10.0.0.9")
        with limits.call(DESK, LIST, "10.0.0.1") as wait_s:
            assert wait_s == 0
        assert limits.charge_page(DESK, MAX_PAGE, "10.0.0.1") == 0


def test_tokens_come_back_with_time_and_never_more_than_at_first(limits: CallLimits, clock: HandClock) -> None:
    first = len(waits(limits))
    clock.now_s += 1
    assert len(waits(limits)) == TOKENS_PER_S / DEFAULT_COST
    clock.now_s += 10_000
    assert len(waits(limits)) == first


def test_acknowledging_is_cheap_and_whole_pages_are_dear(limits: CallLimits) -> None:
    assert waits(limits, ACKNOWLEDGE).count(0.0) >= 1000
    assert CallLimits(HandClock()).charge_page(OTHER, 20) == 0
    pages = [limits.charge_page(OTHER, 100) for _ in range(10)]
    assert pages[0] == 0 < pages[-1]


def test_an_officer_who_settles_an_alert_every_second_is_never_held_back(limits: CallLimits, clock: HandClock) -> None:
    for _ in range(500):
        for method in ("GetAlert", "ClaimAlert", "AdjudicateAlert"):
            with limits.call(DESK, f"/cekalwatch.v1.AlertService/{method}") as wait_s:
                assert wait_s == 0
        for _ in range(4):
            with limits.call(DESK, ACKNOWLEDGE) as wait_s:
                assert wait_s == 0
        clock.now_s += 1


def test_a_pc_that_starts_with_fifty_open_alerts_is_not_held_back(limits: CallLimits) -> None:
    with ExitStack() as held:
        for method in ("SubscribeAlerts", "ListAlerts"):
            assert held.enter_context(limits.call(DESK, f"/cekalwatch.v1.AlertService/{method}")) == 0
        assert limits.charge_page(DESK, 50) == 0
        for _ in range(50):
            with limits.call(DESK, "/cekalwatch.v1.AlertService/GetAlert") as wait_s:
                assert wait_s == 0


def test_what_watches_the_server_may_ask_twenty_times_a_second(limits: CallLimits, clock: HandClock) -> None:
    laptop = Identity(DeviceRole.DIAGNOSTICS, "batam-center", "laptop")
    for _ in range(2000):
        clock.now_s += 0.05
        assert refused(limits, laptop, "/cekalwatch.v1.OperationsService/GetStatus") is None


def test_a_page_of_any_size_can_be_asked_for_once(limits: CallLimits) -> None:
    with limits.call(DESK, LIST):
        assert limits.charge_page(DESK, 2**32 - 1) == 0


def test_who_is_no_device_waits_longer_and_longer_and_has_tokens_of_its_own(limits: CallLimits) -> None:
    held_back = [limits.charge_stranger("a revoked certificate") for _ in range(60)]
    assert held_back == sorted(held_back)
    assert held_back[0] == 0
    assert held_back[-1] == pytest.approx(MAX_WAIT_S, abs=DEFAULT_COST / TOKENS_PER_S)
    assert refused(limits) is None
    assert limits.charge_stranger("ipv4:192.0.2.7") == 0


def test_devices_that_have_been_quiet_are_forgotten(limits: CallLimits, clock: HandClock) -> None:
    for number in range(MAX_KNOWN):
        assert refused(limits, Identity(DeviceRole.CAMERA, "batam-center", f"cam-{number}")) is None
    clock.now_s += 10_000
    assert refused(limits) is None
    assert len(limits._buckets) == 1
