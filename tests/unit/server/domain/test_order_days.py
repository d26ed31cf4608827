"""Realistic chains of orders against a clerk who walks along the calendar day by day.

`test_order_law.py` draws papers that are related in any way; here they are what agencies send: a base order, extensions
about the days that decide, urgent ones with and without a decision, and revocations about midnight, at checkpoints east
and west of each other.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cekalwatch.contract.values.orders import OrderKind, OrderStatus
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.orders.dates import read
from cekalwatch.server.domain.orders.law import judge
from cekalwatch.server.domain.orders.law_table import Law
from tests.support.builders.orders import filed
from tests.support.builders.watchlist import order

LEGAL = Law()
ZONES = [ZoneInfo(name) for name in ("Asia/Jakarta", "Asia/Jayapura", "UTC", "Pacific/Kiritimati")]
ONE_DAY = timedelta(days=1)
near = st.integers(-2, 2).map(lambda number: timedelta(days=number))


@dataclass(frozen=True)
class Clerk:
    """Decides for one day at one checkpoint, with all papers about the person on the desk."""

    papers: tuple[BanOrder, ...]
    nationality: str
    nik: str
    zone: ZoneInfo

    def alerts(self, paper: BanOrder, moment: datetime) -> bool:
        """Whether the paper stops the person at this moment."""
        today = moment.astimezone(self.zone).date()
        chain = self.chain(paper)
        if any(self.is_void(one) for one in chain):
            return False
        if paper.withdrawn_at and moment >= paper.withdrawn_at:
            return False
        if any(one.revoked_at and moment >= one.revoked_at for one in chain if one is paper or self.takes_along(one)):
            return False
        return today in self.days(paper)

    def takes_along(self, base: BanOrder) -> bool:
        """Whether its revocation ends its extensions: a ban that had ended is only tidied away."""
        return bool(base.revoked_at and self.day_of(base.revoked_at) <= self.limit(base))

    def chain(self, paper: BanOrder) -> list[BanOrder]:
        """The paper, the one it extends, and so on."""
        found = [paper]
        while found[-1].extends_order_id:
            bases = [one for one in self.papers if one.order_id == found[-1].extends_order_id]
            if not bases:
                break
            found += bases
        return found

    def days(self, paper: BanOrder) -> list[date]:
        """Every day on which the paper runs, counted one by one; undecided urgent ones stop after twenty days."""
        day, counted = paper.valid_from, list[date]()
        limit = self.limit(paper)
        while day <= limit:
            counted.append(day)
            day += ONE_DAY
        return counted

    def limit(self, paper: BanOrder) -> date:
        """The last day on which it could run."""
        ends = [paper.valid_until]
        if paper.kind is OrderKind.CEGAH:
            ends.append(half_a_year_after(paper.valid_from))
        if paper.urgent and not self.was_decided(paper):
            ends.append(twenty_days_after(paper))
        return min([*ends, *map(twenty_days_after, self.waited_for(paper))])

    def waited_for(self, paper: BanOrder) -> list[BanOrder]:
        """The undecided urgent papers after which this one came without a decree."""
        if paper.urgent or (paper.decree_number and paper.decree_date):
            return []
        urgent = [one for one in self.papers if one.urgent and one.received_on <= paper.received_on]
        return [one for one in urgent if not self.has_answer(one, max(twenty_days_after(one), paper.received_on))]

    def has_answer(self, other: BanOrder, last: date) -> bool:
        """Whether somebody decided on the urgent `other` by that day."""
        decrees = [one.decree_date for one in self.papers if one.decree_number and one.decree_date]
        if other.decree_number and other.decree_date and other.decree_date < other.received_on:
            return True
        return any(other.received_on <= day <= last for day in decrees)

    def was_decided(self, paper: BanOrder) -> bool:
        """Whether somebody wrote a decree within the twenty days."""
        waiting = [paper.received_on + ONE_DAY * number for number in range(21)]
        return bool(paper.decree_number) and (
            paper.decree_date in waiting or bool(paper.decree_date and paper.decree_date < paper.received_on)
        )

    def is_void(self, paper: BanOrder, *, beside_others: bool = True) -> bool:
        """Whether the paper breaks a rule by itself, or else beside other extensions of the same order."""
        if paper.kind is OrderKind.TANGKAL and self.nationality == "IDN":
            return True
        if paper.urgent and any(self.was_tried_before(paper, other) for other in self.papers):
            return True
        return bool(paper.extends_order_id) and self.is_no_extension(paper, beside_others=beside_others)

    def was_tried_before(self, paper: BanOrder, other: BanOrder) -> bool:
        """Whether the same agency's urgent `other` came first, and nobody had written a decision when `paper` came."""
        if not other.urgent or other.kind is not paper.kind or other.order_id == paper.order_id:
            return False
        if (other.received_on, other.order_id) > (paper.received_on, paper.order_id):
            return False
        return not self.has_answer(other, paper.received_on)

    def is_no_extension(self, paper: BanOrder, *, beside_others: bool) -> bool:
        base = next((one for one in self.papers if one.order_id == paper.extends_order_id), None)
        if base is None:
            return False
        if paper.kind is OrderKind.CEGAH and base.extends_order_id:
            return True
        running = self.days(base)
        if not running:  # it lapsed before its first day
            running = [self.limit(base)]
        decided = paper.decree_date or paper.received_on
        late = max(paper.received_on, decided) > running[-1] - ONE_DAY * 3
        if late and paper.kind is OrderKind.CEGAH and decided >= date(2025, 12, 16):
            return True
        if decided > running[-1]:
            return True
        if paper.valid_from > running[-1] + ONE_DAY:
            return True
        return (
            beside_others
            and paper.kind is OrderKind.CEGAH
            and any(self.stands_first(other, paper) for other in self.papers if other.extends_order_id == base.order_id)
        )

    def stands_first(self, other: BanOrder, paper: BanOrder) -> bool:
        """Whether `other` was received earlier as an extension of the same order, and is not void itself."""
        if (other.received_on, other.order_id) >= (paper.received_on, paper.order_id):
            return False
        if paper.decree_number and paper.decree_date and not (other.decree_number and other.decree_date):
            return False
        ended = [self.day_of(moment) for moment in (other.revoked_at, other.withdrawn_at) if moment]
        if any(day < other.valid_from for day in ended):
            return False
        return not self.is_void(other, beside_others=False)

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()


def twenty_days_after(paper: BanOrder) -> date:
    day = paper.received_on
    for _ in range(20):
        day += ONE_DAY
    return day


def half_a_year_after(first: date) -> date:
    """The same day six months later, or that month's last one."""
    year, month = first.year, first.month
    for _ in range(6):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return date(year, month, min(first.day, calendar.monthrange(year, month)[1]))


@st.composite
def chains(draw: st.DrawFn) -> tuple[BanOrder, ...]:
    """A base order, and up to three papers that extend it, or submit it again, about the days that decide."""
    kind = draw(st.sampled_from([OrderKind.CEGAH, OrderKind.CEGAH, OrderKind.CEGAH, OrderKind.TANGKAL]))
    first = draw(st.dates(date(2025, 8, 1), date(2026, 3, 31)))
    base = drawn(draw, "A", kind, first, received=first - draw(st.sampled_from([0, 1, 10])) * ONE_DAY)
    papers = [base]
    for key in draw(st.sampled_from(["", "B", "BC", "BC", "BCD"])):
        before = draw(st.sampled_from(papers))
        if draw(st.integers(0, 2)):
            begins = before.valid_until + ONE_DAY + draw(near)
            received = before.valid_until - 3 * ONE_DAY + draw(near)
            papers.append(drawn(draw, key, kind, begins, received=received, extends=before.order_id))
        else:
            begins = before.received_on + draw(st.sampled_from([0, 10, 19, 20, 21])) * ONE_DAY
            papers.append(drawn(draw, key, kind, begins, received=begins, urgent=True))
    return tuple(papers)


def drawn(
    draw: st.DrawFn, key: str, kind: OrderKind, first: date, *, received: date, extends: str = "", urgent: bool = False
) -> BanOrder:
    urgent = urgent or draw(st.booleans())
    last = half_a_year_after(first) + draw(st.sampled_from([-ONE_DAY, -ONE_DAY, timedelta(0), ONE_DAY]))
    if draw(st.integers(0, 3)) == 0:
        last = first + draw(st.integers(1, 40)) * ONE_DAY
    decided = received + 20 * ONE_DAY + draw(near)
    revoked, gone = (
        draw(
            st.none()
            | st.none()
            | st.builds(
                lambda day, minute, zone: datetime.combine(day, time(23 * (minute < 0), minute % 60), zone),
                st.sampled_from([first - ONE_DAY, first, last, received + 20 * ONE_DAY]),
                st.sampled_from([-1, 0, 1]),
                st.sampled_from(ZONES),
            )
        )
        for _ in range(2)
    )
    one = order(
        key,
        kind=kind,
        valid_from=first,
        valid_until=last,
        received_on=received,
        urgent=urgent,
        decree_number=draw(st.sampled_from(["KEP-1", "KEP-1", ""])),
        decree_date=draw(st.sampled_from([received, received - ONE_DAY, decided if urgent else received, None])),
        extends_order_id=extends,
        revoked_at=revoked,
        withdrawn_at=gone,
    )
    assume(not read(one, LEGAL).doubts)
    return one


def decisive(papers: tuple[BanOrder, ...], zone: ZoneInfo) -> list[datetime]:
    """The first and last seconds of the days on which something can change, and the moments of revocations."""
    days = {
        day + around
        for one in papers
        for day in (one.valid_from, one.valid_until, one.received_on + 20 * ONE_DAY)
        for around in (-ONE_DAY, timedelta(0), ONE_DAY)
    }
    moments = [datetime.combine(day, at, zone) for day in days for at in (time(), time(23, 59, 59))]
    for one in papers:
        for moment in (one.revoked_at, one.withdrawn_at):
            if moment:
                moments += [moment - timedelta(seconds=1), moment]
    return moments


@pytest.mark.slow
@given(
    papers=chains(),
    nationality=st.sampled_from(["IDN", "", "DEU"]),
    nik=st.sampled_from(["", "", "2171013101800001"]),
    zone=st.sampled_from(ZONES),
)
def test_a_paper_alerts_exactly_when_the_clerk_would_stop_the_person(
    papers: tuple[BanOrder, ...], nationality: str, nik: str, zone: ZoneInfo
) -> None:
    clerk, file = Clerk(papers, nationality, nik, zone), filed(*papers, nationality=nationality, nik=nik)
    for moment in decisive(papers, zone):
        for paper in papers:
            judgement = judge(paper, file, moment, zone, LEGAL)
            assert (judgement.status is OrderStatus.ACTIVE) == clerk.alerts(paper, moment), (paper.order_id, moment)
