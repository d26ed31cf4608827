"""The status of ban orders under the law, rule by rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cekalwatch.contract.values.orders import Direction, OrderFlag, OrderKind, OrderRule, OrderStatus
from cekalwatch.server.domain.checkpoints import LegalParameters
from cekalwatch.server.domain.orders.ban_order import SubjectFile
from cekalwatch.server.domain.orders.law import Checkpoints, alerts_on, judge
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.domain.orders.status_history import status_history
from tests.support.builders.orders import LEGAL, NOON, broken, day, extension, filed, judged, noon, status, urgent
from tests.support.builders.watchlist import WIB, order, subject

# Time


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2025-12-31T23:59:59+07:00", OrderStatus.NOT_YET_VALID),
        ("2026-01-01T00:00:00+07:00", OrderStatus.ACTIVE),
        ("2025-12-31T16:59:59+00:00", OrderStatus.NOT_YET_VALID),
        ("2025-12-31T17:00:00+00:00", OrderStatus.ACTIVE),
        ("2026-06-30T23:59:59+07:00", OrderStatus.ACTIVE),
        ("2026-06-30T16:59:59+00:00", OrderStatus.ACTIVE),
        ("2026-06-30T17:00:00+00:00", OrderStatus.LAPSED),
        ("2026-07-01T00:00:00+07:00", OrderStatus.LAPSED),
    ],
)
def test_an_order_runs_from_its_first_to_its_last_day_by_the_local_clock(now: str, expected: OrderStatus) -> None:
    assert status(order(), now=datetime.fromisoformat(now)) is expected


def test_the_same_moment_can_be_another_day_at_another_checkpoint() -> None:
    moment = datetime(2026, 6, 30, 16, 30, tzinfo=UTC)
    in_batam = judge(order(), filed(), moment, WIB, LEGAL)
    in_jayapura = judge(order(), filed(), moment, ZoneInfo("Asia/Jayapura"), LEGAL)
    assert (in_batam.status, in_jayapura.status) == (OrderStatus.ACTIVE, OrderStatus.LAPSED)


def test_an_order_of_two_days_is_active_on_both() -> None:
    one = order(valid_from=day("2026-03-01"), valid_until=day("2026-03-02"))
    assert status(one, now=noon("2026-02-28")) is OrderStatus.NOT_YET_VALID
    assert status(one, now=noon("2026-03-01")) is OrderStatus.ACTIVE
    assert status(one, now=noon("2026-03-02")) is OrderStatus.ACTIVE
    assert status(one, now=noon("2026-03-03")) is OrderStatus.LAPSED


def test_a_permanent_entry_ban_can_be_judged() -> None:
    one = order(kind=OrderKind.TANGKAL, valid_until=date.max)
    assert status(one, nationality="DEU") is OrderStatus.ACTIVE
    late = extension(kind=OrderKind.TANGKAL, valid_until=date.max)
    assert status(late, one, nationality="DEU", now=noon("2026-08-01")) is OrderStatus.ACTIVE


@pytest.mark.parametrize(
    "facts",
    [
        {"extends_order_id": "O-1"},
        {"revoked_at": datetime(2026, 1, 1)},  # noqa: DTZ001  # the point
        {"withdrawn_at": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"valid_from": day("0001-01-01")},
        {"received_on": date.max},
    ],
)
def test_an_order_that_contradicts_itself_cannot_be_made(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"order|time zone"):
        order(**facts)


# Revocation


def test_a_revoked_order_never_alerts_from_that_moment_on() -> None:
    one = order(revoked_at=NOON)
    assert status(one, now=NOON - timedelta(seconds=1)) is OrderStatus.ACTIVE
    assert status(one, now=NOON) is OrderStatus.REVOKED
    assert status(one, now=noon("2027-01-01")) is OrderStatus.REVOKED


def test_an_order_revoked_before_it_began_is_revoked() -> None:
    one = order(received_on=day("2025-11-20"), revoked_at=noon("2025-12-01"))
    assert status(one, now=noon("2025-12-02")) is OrderStatus.REVOKED


def test_an_extension_falls_with_the_order_that_it_extends() -> None:
    base = order(revoked_at=noon("2026-06-15"))
    assert status(extension(), base, now=noon("2026-06-14")) is OrderStatus.NOT_YET_VALID
    assert status(extension(), base, now=noon("2026-08-01")) is OrderStatus.REVOKED


# Withdrawal


def test_an_order_that_its_source_has_no_more_is_over_from_that_moment_on() -> None:
    one = order(withdrawn_at=NOON)
    assert status(one, now=NOON - timedelta(seconds=1)) is OrderStatus.ACTIVE
    assert status(one, now=NOON) is OrderStatus.REVOKED


def test_a_source_that_drops_an_order_once_it_is_extended_ends_no_extension() -> None:
    base = order(withdrawn_at=noon("2026-06-15"))
    assert status(base, extension(), now=noon("2026-06-16")) is OrderStatus.REVOKED
    assert status(extension(), base, now=noon("2026-08-01")) is OrderStatus.ACTIVE


def test_an_extension_that_left_its_source_before_it_ran_leaves_room_for_a_correct_one() -> None:
    wrong = extension("E-1", withdrawn_at=noon("2026-06-10"))
    assert broken(extension("E-2", received_on=day("2026-06-11")), order(), wrong) == ()


# The term of a CEGAH order


@pytest.mark.parametrize(
    ("first", "last", "too_long"),
    [
        ("2026-01-01", "2026-06-30", False),
        ("2026-01-01", "2026-07-01", False),
        ("2026-01-01", "2026-07-02", True),
        ("2025-08-31", "2026-02-28", False),
        ("2025-08-31", "2026-03-01", True),
        ("2023-08-31", "2024-02-29", False),
        ("2026-01-01", "2036-01-01", True),
    ],
)
def test_a_cegah_order_runs_at_most_six_calendar_months(first: str, last: str, too_long: bool) -> None:
    one = order(valid_from=day(first), valid_until=day(last))
    assert judged(one, now=noon(first)).flags == ((OrderFlag.TERM_CAPPED,) if too_long else ())


def test_a_tangkal_order_may_run_for_years() -> None:
    one = order(kind=OrderKind.TANGKAL, valid_until=day("2036-01-01"))
    assert status(one, nationality="DEU") is OrderStatus.ACTIVE


@pytest.mark.parametrize(("last", "too_long"), [("2027-01-01", False), ("2027-01-02", True)])
def test_an_extension_runs_at_most_six_more_months(last: str, too_long: bool) -> None:
    found = judged(extension(valid_until=day(last)), order(), now=noon("2026-08-01"))
    assert found.flags == ((OrderFlag.TERM_CAPPED,) if too_long else ())


def test_the_configuration_can_change_the_terms() -> None:
    legal = Law.of(LegalParameters(cegah_months=12, extension_months=3))
    assert judged(order(valid_until=day("2026-12-31")), legal=legal).flags == ()
    assert judged(extension(), order(), legal=legal).flags == (OrderFlag.TERM_CAPPED,)


# Entry bans


@pytest.mark.parametrize("nationality", ["", "DEU"])
def test_a_nik_alone_says_resident_not_citizen(nationality: str) -> None:
    one, file = order(kind=OrderKind.TANGKAL), filed(nationality=nationality, nik="2171013101800001")
    found = judge(one, file, NOON, WIB, LEGAL)
    assert (found.status, found.flags) == (OrderStatus.ACTIVE, (OrderFlag.TANGKAL_WITH_NIK,))
    assert judge(order(), file, NOON, WIB, LEGAL).flags == ()


def test_a_citizen_may_never_be_refused_entry() -> None:
    one = order(kind=OrderKind.TANGKAL)
    assert broken(one, nationality="IDN") == (OrderRule.TANGKAL_ON_CITIZEN,)
    assert broken(one, nationality="DEU") == broken(one, nationality="") == ()
    assert broken(order(), nationality="DEU") == ()


def test_cegah_alerts_on_departure_and_tangkal_on_arrival() -> None:
    assert alerts_on(OrderKind.CEGAH) is Direction.DEPARTURE
    assert alerts_on(OrderKind.TANGKAL) is Direction.ARRIVAL


# What goes before what


def test_invalid_goes_before_everything_and_revoked_before_time() -> None:
    void: dict[str, Any] = {"kind": OrderKind.TANGKAL}
    assert status(order(**void, revoked_at=NOON)) is OrderStatus.INVALID
    assert status(order(**void), now=noon("2025-01-01")) is OrderStatus.INVALID
    assert status(order(**void), now=noon("2028-01-01")) is OrderStatus.INVALID
    assert status(order(revoked_at=NOON), now=noon("2026-12-01")) is OrderStatus.REVOKED
    undecided = urgent(valid_from=day("2026-02-08"), valid_until=day("2026-05-01"))
    assert status(undecided, now=noon("2026-02-07")) is OrderStatus.NOT_YET_VALID
    assert status(undecided, now=noon("2026-02-22")) is OrderStatus.LAPSED


def test_every_broken_rule_is_named() -> None:
    base, again = urgent("U-1", received_on=day("2026-01-01")), urgent("U-2")
    late = extension("E-1", extends_order_id="U-2", valid_from=day("2026-08-01"), received_on=day("2026-08-01"))
    decided = replace(late, decree_date=day("2026-07-30"))
    assert broken(decided, base, again) == (
        OrderRule.EXTENSION_LATE,
        OrderRule.EXTENSION_GAP,
        OrderRule.EXTENDS_INVALID_ORDER,
    )
    entry = order(kind=OrderKind.TANGKAL)
    assert broken(extension(kind=OrderKind.TANGKAL, valid_from=day("2026-08-01")), entry) == (
        OrderRule.EXTENSION_GAP,
        OrderRule.EXTENDS_INVALID_ORDER,
        OrderRule.TANGKAL_ON_CITIZEN,
    )


# Withdrawals


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=2), timedelta(days=40)])
def test_what_was_withdrawn_by_a_clock_that_was_ahead_has_ended_now(ahead: timedelta) -> None:
    checkpoints = Checkpoints(LEGAL, {"batam-center": ZoneInfo("Asia/Jakarta")})
    file = SubjectFile(subject(), (order(withdrawn_at=NOON + ahead), order("O-2")), ())
    withdrawn, other = checkpoints.judged(file, NOON, "batam-center")
    assert (withdrawn.judgement.status, other.judgement.status) == (OrderStatus.REVOKED, OrderStatus.ACTIVE)
    assert len(list(checkpoints.terms_now(file))) == 1
    # How long it ran is still what was noted: retention counts from there.
    assert len(list(checkpoints.terms(file))) == 2
    (*_, last) = status_history(file.orders[0], file, WIB, LEGAL)
    assert (last.at, last.judgement.status) == (NOON + ahead, OrderStatus.REVOKED)


def test_what_will_be_revoked_runs_until_then() -> None:
    checkpoints = Checkpoints(LEGAL, {"batam-center": ZoneInfo("Asia/Jakarta")})
    file = SubjectFile(subject(), (order(revoked_at=NOON + timedelta(hours=2)),), ())
    assert [one.judgement.status for one in checkpoints.judged(file, NOON, "batam-center")] == [OrderStatus.ACTIVE]
    assert len(list(checkpoints.terms_now(file))) == 1
