"""The status of ban orders under the law, rule by rule, and against a model in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.server.domain.cameras import Direction
from cekalwatch.server.domain.legal import LegalParameters
from cekalwatch.server.domain.orders import BanOrder, Judgement, OrderKind, OrderStatus, Rule, alerts_on, judge
from tests.support.watchlist import WIB, order, subject

LEGAL = LegalParameters()
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=WIB)


def noon(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), WIB) + timedelta(hours=12)


def judged(
    one: BanOrder,
    *others: BanOrder,
    now: datetime = NOON,
    nationality: str = "IDN",
    legal: LegalParameters = LEGAL,
) -> Judgement:
    return judge(one, subject(nationality=nationality), [one, *others], now, WIB, legal)


def status(one: BanOrder, *others: BanOrder, **circumstances: Any) -> OrderStatus:
    return judged(one, *others, **circumstances).status


def broken(one: BanOrder, *others: BanOrder, **circumstances: Any) -> tuple[Rule, ...]:
    judgement = judged(one, *others, **circumstances)
    assert (judgement.status is OrderStatus.INVALID) == bool(judgement.broken_rules)
    return judgement.broken_rules


def day(text: str) -> date:
    return date.fromisoformat(text)


def extension(order_id: str = "E-1", **facts: object) -> BanOrder:
    """An extension of O-1 (which ends on 30 June 2026), handed in well in time, from 1 July to 31 December."""
    usual: dict[str, Any] = {
        "extends_order_id": "O-1",
        "valid_from": day("2026-07-01"),
        "valid_until": day("2026-12-31"),
        "received_on": day("2026-06-01"),
    }
    return order(order_id, **usual | facts)


def urgent(order_id: str = "U-1", **facts: object) -> BanOrder:
    """An urgent order without a written decision, received on 1 February 2026."""
    usual: dict[str, Any] = {
        "urgent": True,
        "decree_number": "",
        "decree_date": None,
        "valid_from": day("2026-02-01"),
        "valid_until": day("2026-07-31"),
        "received_on": day("2026-02-01"),
    }
    return order(order_id, **usual | facts)


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
    in_batam = judge(order(), subject(), [], moment, WIB, LEGAL)
    in_jayapura = judge(order(), subject(), [], moment, ZoneInfo("Asia/Jayapura"), LEGAL)
    assert (in_batam.status, in_jayapura.status) == (OrderStatus.ACTIVE, OrderStatus.LAPSED)


def test_an_order_of_one_day_is_active_on_that_day() -> None:
    one = order(valid_from=day("2026-03-01"), valid_until=day("2026-03-01"))
    assert status(one, now=noon("2026-02-28")) is OrderStatus.NOT_YET_VALID
    assert status(one, now=noon("2026-03-01")) is OrderStatus.ACTIVE
    assert status(one, now=noon("2026-03-02")) is OrderStatus.LAPSED


def test_a_permanent_entry_ban_can_be_judged() -> None:
    one = order(kind=OrderKind.TANGKAL, valid_until=date.max)
    assert status(one, nationality="DEU") is OrderStatus.ACTIVE
    late = extension(kind=OrderKind.TANGKAL, valid_until=date.max)
    assert status(late, one, nationality="DEU", now=noon("2026-08-01")) is OrderStatus.ACTIVE


@pytest.mark.parametrize(
    "facts",
    [
        {"valid_until": day("2025-12-31")},
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
    assert status(order(revoked_at=noon("2025-12-01")), now=noon("2025-12-02")) is OrderStatus.REVOKED


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
    assert broken(one, now=noon(first)) == ((Rule.TERM_TOO_LONG,) if too_long else ())


def test_a_tangkal_order_may_run_for_years() -> None:
    one = order(kind=OrderKind.TANGKAL, valid_until=day("2036-01-01"))
    assert status(one, nationality="DEU") is OrderStatus.ACTIVE


@pytest.mark.parametrize(("last", "too_long"), [("2027-01-01", False), ("2027-01-02", True)])
def test_an_extension_runs_at_most_six_more_months(last: str, too_long: bool) -> None:
    assert (Rule.TERM_TOO_LONG in broken(extension(valid_until=day(last)), order())) == too_long


def test_the_configuration_can_change_the_terms() -> None:
    legal = LegalParameters(cegah_months=12, extension_months=3)
    assert broken(order(valid_until=day("2026-12-31")), legal=legal) == ()
    assert broken(extension(), order(), legal=legal) == (Rule.TERM_TOO_LONG,)


# Extensions


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
    assert broken(one, order(), now=noon("2026-08-01")) == ((Rule.EXTENSION_LATE,) if late else ())


def test_an_extension_of_an_entry_ban_must_be_in_time_too() -> None:
    base = order(kind=OrderKind.TANGKAL)
    one = extension(kind=OrderKind.TANGKAL, received_on=day("2026-06-29"))
    assert broken(one, base, nationality="DEU") == (Rule.EXTENSION_LATE,)


@pytest.mark.parametrize(
    ("first", "gap"), [("2026-06-15", False), ("2026-06-30", False), ("2026-07-01", False), ("2026-07-02", True)]
)
def test_an_extension_begins_at_the_latest_on_the_day_after_the_order_ends(first: str, gap: bool) -> None:
    assert broken(extension(valid_from=day(first), valid_until=day("2026-12-01")), order()) == (
        (Rule.EXTENSION_GAP,) if gap else ()
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
    assert broken(second, order(), first) == (Rule.EXTENDED_TWICE,)
    assert broken(first, order(), second) == ()


def test_a_second_extension_of_the_same_order_is_void_whichever_came_first_stands() -> None:
    first = extension("E-2", received_on=day("2026-06-01"))
    second = extension("E-1", received_on=day("2026-06-02"))
    assert broken(second, order(), first) == (Rule.EXTENDED_TWICE,)
    assert broken(first, order(), second) == ()


def test_two_extensions_received_on_one_day_stand_in_the_order_of_their_keys() -> None:
    one, other = extension("E-1"), extension("E-2")
    assert broken(one, order(), other) == ()
    assert broken(other, order(), one) == (Rule.EXTENDED_TWICE,)


def test_a_void_extension_does_not_stand_in_the_way_of_a_correct_one() -> None:
    void = extension("E-1", valid_until=day("2027-06-30"))
    correct = extension("E-2", received_on=day("2026-06-02"))
    assert broken(void, order(), correct) == (Rule.TERM_TOO_LONG,)
    assert broken(correct, order(), void) == ()


def test_an_extension_taken_back_before_it_began_does_not_stand_in_the_way() -> None:
    withdrawn = extension("E-1", revoked_at=noon("2026-06-10"))
    again = extension("E-2", received_on=day("2026-06-11"))
    assert broken(again, order(), withdrawn) == ()
    ran = extension("E-1", revoked_at=noon("2026-08-01"))
    assert broken(again, order(), ran) == (Rule.EXTENDED_TWICE,)


def test_the_configuration_can_allow_more_extensions() -> None:
    legal = LegalParameters(cegah_extensions=2)
    second = order(
        "E-2",
        extends_order_id="E-1",
        valid_from=day("2027-01-01"),
        valid_until=day("2027-06-30"),
        received_on=day("2026-12-01"),
    )
    assert broken(second, order(), extension("E-1"), legal=legal) == ()
    assert broken(extension("E-1"), order(), legal=LegalParameters(cegah_extensions=0)) == (Rule.EXTENDED_TWICE,)


def test_an_extension_waits_for_the_order_that_it_extends() -> None:
    assert broken(extension()) == (Rule.EXTENDS_UNKNOWN_ORDER,)
    assert broken(extension(), order()) == ()


def test_an_order_of_another_subject_or_kind_cannot_be_extended() -> None:
    assert broken(extension(), order(subject_id="S-2")) == (Rule.EXTENDS_UNKNOWN_ORDER,)
    other_kind = order(kind=OrderKind.TANGKAL)
    assert broken(extension(), other_kind, nationality="DEU") == (Rule.EXTENDS_UNKNOWN_ORDER,)


def test_an_extension_of_an_invalid_order_is_invalid() -> None:
    base = order(valid_from=day("2025-06-01"))
    assert broken(base) == (Rule.TERM_TOO_LONG,)
    assert broken(extension(), base) == (Rule.EXTENDS_INVALID_ORDER,)


def test_orders_that_extend_one_another_in_a_circle_are_invalid() -> None:
    one, other = extension("E-1", extends_order_id="E-2"), extension("E-2", extends_order_id="E-1")
    assert broken(one, other) == broken(other, one) == (Rule.EXTENDS_UNKNOWN_ORDER,)
    into_it = extension("E-3", extends_order_id="E-1")
    assert Rule.EXTENDS_UNKNOWN_ORDER in broken(into_it, one, other)


def test_a_long_chain_of_extensions_can_be_judged() -> None:
    bans = [order("O-0", kind=OrderKind.TANGKAL, valid_until=day("2030-01-01"))] + [
        extension(f"O-{number}", kind=OrderKind.TANGKAL, extends_order_id=f"O-{number - 1}", valid_until=date.max)
        for number in range(1, 300)
    ]
    assert status(bans[-1], *bans, nationality="DEU", now=noon("2026-08-01")) is OrderStatus.ACTIVE


# Urgent orders


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
    assert broken(again, urgent()) == (Rule.URGENT_RESUBMITTED,)


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
        Rule.URGENT_RESUBMITTED,
    )


def test_an_urgent_order_of_another_kind_is_no_resubmission() -> None:
    again = urgent("U-2", kind=OrderKind.TANGKAL, received_on=day("2026-02-25"))
    assert broken(again, urgent(), nationality="DEU") == ()


def test_the_agency_is_recognised_in_another_spelling() -> None:
    again = urgent("U-2", requesting_agency="KEJAKSAAN  agung ", received_on=day("2026-02-25"))
    assert broken(again, urgent()) == (Rule.URGENT_RESUBMITTED,)


def test_an_extension_cannot_continue_an_urgent_order_that_lapsed_undecided() -> None:
    one = extension(extends_order_id="U-1", valid_from=day("2026-08-01"), received_on=day("2026-06-01"))
    assert broken(one, urgent()) == (Rule.EXTENSION_LATE, Rule.EXTENSION_GAP)


# Entry bans


def test_a_citizen_may_never_be_refused_entry() -> None:
    one = order(kind=OrderKind.TANGKAL)
    assert broken(one, nationality="IDN") == (Rule.TANGKAL_ON_CITIZEN,)
    assert broken(one, nationality="DEU") == broken(one, nationality="") == ()
    assert broken(order(), nationality="DEU") == ()


def test_cegah_alerts_on_departure_and_tangkal_on_arrival() -> None:
    assert alerts_on(OrderKind.CEGAH) is Direction.DEPARTURE
    assert alerts_on(OrderKind.TANGKAL) is Direction.ARRIVAL


# What goes before what


def test_invalid_goes_before_everything_and_revoked_before_time() -> None:
    too_long: dict[str, Any] = {"valid_until": day("2027-01-01")}
    assert status(order(**too_long, revoked_at=NOON)) is OrderStatus.INVALID
    assert status(order(**too_long), now=noon("2025-01-01")) is OrderStatus.INVALID
    assert status(order(**too_long), now=noon("2028-01-01")) is OrderStatus.INVALID
    assert status(order(revoked_at=NOON), now=noon("2026-12-01")) is OrderStatus.REVOKED
    undecided = urgent(valid_from=day("2026-04-01"), valid_until=day("2026-05-01"))
    assert status(undecided, now=noon("2026-03-15")) is OrderStatus.NOT_YET_VALID
    assert status(undecided, now=noon("2026-04-15")) is OrderStatus.LAPSED


def test_every_broken_rule_is_named() -> None:
    base = order(kind=OrderKind.TANGKAL)
    one = extension(kind=OrderKind.TANGKAL, valid_from=day("2026-08-01"), received_on=day("2026-08-01"))
    assert broken(one, base) == (
        Rule.EXTENSION_LATE,
        Rule.EXTENSION_GAP,
        Rule.EXTENDS_INVALID_ORDER,
        Rule.TANGKAL_ON_CITIZEN,
    )


# Against a model in plain words

KEYS = ("A", "B", "C", "D")
START = day("2026-01-01")
days = st.integers(0, 60).map(lambda number: START + timedelta(days=number * 9))


@st.composite
def bans(draw: st.DrawFn, key: str) -> BanOrder:
    first = draw(days)
    length = draw(st.sampled_from([0, 10, 90, 180, 181, 184, 200, 400]))
    moment = draw(st.none() | days)
    return BanOrder(
        order_id=key,
        subject_id=draw(st.sampled_from(["S-1", "S-1", "S-1", "S-2"])),
        kind=draw(st.sampled_from([OrderKind.CEGAH, OrderKind.CEGAH, OrderKind.TANGKAL])),
        requesting_agency=draw(st.sampled_from(["KPK", "kpk ", "Polri"])),
        valid_from=first,
        valid_until=first + timedelta(days=length),
        received_on=draw(st.sampled_from([first, first - timedelta(days=30)]) | days),
        decree_number=draw(st.sampled_from(["", "KEP-1"])),
        decree_date=draw(st.none() | days),
        urgent=draw(st.booleans()),
        extends_order_id=draw(st.sampled_from(["", *(other for other in (*KEYS, "Z") if other != key)])),
        revoked_at=datetime.combine(moment, datetime.min.time(), WIB) if moment else None,
    )


lists = st.tuples(*(bans(key) for key in KEYS))
moments = st.integers(0, 700 * 24).map(lambda hours: datetime(2025, 12, 1, tzinfo=WIB) + timedelta(hours=hours))


class Law:
    """The rules once more, written as a clerk would apply them: slowly, from scratch, one sentence each."""

    def __init__(self, orders: Iterable[BanOrder], nationality: str, now: datetime) -> None:
        self.orders = [one for one in orders if one.subject_id == "S-1"]
        self.nationality = nationality
        self.now = now

    def base(self, one: BanOrder) -> BanOrder | None:
        """The order of that key, unless following the keys leads in a circle."""
        at, steps = one, 0
        while (found := next((other for other in self.orders if other.order_id == at.extends_order_id), None)) and (
            steps <= len(self.orders)
        ):
            at, steps = found, steps + 1
        if steps > len(self.orders):
            return None
        return next((other for other in self.orders if other.order_id == one.extends_order_id), None)

    def undecided(self, one: BanOrder) -> bool:
        due = one.received_on + timedelta(days=20)
        return one.urgent and not (one.decree_number and one.decree_date and one.decree_date <= due)

    def end(self, one: BanOrder) -> date:
        return min(one.valid_until, one.received_on + timedelta(days=20)) if self.undecided(one) else one.valid_until

    def rules(self, one: BanOrder, *, with_repetition: bool = True) -> set[Rule]:
        found = set()
        if one.kind is OrderKind.TANGKAL and self.nationality == "IDN":
            found.add(Rule.TANGKAL_ON_CITIZEN)
        if one.kind is OrderKind.CEGAH and one.valid_until > one.valid_from + relativedelta(months=6):
            found.add(Rule.TERM_TOO_LONG)
        for other in self.orders if one.urgent else ():
            due = other.received_on + timedelta(days=20)
            same = (
                other.kind is one.kind
                and other.requesting_agency.strip().lower() == one.requesting_agency.strip().lower()
            )
            taken_back = other.revoked_at and other.revoked_at.astimezone(WIB).date() <= due
            if same and self.undecided(other) and due < one.received_on and not taken_back:
                found.add(Rule.URGENT_RESUBMITTED)
        if one.extends_order_id:
            found |= self.extension_rules(one, with_repetition=with_repetition)
        return found

    def extension_rules(self, one: BanOrder, *, with_repetition: bool) -> set[Rule]:
        base = self.base(one)
        found = set()
        if base is None or base.kind is not one.kind:
            found.add(Rule.EXTENDS_UNKNOWN_ORDER)
        else:
            if one.kind is OrderKind.CEGAH and self.base(base):
                found.add(Rule.EXTENDED_TWICE)
            if (self.end(base) - one.received_on).days < 3:
                found.add(Rule.EXTENSION_LATE)
            if (one.valid_from - self.end(base)).days > 1:
                found.add(Rule.EXTENSION_GAP)
        if with_repetition:
            if base and self.rules(base):
                found.add(Rule.EXTENDS_INVALID_ORDER)
            earlier = [
                other
                for other in self.orders
                if other.extends_order_id == one.extends_order_id
                and (other.received_on, other.order_id) < (one.received_on, one.order_id)
                and not (other.revoked_at and other.revoked_at.astimezone(WIB).date() < other.valid_from)
                and not self.rules(other, with_repetition=False)
            ]
            if one.kind is OrderKind.CEGAH and earlier:
                found.add(Rule.EXTENDED_TWICE)
        return found

    def taken_back(self, one: BanOrder | None) -> bool:
        if one is None:
            return False
        return bool(one.revoked_at and one.revoked_at <= self.now) or self.taken_back(self.base(one))

    def status(self, one: BanOrder) -> OrderStatus:
        today = self.now.astimezone(WIB).date()
        if self.rules(one):
            return OrderStatus.INVALID
        if self.taken_back(one):
            return OrderStatus.REVOKED
        if today < one.valid_from:
            return OrderStatus.NOT_YET_VALID
        return OrderStatus.ACTIVE if today <= self.end(one) else OrderStatus.LAPSED


@given(orders=lists, nationality=st.sampled_from(["IDN", "DEU", ""]), now=moments)
def test_every_judgement_is_what_the_law_says(orders: tuple[BanOrder, ...], nationality: str, now: datetime) -> None:
    law = Law(orders, nationality, now)
    person = subject(nationality=nationality)
    for one in law.orders:
        judgement = judge(one, person, orders, now.astimezone(UTC), WIB, LEGAL)
        assert judgement.status is law.status(one)
        assert set(judgement.broken_rules) == law.rules(one)


@given(orders=lists, now=moments, later=st.timedeltas(timedelta(0), timedelta(days=800)))
def test_what_has_ended_never_comes_back(orders: tuple[BanOrder, ...], now: datetime, later: timedelta) -> None:
    """With the same papers, time alone never puts an order into force again."""
    ended = {OrderStatus.LAPSED, OrderStatus.REVOKED, OrderStatus.INVALID}
    person = subject(nationality="DEU")
    for one in orders:
        if one.subject_id == "S-1" and judge(one, person, orders, now, WIB, LEGAL).status in ended:
            assert judge(one, person, orders, now + later, WIB, LEGAL).status in ended


@given(orders=lists, now=moments)
def test_the_order_of_the_papers_makes_no_difference(orders: tuple[BanOrder, ...], now: datetime) -> None:
    person = subject(nationality="DEU")
    for one in (one for one in orders if one.subject_id == "S-1"):
        expected = judge(one, person, orders, now, WIB, LEGAL)
        assert judge(one, person, orders[::-1], now, WIB, LEGAL) == expected
        without = [other for other in orders if other is not one]
        assert judge(one, person, without, now, WIB, LEGAL) == expected
