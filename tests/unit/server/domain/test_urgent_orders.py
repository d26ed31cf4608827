"""Urgent orders: twenty days without a written decision, and never urgent again."""

from __future__ import annotations

from typing import Any

import pytest

from cekalwatch.wire.vocabulary.orders import OrderKind, OrderRule, OrderStatus
from tests.support.builders.orders import broken, day, extension, noon, status, urgent


def test_an_urgent_order_lapses_after_twenty_days_without_a_written_decision() -> None:
    assert status(urgent(), now=noon("2026-02-21")) is OrderStatus.ACTIVE
    assert status(urgent(), now=noon("2026-02-22")) is OrderStatus.LAPSED


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"decree_number": "KEP-2/2026", "decree_date": day("2026-02-21")}, OrderStatus.ACTIVE),
        ({"decree_number": "KEP-2/2026", "decree_date": day("2026-02-22")}, OrderStatus.LAPSED),
        ({"decree_number": "KEP-2/2026"}, OrderStatus.LAPSED),
        ({"decree_date": day("2026-02-10")}, OrderStatus.LAPSED),
    ],
    ids=["in time", "too late", "without a date", "without a number"],
)
def test_an_urgent_order_stays_with_a_written_decision_in_time(facts: dict[str, Any], expected: OrderStatus) -> None:
    assert status(urgent(**facts), now=noon("2026-03-15")) is expected


def test_an_urgent_order_that_ends_sooner_lapses_then() -> None:
    assert status(urgent(valid_until=day("2026-02-05")), now=noon("2026-02-06")) is OrderStatus.LAPSED


def test_an_urgent_order_cannot_be_submitted_as_urgent_again() -> None:
    again = urgent("U-2", received_on=day("2026-02-22"))
    assert broken(again, urgent()) == (OrderRule.URGENT_RESUBMITTED,)


@pytest.mark.parametrize(
    ("again", "first"),
    [
        ({"received_on": day("2026-02-21")}, {}),
        ({"requesting_agency": "KPK"}, {}),
        ({"urgent": False}, {}),
        ({}, {"decree_number": "KEP-2/2026", "decree_date": day("2026-02-10")}),
        ({}, {"revoked_at": noon("2026-02-21")}),
        ({}, {"urgent": False}),
    ],
    ids=[
        "before it lapsed",
        "another agency",
        "not urgent again",
        "decided",
        "taken back in time",
        "not urgent before",
    ],
)
def test_another_order_is_no_resubmission(again: dict[str, Any], first: dict[str, Any]) -> None:
    second = urgent("U-2", **({"received_on": day("2026-02-25")} | again))
    assert broken(second, urgent(**first), now=noon("2026-02-26")) == ()


def test_taking_back_a_lapsed_urgent_order_does_not_allow_another() -> None:
    assert broken(urgent("U-2", received_on=day("2026-03-01")), urgent(revoked_at=noon("2026-02-22"))) == (
        OrderRule.URGENT_RESUBMITTED,
    )


def test_an_urgent_order_of_another_kind_is_no_resubmission() -> None:
    again = urgent("U-2", kind=OrderKind.TANGKAL, received_on=day("2026-02-25"))
    assert broken(again, urgent(), nationality="DEU") == ()


def test_the_agency_is_recognised_in_another_spelling() -> None:
    again = urgent("U-2", requesting_agency="KEJAKSAAN  agung ", received_on=day("2026-02-25"))
    assert broken(again, urgent()) == (OrderRule.URGENT_RESUBMITTED,)


def test_an_extension_cannot_continue_an_urgent_order_that_lapsed_undecided() -> None:
    one = extension(extends_order_id="U-1", valid_from=day("2026-08-01"), received_on=day("2026-06-01"))
    assert broken(one, urgent()) == (OrderRule.EXTENSION_LATE, OrderRule.EXTENSION_GAP)
