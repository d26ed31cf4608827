"""The status of drawn orders against a model in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.server.domain.orders import BanOrder, judge
from cekalwatch.wire.vocabulary.orders import OrderKind, OrderRule, OrderStatus
from tests.support.builders.orders import LEGAL, lists, moments
from tests.support.builders.watchlist import WIB, subject


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

    def rules(self, one: BanOrder, *, with_repetition: bool = True) -> set[OrderRule]:
        found = set()
        if one.kind is OrderKind.TANGKAL and self.nationality == "IDN":
            found.add(OrderRule.TANGKAL_ON_CITIZEN)
        if one.kind is OrderKind.CEGAH and one.valid_until > one.valid_from + relativedelta(months=6):
            found.add(OrderRule.TERM_TOO_LONG)
        for other in self.orders if one.urgent else ():
            due = other.received_on + timedelta(days=20)
            same = (
                other.kind is one.kind
                and other.requesting_agency.strip().lower() == one.requesting_agency.strip().lower()
            )
            in_time = self.ended_before(other, due + timedelta(days=1))
            if same and self.undecided(other) and due < one.received_on and not in_time:
                found.add(OrderRule.URGENT_RESUBMITTED)
        if one.extends_order_id:
            found |= self.extension_rules(one, with_repetition=with_repetition)
        return found

    def extension_rules(self, one: BanOrder, *, with_repetition: bool) -> set[OrderRule]:
        base = self.base(one)
        found = set()
        if base is None or base.kind is not one.kind:
            found.add(OrderRule.EXTENDS_UNKNOWN_ORDER)
        else:
            if one.kind is OrderKind.CEGAH and self.base(base):
                found.add(OrderRule.EXTENDED_TWICE)
            if (self.end(base) - one.received_on).days < 3:
                found.add(OrderRule.EXTENSION_LATE)
            if (one.valid_from - self.end(base)).days > 1:
                found.add(OrderRule.EXTENSION_GAP)
        if with_repetition:
            if base and self.rules(base):
                found.add(OrderRule.EXTENDS_INVALID_ORDER)
            earlier = [
                other
                for other in self.orders
                if other.extends_order_id == one.extends_order_id
                and (other.received_on, other.order_id) < (one.received_on, one.order_id)
                and not self.ended_before(other, other.valid_from)
                and not self.rules(other, with_repetition=False)
            ]
            if one.kind is OrderKind.CEGAH and earlier:
                found.add(OrderRule.EXTENDED_TWICE)
        return found

    def ended_before(self, one: BanOrder, day: date) -> bool:
        """Whether it was taken back, or its source had it no more."""
        ends = [moment.astimezone(WIB).date() for moment in (one.revoked_at, one.withdrawn_at) if moment]
        return any(end < day for end in ends)

    def taken_back(self, one: BanOrder | None) -> bool:
        if one is None:
            return False
        return bool(one.revoked_at and one.revoked_at <= self.now) or self.taken_back(self.base(one))

    def status(self, one: BanOrder) -> OrderStatus:
        today = self.now.astimezone(WIB).date()
        if self.rules(one):
            return OrderStatus.INVALID
        if self.taken_back(one) or (one.withdrawn_at and one.withdrawn_at <= self.now):
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
