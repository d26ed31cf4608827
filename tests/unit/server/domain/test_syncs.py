"""When a list has shrunk so much that people are asked."""

from __future__ import annotations

import pytest

from cekalwatch.server.domain.syncs import ShrinkGuard

GUARD = ShrinkGuard(share=0.2, least=10)


@pytest.mark.parametrize(
    ("missing", "held", "stops"),
    [
        (0, 0, False),
        (0, 100, False),
        (9, 20, False),
        (10, 50, False),
        (10, 49, True),
        (20, 100, False),
        (21, 100, True),
    ],
)
def test_more_than_a_share_and_not_a_few_stop(missing: int, held: int, *, stops: bool) -> None:
    assert GUARD.stops(missing, held, empty=False) is stops


def test_a_list_without_a_single_order_stops_however_few_were_held() -> None:
    assert GUARD.stops(1, 1, empty=True)
    assert not GUARD.stops(0, 0, empty=True)


def test_what_was_accepted_stops_no_more_and_a_greater_loss_does() -> None:
    assert not GUARD.stops(60, 100, empty=False, accepted=60)
    assert not GUARD.stops(60, 60, empty=True, accepted=60)
    assert GUARD.stops(61, 100, empty=False, accepted=60)
