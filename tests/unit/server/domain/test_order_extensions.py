"""Extensions of ban orders: in time, once, and of a ban that still runs."""

from __future__ import annotations

from datetime import date

import pytest

from cekalwatch.contract.values.orders import OrderEnd, OrderFlag, OrderKind, OrderRule, OrderStatus, RevocationGround
from cekalwatch.server.domain.checkpoints import LegalParameters
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from tests.support.builders.orders import broken, day, extension, filed, judged, noon, status
from tests.support.builders.watchlist import WIB, order


def test_an_extension_in_time_continues_the_ban() -> None:
    base = order()
    assert status(base, extension(), now=noon("2026-06-30")) is OrderStatus.ACTIVE
    assert status(extension(), base, now=noon("2026-06-30")) is OrderStatus.NOT_YET_VALID
    assert status(base, extension(), now=noon("2026-07-01")) is OrderStatus.LAPSED
    assert status(extension(), base, now=noon("2026-07-01")) is OrderStatus.ACTIVE
    assert status(extension(), base, now=noon("2027-01-01")) is OrderStatus.LAPSED


@pytest.mark.parametrize(("received", "late"), [("2026-06-27", False), ("2026-06-28", True), ("2026-07-15", True)])
def test_an_extension_later_than_three_days_before_expiry_is_void(received: str, late: bool) -> None:
    one = extension(received_on=day(received))
    assert broken(one, order(), now=noon("2026-08-01")) == ((OrderRule.EXTENSION_LATE,) if late else ())


@pytest.mark.parametrize(
    ("first", "gap"), [("2026-06-15", False), ("2026-06-30", False), ("2026-07-01", False), ("2026-07-02", True)]
)
def test_an_extension_begins_at_the_latest_on_the_day_after_the_order_ends(first: str, gap: bool) -> None:
    assert broken(extension(valid_from=day(first), valid_until=day("2026-12-01")), order()) == (
        (OrderRule.EXTENSION_GAP,) if gap else ()
    )


def test_an_extension_cannot_be_extended() -> None:
    first = extension("E-1")
    second = order(
        "E-2",
        extends_order_id="E-1",
        valid_from=day("2027-01-01"),
        valid_until=day("2027-06-30"),
        received_on=day("2026-12-01"),
    )
    assert broken(second, order(), first) == (OrderRule.EXTENDED_TWICE,)
    assert broken(first, order(), second) == ()


def test_a_second_extension_of_the_same_order_is_void_whichever_came_first_stands() -> None:
    first = extension("E-2", received_on=day("2026-06-01"))
    second = extension("E-1", received_on=day("2026-06-02"))
    assert broken(second, order(), first) == (OrderRule.EXTENDED_TWICE,)
    assert broken(first, order(), second) == ()


def test_two_extensions_received_on_one_day_stand_in_the_order_of_their_keys() -> None:
    one, other = extension("E-1"), extension("E-2")
    assert broken(one, order(), other) == ()
    assert broken(other, order(), one) == (OrderRule.EXTENDED_TWICE,)


def test_a_void_extension_does_not_stand_in_the_way_of_a_correct_one() -> None:
    void = extension("E-1", valid_from=day("2026-07-02"))
    correct = extension("E-2", received_on=day("2026-06-02"))
    assert broken(void, order(), correct) == (OrderRule.EXTENSION_GAP,)
    assert broken(correct, order(), void) == ()


def test_an_extension_taken_back_before_it_began_does_not_stand_in_the_way() -> None:
    withdrawn = extension("E-1", revoked_at=noon("2026-06-10"))
    again = extension("E-2", received_on=day("2026-06-11"))
    assert broken(again, order(), withdrawn) == ()
    ran = extension("E-1", revoked_at=noon("2026-08-01"))
    assert broken(again, order(), ran) == (OrderRule.EXTENDED_TWICE,)


def test_the_configuration_can_allow_more_extensions() -> None:
    legal = Law.of(LegalParameters(cegah_extensions=2))
    second = order(
        "E-2",
        extends_order_id="E-1",
        valid_from=day("2027-01-01"),
        valid_until=day("2027-06-30"),
        received_on=day("2026-12-01"),
    )
    assert broken(second, order(), extension("E-1"), legal=legal) == ()
    assert broken(extension("E-1"), order(), legal=Law.of(LegalParameters(cegah_extensions=0))) == (
        OrderRule.EXTENDED_TWICE,
    )


def test_an_extension_of_an_invalid_order_is_invalid() -> None:
    base = order(kind=OrderKind.TANGKAL)
    one = extension(kind=OrderKind.TANGKAL)
    assert OrderRule.EXTENDS_INVALID_ORDER in broken(one, base)


def test_what_extends_an_order_in_a_circle_is_judged_by_itself() -> None:
    one, other = extension("E-1", extends_order_id="E-2"), extension("E-2", extends_order_id="E-1")
    into_it = extension("E-3", extends_order_id="E-1")
    assert judged(into_it, one, other).flags == (OrderFlag.BASE_NOT_HELD,)


def test_a_long_chain_of_extensions_can_be_judged() -> None:
    bans = [order("O-0", kind=OrderKind.TANGKAL, valid_until=day("2030-01-01"))] + [
        extension(f"O-{number}", kind=OrderKind.TANGKAL, extends_order_id=f"O-{number - 1}", valid_until=date.max)
        for number in range(1, 300)
    ]
    assert status(bans[-1], *bans, nationality="DEU", now=noon("2026-08-01")) is OrderStatus.ACTIVE


@pytest.mark.parametrize("ground", [RevocationGround.AGENCY, RevocationGround.OTHER, None])
def test_a_base_that_had_ended_and_is_taken_back_by_its_agency_leaves_its_extension_in_force(
    ground: RevocationGround | None,
) -> None:
    """An old record is tidied: what it was there for has gone over to the extension."""
    tidied = order(revoked_at=noon("2026-07-01"), revocation_ground=ground)
    found = judged(extension(), tidied, now=noon("2026-08-01"))
    assert (found.status, found.flags) == (OrderStatus.ACTIVE, (OrderFlag.BASE_REVOKED_LATER,))
    in_force = order(revoked_at=noon("2026-06-30"), revocation_ground=ground)
    assert status(extension(), in_force, now=noon("2026-08-01")) is OrderStatus.REVOKED


@pytest.mark.parametrize("ground", ["COURT", "ACQUITTAL", "WRONG_PERSON"])
def test_a_ban_that_never_should_have_been_ends_its_extension_whenever_it_is_taken_back(ground: str) -> None:
    annulled = order(revoked_at=noon("2026-07-15"), revocation_ground=RevocationGround(ground))
    assert status(extension(), annulled, now=noon("2026-07-14")) is OrderStatus.ACTIVE
    assert status(extension(), annulled, now=noon("2026-08-01")) is OrderStatus.REVOKED


def test_an_extension_says_by_what_the_order_that_it_extends_was_revoked() -> None:
    base = order(
        valid_until=day("2026-06-30"),
        revoked_at=noon("2026-07-15"),
        revocation_ground=RevocationGround.COURT,
        revocation_reference="12/Pid.Pra/2026",
    )
    own = extension()
    _, found = Checkpoints(Law(), {"here": WIB}).judged(filed(base, own), noon("2026-08-01"), "here")
    assert (found.shown.status, found.shown.ended_by) == (OrderStatus.REVOKED, OrderEnd.BASE_REVOKED)
    assert (found.shown.revoked_at, found.shown.revocation_reference) == (noon("2026-07-15"), "12/Pid.Pra/2026")
    assert (found.order.revoked_at, found.order.revocation_reference) == (None, "")
