"""What was noted by a clock that was ahead says nothing, once it is right."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cekalwatch.server.domain.ports import FOLLOWS_WITHIN, Following
from cekalwatch.server.foundation.clock import lately
from tests.support.builders.alerts import NOON
from tests.support.builders.ports import SEKUPANG

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


@pytest.mark.parametrize(
    ("ago", "expected"),
    [(timedelta(0), True), (MINUTE, True), (MINUTE + SECOND, False), (-MINUTE, True), (-MINUTE - SECOND, False)],
)
def test_lately_is_within_a_time_on_either_side(ago: timedelta, expected: bool) -> None:
    assert lately(NOON - ago, NOON, MINUTE) is expected


def test_a_port_that_was_heard_in_a_time_to_come_does_not_follow() -> None:
    heard = NOON + FOLLOWS_WITHIN + SECOND
    assert not Following(SEKUPANG, "run-1", server="server-1", since=NOON, heard_at=heard).goes_on(NOON)
    assert Following(SEKUPANG, "run-1", server="server-1", since=NOON, heard_at=heard).goes_on(heard)
