"""Urgent orders: twenty days without a written decision, and never urgent again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cekalwatch.contract.values.orders import OrderFlag, OrderKind, OrderRule, OrderStatus
from tests.support.builders.orders import broken, day, extension, judged, noon, status, urgent
from tests.support.builders.watchlist import order


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
        ({"requesting_agency": "KPK"}, {}),
        ({"urgent": False}, {}),
        ({}, {"decree_number": "KEP-2/2026", "decree_date": day("2026-02-10")}),
        ({}, {"urgent": False}),
    ],
    ids=[
        "another agency",
        "not urgent again",
        "decided",
        "not urgent before",
    ],
)
def test_another_order_is_no_resubmission(again: dict[str, Any], first: dict[str, Any]) -> None:
    second = urgent("U-2", **({"received_on": day("2026-02-25")} | again))
    assert broken(second, urgent(**first), now=noon("2026-02-26")) == ()


@pytest.mark.parametrize(
    "first",
    [
        {},
        {"revoked_at": noon("2026-02-20")},
        {"revoked_at": noon("2026-02-22")},
        {"withdrawn_at": noon("2026-02-20")},
        {"valid_until": day("2026-02-05")},
    ],
    ids=["still running", "revoked in time", "revoked after it lapsed", "withdrawn", "ended sooner"],
)
def test_an_urgent_order_cannot_be_sent_again_under_another_key(first: dict[str, Any]) -> None:
    for received in ("2026-02-01", "2026-02-20", "2026-02-21", "2026-02-22", "2027-01-01"):
        assert broken(urgent("U-2", received_on=day(received)), urgent(**first)) == (OrderRule.URGENT_RESUBMITTED,)


def test_urgent_orders_that_are_sent_again_and_again_hold_nobody_longer_than_the_first() -> None:
    """Each is revoked on its nineteenth day, and sent under another key on the same day."""
    sent = [day("2026-02-01") + timedelta(days=19 * number) for number in range(19)]
    papers = [
        urgent(f"U-{number:02}", received_on=at, valid_from=at, valid_until=at + timedelta(days=180))
        for number, at in enumerate(sent)
    ]
    papers = [replace(one, revoked_at=noon(str(one.received_on + timedelta(days=19)))) for one in papers]
    days = [noon("2026-02-01") + timedelta(days=number) for number in range(360)]
    held = [at for at in days if any(status(one, *papers, now=at) is OrderStatus.ACTIVE for one in papers)]
    assert held == days[:19]


def test_urgent_orders_that_overlap_hold_nobody_longer_than_the_first() -> None:
    again = urgent("U-2", received_on=day("2026-02-21"), valid_from=day("2026-02-21"))
    days = [noon("2026-02-01") + timedelta(days=number) for number in range(60)]
    pairs = ((urgent(), again), (again, urgent()))
    held = [at for at in days if any(status(*pair, now=at) is OrderStatus.ACTIVE for pair in pairs)]
    assert held == days[:21]


@pytest.mark.parametrize(
    ("decided", "resubmitted"),
    [("2026-01-31", True), ("2026-02-01", False), ("2026-02-25", False), ("2026-02-26", True)],
    ids=["before the first", "with the first", "before the second", "after the second"],
)
def test_a_decision_of_another_order_counts_when_it_lies_between_two_urgent_ones(
    decided: str, resubmitted: bool
) -> None:
    decision = order("O-1", decree_date=day(decided), received_on=day("2026-03-01"), valid_from=day("2026-03-01"))
    rules = broken(urgent("U-2", received_on=day("2026-02-25")), urgent(), decision)
    assert rules == ((OrderRule.URGENT_RESUBMITTED,) if resubmitted else ())


def test_an_urgent_order_that_is_sent_again_under_its_own_key_runs_from_its_first_receipt_and_is_flagged() -> None:
    again = urgent(received_on=day("2026-02-20"), valid_from=day("2026-02-20"), urgent_since=day("2026-02-01"))
    assert status(again, now=noon("2026-02-21")) is OrderStatus.ACTIVE
    assert status(again, now=noon("2026-02-22")) is OrderStatus.LAPSED
    assert judged(again).flags[:1] == (OrderFlag.URGENT_SENT_AGAIN,)
    decided = replace(again, decree_number="KEP-2/2026", decree_date=day("2026-02-21"))
    assert status(decided, now=noon("2026-03-15")) is OrderStatus.ACTIVE
    assert OrderFlag.URGENT_SENT_AGAIN not in judged(decided).flags
    late = replace(decided, decree_date=day("2026-02-22"))
    assert status(late, now=noon("2026-03-15")) is OrderStatus.LAPSED


def test_of_two_urgent_orders_of_one_day_the_lower_key_stands() -> None:
    assert broken(urgent(), urgent("U-2")) == ()
    assert broken(urgent("U-2"), urgent()) == (OrderRule.URGENT_RESUBMITTED,)


def test_an_urgent_order_of_another_kind_is_no_resubmission() -> None:
    again = urgent("U-2", kind=OrderKind.TANGKAL, received_on=day("2026-02-25"))
    assert broken(again, urgent(), nationality="DEU") == ()


def test_the_agency_is_recognised_in_another_spelling() -> None:
    again = urgent("U-2", requesting_agency="KEJAKSAAN  agung ", received_on=day("2026-02-25"))
    assert broken(again, urgent()) == (OrderRule.URGENT_RESUBMITTED,)


def test_an_extension_cannot_continue_an_urgent_order_that_lapsed_undecided() -> None:
    one = extension(extends_order_id="U-1", valid_from=day("2026-08-01"), received_on=day("2026-06-01"))
    assert broken(one, urgent()) == (OrderRule.EXTENSION_LATE, OrderRule.EXTENSION_GAP)


@pytest.mark.parametrize("first", [{}, {"revoked_at": noon("2026-02-20")}, {"withdrawn_at": noon("2026-02-20")}])
def test_an_urgent_order_of_the_person_under_another_key_is_the_first_as_well(first: dict[str, Any]) -> None:
    again = urgent("U-2", received_on=day("2026-02-25"))
    assert broken(again, elsewhere=[urgent(subject_id="S-2", **first)]) == (OrderRule.URGENT_RESUBMITTED,)
    assert broken(urgent(**first), elsewhere=[replace(again, subject_id="S-2")]) == ()


def test_a_written_decision_under_another_key_lies_between_as_well() -> None:
    again, first = urgent("U-2", received_on=day("2026-02-25")), urgent(subject_id="S-2")
    decision = order(subject_id="S-3", valid_from=day("2026-02-10"))
    assert broken(again, elsewhere=[first, decision]) == ()


def test_an_order_with_a_decree_does_not_depend_on_what_another_key_has() -> None:
    elsewhere = [urgent(subject_id="S-2"), order("E-9", subject_id="S-2", extends_order_id="O-1")]
    assert judged(order(), elsewhere=elsewhere) == judged(order())
