"""The status of drawn orders against a model in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.contract.values.orders import OrderFlag, OrderKind, OrderRule, OrderStatus
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.orders.law import judge
from tests.support.builders.orders import LEGAL, lists, moments
from tests.support.builders.watchlist import WIB, subject


class Law:
    """The rules once more, written as a clerk would apply them: slowly, from scratch, one sentence each."""

    def __init__(
        self, orders: Iterable[BanOrder], nationality: str, now: datetime, nik: str = "", *, one_person: bool = False
    ) -> None:
        self.orders = [one for one in orders if one.subject_id == "S-1"]
        self.of_person = [*orders] if one_person else self.orders
        """With those that the source has under another key for the same person."""
        self.nationality = nationality
        self.nik = nik
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
        due = self.first_sent(one) + timedelta(days=20)
        return one.urgent and not (one.decree_number and one.decree_date and one.decree_date <= due)

    def end(self, one: BanOrder) -> date:
        due = self.first_sent(one) + timedelta(days=20)
        return min(one.valid_until, due) if self.undecided(one) else one.valid_until

    def first_sent(self, one: BanOrder) -> date:
        return one.urgent_since or one.received_on

    def rules(self, one: BanOrder, *, with_repetition: bool = True) -> set[OrderRule]:
        found = set()
        if one.kind is OrderKind.TANGKAL and (self.nationality == "IDN" or self.nik):
            found.add(OrderRule.TANGKAL_ON_CITIZEN)
        if one.kind is OrderKind.CEGAH and one.valid_until > one.valid_from + relativedelta(months=6):
            found.add(OrderRule.TERM_TOO_LONG)
        if one.urgent and any(not self.decided_between(other, one) for other in self.urgent_before(one)):
            found.add(OrderRule.URGENT_RESUBMITTED)
        if one.extends_order_id:
            found |= self.extension_rules(one, with_repetition=with_repetition)
        return found

    def same(self, one: BanOrder, other: BanOrder) -> bool:
        """Of the same kind, and asked for by the same agency."""
        agencies = {paper.requesting_agency.strip().lower() for paper in (one, other)}
        return one.kind is other.kind and len(agencies) == 1

    def urgent_before(self, one: BanOrder) -> list[BanOrder]:
        """What the agency had sent as urgent before, whatever became of it."""
        received = sorted((other for other in self.of_person if self.same(one, other)), key=lambda it: it.order_id)
        received.sort(key=self.first_sent)
        return [other for other in received[: received.index(one)] if other.urgent]

    def decided_between(self, first: BanOrder, second: BanOrder) -> bool:
        """Whether somebody wrote a decision before the second was received: with the first, or after it came."""
        decisions = [other for other in self.of_person if self.same(first, other) and other.decree_number]
        days = [(other, other.decree_date) for other in decisions if other.decree_date]
        return any(
            day <= self.first_sent(second) and (other is first or day >= self.first_sent(first)) for other, day in days
        )

    def flagged(self, one: BanOrder) -> bool:
        """Whether it is one of several CEGAH orders that go on for more than a year, day by day on the calendar."""
        if one.kind is not OrderKind.CEGAH or self.rules(one) or not self.running(one):
            return False
        chain, before = {one.order_id}, set[str]()
        days = set(self.running(one))
        while chain != before:
            before = set(chain)
            for other in self.orders:
                if self.same(one, other) and not self.rules(other) and (ran := self.running(other)):
                    near = {day + timedelta(days=gap) for day in (ran[0], ran[-1]) for gap in range(-31, 32)}
                    if near & days or set(ran) & days:
                        chain.add(other.order_id)
                        days |= set(ran)
        unnamed = [other for other in self.orders if other.order_id in chain and not other.extends_order_id]
        year = (min(days) + relativedelta(months=12) - min(days)).days
        return len(unnamed) > 1 and len(days) > year + 1

    def running(self, one: BanOrder) -> list[date]:
        """The days on which it is in force, or would be."""
        ends = [self.end(one)]
        at: BanOrder | None = one
        while at:
            ends += [(at.revoked_at - timedelta(seconds=1)).astimezone(WIB).date()] if at.revoked_at else []
            at = self.base(at)
        if one.withdrawn_at:
            ends.append((one.withdrawn_at - timedelta(seconds=1)).astimezone(WIB).date())
        return [one.valid_from + timedelta(days=number) for number in range((min(ends) - one.valid_from).days + 1)]

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


@pytest.mark.slow
@given(
    orders=lists,
    nationality=st.sampled_from(["IDN", "DEU", ""]),
    nik=st.sampled_from(["", "", "2171013101800001"]),
    now=moments,
    one_person=st.booleans(),
)
def test_every_judgement_is_what_the_law_says(
    orders: tuple[BanOrder, ...], nationality: str, nik: str, now: datetime, *, one_person: bool
) -> None:
    law = Law(orders, nationality, now, nik, one_person=one_person)
    elsewhere = [one for one in orders if one.subject_id != "S-1"] if one_person else []
    person = subject(nationality=nationality, nik=nik)
    for one in law.orders:
        judgement = judge(one, person, orders, now.astimezone(UTC), WIB, LEGAL, elsewhere)
        assert judgement.status is law.status(one)
        assert set(judgement.broken_rules) == law.rules(one)
        again = one.urgent_since and law.undecided(one) and not law.rules(one)
        flags = {OrderFlag.RENEWED_TOO_LONG} if law.flagged(one) else set()
        assert set(judgement.flags) == flags | ({OrderFlag.URGENT_SENT_AGAIN} if again else set())


@pytest.mark.slow
@given(orders=lists, now=moments, later=st.timedeltas(timedelta(0), timedelta(days=800)))
def test_what_has_ended_never_comes_back(orders: tuple[BanOrder, ...], now: datetime, later: timedelta) -> None:
    """With the same papers, time alone never puts an order into force again."""
    ended = {OrderStatus.LAPSED, OrderStatus.REVOKED, OrderStatus.INVALID}
    person = subject(nationality="DEU")
    for one in orders:
        if one.subject_id == "S-1" and judge(one, person, orders, now, WIB, LEGAL).status in ended:
            assert judge(one, person, orders, now + later, WIB, LEGAL).status in ended


@pytest.mark.slow
@given(orders=lists, now=moments)
def test_the_order_of_the_papers_makes_no_difference(orders: tuple[BanOrder, ...], now: datetime) -> None:
    person = subject(nationality="DEU")
    for one in (one for one in orders if one.subject_id == "S-1"):
        expected = judge(one, person, orders, now, WIB, LEGAL)
        assert judge(one, person, orders[::-1], now, WIB, LEGAL) == expected
        without = [other for other in orders if other is not one]
        assert judge(one, person, without, now, WIB, LEGAL) == expected
