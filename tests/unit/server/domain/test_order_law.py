"""The status of drawn orders against a model in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.contract.values.orders import OrderEnd, OrderFlag, OrderKind, OrderRule, OrderStatus
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.orders.law import judge
from cekalwatch.server.domain.orders.law_table import SHIPPED, Law, LawTable
from tests.support.builders.orders import LEGAL, filed, lists, moments
from tests.support.builders.watchlist import WIB


class PlainLaw:
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
        """The order of that key and kind, unless following the keys leads in a circle."""
        at, steps = one, 0
        while (found := self.named(at)) and steps <= len(self.orders):
            at, steps = found, steps + 1
        return None if steps > len(self.orders) else self.named(one)

    def named(self, one: BanOrder) -> BanOrder | None:
        named = (other for other in self.orders if other.order_id == one.extends_order_id)
        return next((other for other in named if other.kind is one.kind), None)

    def written(self, one: BanOrder) -> date | None:
        """The day of its decree, if that has a number too."""
        return one.decree_date if one.decree_number else None

    def decided(self, one: BanOrder) -> date:
        return one.decree_date or self.first_sent(one)

    def due(self, one: BanOrder) -> date:
        return self.first_sent(one) + timedelta(days=20)

    def waits_until(self, one: BanOrder) -> date | None:
        """The last of the twenty days that bind it: its own, or those of an urgent one before it."""
        written, ends = self.written(one), list[date]()
        if one.urgent and not (written and written <= self.due(one)):
            ends.append(self.due(one))
        if one.urgent_since and not one.urgent and not written:
            ends.append(self.due(one))
        return min([*ends, *map(self.due, self.bound_by(one))], default=None)

    def bound_by(self, one: BanOrder) -> list[BanOrder]:
        """The urgent ones that came first and were never decided, if it came without a decree."""
        if one.urgent or self.written(one):
            return []
        return [
            other
            for other in self.of_person
            if other is not one
            and self.same(one, other)
            and (other.urgent or other.urgent_since)
            and self.first_sent(other) <= self.first_sent(one)
            and not self.decided_by(other, max(self.due(other), self.first_sent(one)))
        ]

    def longest(self, one: BanOrder) -> date:
        """The last day that the law allows, by the row of the day of the decision."""
        half_a_year = one.valid_from + relativedelta(months=6)
        if one.kind is OrderKind.CEGAH:
            return half_a_year
        if self.decided(one) >= date(2024, 10, 17) or one.valid_until == date.max:
            return date.max  # ten years, and life without a ground: nobody has confirmed that these end it
        return half_a_year

    def end(self, one: BanOrder) -> date:
        return min(one.valid_until, self.longest(one), self.waits_until(one) or date.max)

    def first_sent(self, one: BanOrder) -> date:
        return one.urgent_since or one.received_on

    def rules(self, one: BanOrder, *, with_repetition: bool = True) -> set[OrderRule]:
        found = set()
        if one.kind is OrderKind.TANGKAL and self.nationality == "IDN":
            found.add(OrderRule.TANGKAL_ON_CITIZEN)
        if one.urgent and any(not self.decided_by(other, self.first_sent(one)) for other in self.urgent_before(one)):
            found.add(OrderRule.URGENT_RESUBMITTED)
        if self.base(one):
            found |= self.extension_rules(one, with_repetition=with_repetition)
        return found

    def flags(self, one: BanOrder) -> set[OrderFlag]:
        """Those of an order that breaks no rule, but not of renewals."""
        base, found = self.base(one), set[OrderFlag]()
        at = base
        while at:
            found |= {OrderFlag.BASE_REVOKED_LATER} if at.revoked_at and not self.takes_along(at) else set()
            at = self.base(at)
        if one.kind is OrderKind.TANGKAL and self.nik:
            found.add(OrderFlag.TANGKAL_WITH_NIK)
        if one.valid_until > one.valid_from + relativedelta(months=120 if self.since_2024(one) else 6):
            if one.kind is OrderKind.TANGKAL and one.valid_until == date.max:
                found.add(OrderFlag.LIFE_WITHOUT_GROUND)
            else:
                found.add(OrderFlag.TERM_UNCONFIRMED if self.since_2024(one) else OrderFlag.TERM_CAPPED)
        if one.extends_order_id and base is None:
            there = any(other.order_id == one.extends_order_id for other in self.of_person if other.subject_id != "S-1")
            found.add(OrderFlag.BASE_UNDER_OTHER_KEY if there else OrderFlag.BASE_NOT_HELD)
        if base and self.is_late(one, base):
            found.add(OrderFlag.EXTENSION_LATE_UNCONFIRMED)
        if base and self.since_2024(one) and (self.base(base) or self.extended_before(one)):
            found.add(OrderFlag.EXTENDED_TWICE_UNCONFIRMED)
        return found | self.flags_of_urgency(one)

    def flags_of_urgency(self, one: BanOrder) -> set[OrderFlag]:
        found = set[OrderFlag]()
        if self.waits_until(one):
            if one.urgent_since:
                found.add(OrderFlag.URGENT_SENT_AGAIN)
            if self.bound_by(one):
                found.add(OrderFlag.FOLLOWS_URGENT)
        if one.urgent and self.decided(one) >= date(2025, 12, 16):
            found |= {OrderFlag.LACKS_SEX, OrderFlag.LACKS_BIRTH, OrderFlag.LACKS_REASON}
            found |= set() if self.nationality else {OrderFlag.LACKS_NATIONALITY}
        if not one.urgent and not self.written(one):
            found.add(OrderFlag.NO_DECREE)
        return found

    def since_2024(self, one: BanOrder) -> bool:
        return one.kind is OrderKind.TANGKAL and self.decided(one) >= date(2024, 10, 17)

    def same(self, one: BanOrder, other: BanOrder) -> bool:
        """Of the same kind, and asked for by the same agency."""
        agencies = {paper.requesting_agency.strip().lower() for paper in (one, other)}
        return one.kind is other.kind and len(agencies) == 1

    def urgent_before(self, one: BanOrder) -> list[BanOrder]:
        """What the agency had sent as urgent before, whatever became of it."""
        received = sorted((other for other in self.of_person if self.same(one, other)), key=lambda it: it.order_id)
        received.sort(key=self.first_sent)
        return [other for other in received[: received.index(one)] if other.urgent or other.urgent_since]

    def decided_by(self, first: BanOrder, last: date) -> bool:
        """Whether somebody wrote a decision by that day: with the first, or after it came."""
        decisions = [other for other in self.of_person if self.same(first, other) and other.decree_number]
        days = [(other, other.decree_date) for other in decisions if other.decree_date]
        return any(day <= last and (other is first or day >= self.first_sent(first)) for other, day in days)

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
            revoked = at.revoked_at if at is one or self.takes_along(at) else None
            ends += [(revoked - timedelta(seconds=1)).astimezone(WIB).date()] if revoked else []
            at = self.base(at)
        if one.withdrawn_at:
            ends.append((one.withdrawn_at - timedelta(seconds=1)).astimezone(WIB).date())
        return [one.valid_from + timedelta(days=number) for number in range((min(ends) - one.valid_from).days + 1)]

    def is_late(self, one: BanOrder, base: BanOrder) -> bool:
        """Whether it is late by a rule that does not bind it: before Permenimipas, or an entry ban."""
        binds = one.kind is OrderKind.CEGAH and self.decided(one) >= date(2025, 12, 16)
        return not binds and (self.end(base) - max(one.received_on, self.decided(one))).days < 3

    def extension_rules(self, one: BanOrder, *, with_repetition: bool) -> set[OrderRule]:
        base, found = self.base(one), set[OrderRule]()
        assert base
        if one.kind is OrderKind.CEGAH and self.base(base):
            found.add(OrderRule.EXTENDED_TWICE)
        late = (self.end(base) - max(one.received_on, self.decided(one))).days < 3
        if one.kind is OrderKind.CEGAH and late and not self.is_late(one, base):
            found.add(OrderRule.EXTENSION_LATE)
        if (one.valid_from - self.end(base)).days > 1 or self.decided(one) > self.end(base):
            found.add(OrderRule.EXTENSION_GAP)
        if with_repetition:
            if self.rules(base):
                found.add(OrderRule.EXTENDS_INVALID_ORDER)
            if one.kind is OrderKind.CEGAH and self.extended_before(one):
                found.add(OrderRule.EXTENDED_TWICE)
        return found

    def extended_before(self, one: BanOrder) -> list[BanOrder]:
        """What extends the same order, came earlier, and stands."""
        return [
            other
            for other in self.orders
            if other.extends_order_id == one.extends_order_id
            and other.kind is one.kind
            and (other.received_on, other.order_id) < (one.received_on, one.order_id)
            and (self.written(other) or not self.written(one))
            and not self.ended_before(other, other.valid_from)
            and not self.rules(other, with_repetition=False)
            and not (self.since_2024(other) and self.base(other) and self.base(self.base(other) or other))
        ]

    def ended_before(self, one: BanOrder, day: date) -> bool:
        """Whether it was taken back, or its source had it no more."""
        ends = [moment.astimezone(WIB).date() for moment in (one.revoked_at, one.withdrawn_at) if moment]
        return any(end < day for end in ends)

    def taken_back(self, one: BanOrder) -> bool:
        base = self.base(one)
        found = bool(one.revoked_at and one.revoked_at <= self.now)
        while base and not found:
            found = bool(self.takes_along(base) and base.revoked_at and base.revoked_at <= self.now)
            base = self.base(base)
        return found

    def takes_along(self, base: BanOrder) -> bool:
        """Whether its revocation ends what extends it: an agency may tidy away a ban that had ended."""
        return bool(base.revoked_at and base.revoked_at.astimezone(WIB).date() <= self.end(base))

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
    law = PlainLaw(orders, nationality, now, nik, one_person=one_person)
    elsewhere = [one for one in orders if one.subject_id != "S-1"] if one_person else []
    file = filed(*orders, nationality=nationality, nik=nik, elsewhere=elsewhere)
    for one in law.orders:
        judgement = judge(one, file, now.astimezone(UTC), WIB, LEGAL)
        assert judgement.status is law.status(one)
        assert set(judgement.broken_rules) == law.rules(one)
        flags = {OrderFlag.RENEWED_TOO_LONG} if law.flagged(one) else set()
        assert {flag for flag in judgement.flags if not flag.startswith("CHECK_")} == (
            set() if law.rules(one) else flags | law.flags(one)
        )


@pytest.mark.slow
@given(orders=lists, now=moments, nationality=st.sampled_from(["IDN", "DEU"]), confirmed=st.booleans())
def test_no_order_is_silent_without_a_named_rule(
    orders: tuple[BanOrder, ...], now: datetime, nationality: str, *, confirmed: bool
) -> None:
    table = LawTable(tuple(row.confirmed("Adv. Sari") for row in SHIPPED.rows))
    law = Law(table) if confirmed else Law()
    file = filed(*orders, nationality=nationality, elsewhere=[one for one in orders if one.subject_id != "S-1"])
    for one in file.orders:
        found = judge(one, file, now, WIB, law)
        match found.status:
            case OrderStatus.INVALID:
                assert found.broken_rules
                assert found.article
            case OrderStatus.LAPSED:
                assert found.ended_by in {OrderEnd.TERM_OVER, OrderEnd.TERM_CAPPED, OrderEnd.UNDECIDED}
                assert found.article
                over = now.astimezone(WIB).date() > one.valid_until
                assert over or found.ended_by is not OrderEnd.TERM_OVER
            case OrderStatus.REVOKED:
                assert found.ended_by in {OrderEnd.REVOKED, OrderEnd.BASE_REVOKED, OrderEnd.WITHDRAWN}
            case OrderStatus.NOT_YET_VALID:
                assert now.astimezone(WIB).date() < one.valid_from
            case OrderStatus.ACTIVE:
                assert (found.broken_rules, found.ended_by, found.article) == ((), None, "")


@pytest.mark.slow
@given(orders=lists, now=moments, later=st.timedeltas(timedelta(0), timedelta(days=800)))
def test_what_has_ended_never_comes_back(orders: tuple[BanOrder, ...], now: datetime, later: timedelta) -> None:
    """With the same papers, time alone never puts an order into force again."""
    ended = {OrderStatus.LAPSED, OrderStatus.REVOKED, OrderStatus.INVALID}
    file = filed(*orders, nationality="DEU")
    for one in file.orders:
        if judge(one, file, now, WIB, LEGAL).status in ended:
            assert judge(one, file, now + later, WIB, LEGAL).status in ended


@pytest.mark.slow
@given(orders=lists, now=moments)
def test_the_order_of_the_papers_makes_no_difference(orders: tuple[BanOrder, ...], now: datetime) -> None:
    file = filed(*orders, nationality="DEU")
    for one in file.orders:
        expected = judge(one, file, now, WIB, LEGAL)
        assert judge(one, replace(file, orders=file.orders[::-1]), now, WIB, LEGAL) == expected
        without = tuple(other for other in file.orders if other is not one)
        assert judge(one, replace(file, orders=without), now, WIB, LEGAL) == expected
