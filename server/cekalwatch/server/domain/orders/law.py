"""Ban orders and their status under the law, computed at the moment of asking and never stored.

An order is silenced only by something that the law names and that we know: its status says what, and by which article.
What is doubtful or too long alerts for as long as the law can allow, and is flagged. Dates are days of the checkpoint's
local clock, first and last day included. What the law leaves open is decided here, and documented in
`docs/watchlist-folder.md`, "Status of an order".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

from cekalwatch.contract.values.law import LawRow
from cekalwatch.contract.values.orders import (
    Direction,
    OrderEnd,
    OrderFlag,
    OrderKind,
    OrderRule,
    OrderStatus,
    PersonStatus,
)
from cekalwatch.server.domain.orders.ban_order import WIB, BanOrder, JudgedOrder, OrderJudgement, SubjectFile
from cekalwatch.server.domain.orders.dates import unusual_term
from cekalwatch.server.domain.orders.law_table import Law, term_flags
from cekalwatch.server.domain.orders.order_runs import Stretch, run_of
from cekalwatch.server.domain.orders.person_orders import (
    PersonOrders,
    date_flags,
    extension_flags,
    extension_rules,
    is_resubmitted,
    last_day,
    undecided_until,
    urgency_flags,
)

CITIZEN_ARTICLE: Final = "UU 6/2011 Pasal 14"
"""A citizen may not be refused entry."""

_ENDS_BY: Final = {
    OrderEnd.TERM_OVER: OrderFlag.CHECK_VALID_UNTIL,
    OrderEnd.TERM_CAPPED: OrderFlag.CHECK_VALID_FROM,
}
"""The cell on which an end of the term rests."""


@dataclass(frozen=True, slots=True)
class OrderStanding:
    """An order under the law: facts that do not depend on the clock, and the times of its status changes.

    It follows from the order, its subject and their other orders, and holds while none of these changes.
    """

    broken_rules: tuple[OrderRule, ...]
    flags: tuple[OrderFlag, ...]
    first_day: date
    last_day: date
    """The last day on which it can be in force by law."""
    lapses_by: OrderEnd
    """Why it is not in force after that day."""
    ended_at: datetime | None
    """When it was first taken back or withdrawn, or an order that it extends was taken back; None: never."""
    ended_by: OrderEnd | None
    """Why it was not in force from that moment on."""
    withdrawn_at: datetime | None
    """When this server found that its source no longer has it, by a clock that may have been ahead."""
    row: LawRow
    """What the law said when it was decided."""
    unusual_term: bool = False
    """Whether a slip of the pen in its first or last day is likely."""

    def now(self, now: datetime, zone: tzinfo) -> OrderJudgement:
        """Return its status now: `at` that moment, but that a withdrawal has happened whenever it was noted for."""
        return self.at(max(now, self.withdrawn_at or now), zone)

    def at(self, now: datetime, zone: tzinfo) -> OrderJudgement:
        """Return its status at the moment `now` (aware) by the clock of a checkpoint in `zone`."""
        if self.broken_rules:
            articles = dict.fromkeys(_article_of_rule(rule, self.row) for rule in self.broken_rules)
            return OrderJudgement(OrderStatus.INVALID, self.broken_rules, self.flags, article="; ".join(articles))
        if self.ended_at is not None and self.ended_at <= now:
            return OrderJudgement(OrderStatus.REVOKED, flags=self.flags, ended_by=self.ended_by)
        today = now.astimezone(zone).date()
        if today < self.first_day:
            return OrderJudgement(OrderStatus.NOT_YET_VALID, flags=self._with(OrderFlag.CHECK_VALID_FROM))
        if today > self.last_day:
            article = self.row.urgent_article if self.lapses_by is OrderEnd.UNDECIDED else self.row.article
            cell = _ENDS_BY.get(self.lapses_by)
            flags = self._with(cell) if cell else self.flags
            return OrderJudgement(OrderStatus.LAPSED, flags=flags, ended_by=self.lapses_by, article=article)
        return OrderJudgement(OrderStatus.ACTIVE, flags=self.flags)

    def _with(self, cell: OrderFlag) -> tuple[OrderFlag, ...]:
        """Return the flags of a status that rests on that cell."""
        if not self.unusual_term or cell in self.flags:
            return self.flags
        return tuple(flag for flag in OrderFlag if flag == cell or flag in self.flags)

    def term(self, zone: tzinfo) -> tuple[datetime, datetime]:
        """Return the first and the last moment of an order that breaks no rule; it has none if the last is earlier."""
        end = datetime.combine(self.last_day, time.max, zone)
        if self.ended_at is not None:
            end = min(end, self.ended_at - timedelta(microseconds=1))
        return datetime.combine(self.first_day, time.min, zone), end

    def changes(self, zone: tzinfo) -> Iterator[datetime]:
        """Yield the moments at which its status can change."""
        yield datetime.combine(self.first_day, time(), zone)
        if self.last_day < date.max:  # "never" has no next day
            yield datetime.combine(self.last_day + timedelta(days=1), time(), zone)
        if self.ended_at is not None:
            yield self.ended_at


def alerts_on(kind: OrderKind) -> Direction:
    """Return the direction of travel in which an order of `kind` can alert (domain rule 2)."""
    return Direction.DEPARTURE if kind is OrderKind.CEGAH else Direction.ARRIVAL


def judge(order: BanOrder, file: SubjectFile, now: datetime, zone: tzinfo, law: Law) -> OrderJudgement:
    """Return the status of `order` at the moment `now` (aware) by the clock of a checkpoint in `zone`.

    `file` is that of its subject; whether `order` is in it makes no difference.
    """
    return standing_of(order, file, zone, law).at(now, zone)


def standing_of(order: BanOrder, file: SubjectFile, zone: tzinfo, law: Law) -> OrderStanding:
    """Return `order` under the law at a checkpoint in `zone`; `file` is what `judge` takes."""
    others = tuple(one for one in file.orders if one.order_id != order.order_id)
    held = PersonOrders.of(replace(file, orders=(order, *others)), zone, law)
    return _standings(held)[order.order_id]


@dataclass
class Checkpoints:
    """The law and each site's local time: what decides the status of an order at a checkpoint."""

    law: Law
    """Replaced as a whole when it changes while a server runs; any thread may read it."""
    zones: Mapping[str, ZoneInfo]

    def day(self, now: datetime, site: str) -> date:
        """Return the local day at `site`; a site that is no longer configured has WIB."""
        return now.astimezone(self.zones.get(site, WIB)).date()

    def judged(self, file: SubjectFile, now: datetime, site: str) -> list[JudgedOrder]:
        """Return a subject's orders with their status now at `site`; a site that is no longer configured has WIB."""
        zone = self.zones.get(site, WIB)
        held = PersonOrders.of(file, zone, self.law)
        standings, judged = _standings(held), []
        for order in file.orders:
            standing = standings[order.order_id]
            found = standing.now(now, zone)
            base = held.revoked_base(order) if found.ended_by is OrderEnd.BASE_REVOKED else None
            judged.append(JudgedOrder(order, found, standing.last_day, base))
        return judged

    def standings(self, file: SubjectFile, site: str) -> list[tuple[BanOrder, OrderStanding]]:
        """Return a subject's orders under the law at `site`; a site that is no longer configured has WIB."""
        standings = _standings(PersonOrders.of(file, self.zones.get(site, WIB), self.law))
        return [(order, standings[order.order_id]) for order in file.orders]

    def terms(self, file: SubjectFile) -> Iterator[tuple[datetime, datetime]]:
        """Yield the first and the last moment of each of a subject's orders at each site; those it has ever."""
        return self._terms(file, file.orders)

    def terms_now(self, file: SubjectFile) -> Iterator[tuple[datetime, datetime]]:
        """Yield the same without orders that were withdrawn: they have ended by every clock."""
        return self._terms(file, [order for order in file.orders if order.withdrawn_at is None])

    def _terms(self, file: SubjectFile, orders: Sequence[BanOrder]) -> Iterator[tuple[datetime, datetime]]:
        for zone in set(self.zones.values()) or {WIB}:
            held = PersonOrders.of(file, zone, self.law)
            read = [held.own[one.order_id] for one in orders]
            terms = (_times(one, held).term(zone) for one in read if not _broken_by(one, held))
            yield from ((first, last) for first, last in terms if first <= last)


def _standings(held: PersonOrders) -> dict[str, OrderStanding]:
    """Return the legal state of each order of the subject, by key."""
    found = {key: _judged(order, held) for key, order in held.own.items()}
    return {
        key: replace(one, flags=flags, unusual_term=unusual) if flags or unusual else one
        for key, one in found.items()
        for flags in [_flags(held.own[key], held, found)]
        for unusual in [unusual_term(held.own[key], one.row)]
    }


def _judged(order: BanOrder, held: PersonOrders) -> OrderStanding:
    """Return the legal state of `order` without its flags."""
    broken = _broken_by(order, held)
    return _times(order, held, tuple(rule for rule in OrderRule if rule in broken) if broken else ())


def _flags(order: BanOrder, held: PersonOrders, times: Mapping[str, OrderStanding]) -> tuple[OrderFlag, ...]:
    found = set(date_flags(order, held, broken := times[order.order_id].broken_rules))
    if broken:
        return tuple(flag for flag in OrderFlag if flag in found)
    found |= set(_flags_alone(order, held))
    if len(held.own) > 1 and _renewed_too_long(order, held, times):
        found.add(OrderFlag.RENEWED_TOO_LONG)
    return tuple(flag for flag in OrderFlag if flag in found) if found else ()


def _flags_alone(order: BanOrder, held: PersonOrders) -> Iterator[OrderFlag]:
    """Yield the flags of an order that breaks no rule, but that on orders which follow one another."""
    row = held.row(order)
    yield from chain(term_flags(order, row), extension_flags(order, held), urgency_flags(order, held))
    if held.law.agencies.code_of(order.requesting_agency) is None:
        yield OrderFlag.AGENCY_UNKNOWN
    if order.revoked_at is None and (order.revocation_ground or order.revocation_reference):
        yield OrderFlag.REVOKED_WITHOUT_MOMENT
    if order.kind is OrderKind.TANGKAL and held.file.subject.nik:
        yield OrderFlag.TANGKAL_WITH_NIK
    if row.suspects_only and order.person_status is PersonStatus.WITNESS:
        yield OrderFlag.WITNESS


def _times(order: BanOrder, held: PersonOrders, broken: tuple[OrderRule, ...] = ()) -> OrderStanding:
    """Return when `order` can be in force, and what ends it, without flags."""
    last = last_day(order, held)
    if last == order.valid_until:
        lapses_by = OrderEnd.TERM_OVER
    else:
        lapses_by = OrderEnd.UNDECIDED if last == undecided_until(order, held) else OrderEnd.TERM_CAPPED
    taken_back: tuple[datetime | None, OrderEnd | None] = min(held.taken_back(order), default=(None, None))
    ended_at, ended_by = taken_back
    return OrderStanding(
        broken, (), order.valid_from, last, lapses_by, ended_at, ended_by, order.withdrawn_at, held.row(order)
    )


def _broken_by(order: BanOrder, held: PersonOrders) -> set[OrderRule]:
    """Return the rules that make `order` void."""
    broken = _broken_alone(order, held)
    if any(_broken_alone(base, held) for base in held.bases(order)):
        broken.add(OrderRule.EXTENDS_INVALID_ORDER)
    return broken


def _broken_alone(order: BanOrder, held: PersonOrders) -> set[OrderRule]:
    """Return the rules that `order` itself breaks, without those of the orders that it extends."""
    broken = set(extension_rules(order, held)) if order.extends_order_id else set()
    if is_resubmitted(order, held):
        broken.add(OrderRule.URGENT_RESUBMITTED)
    if order.kind is OrderKind.TANGKAL and held.file.subject.nationality == held.law.home_nationality:
        broken.add(OrderRule.TANGKAL_ON_CITIZEN)
    return broken


def _renewed_too_long(order: BanOrder, held: PersonOrders, times: Mapping[str, OrderStanding]) -> bool:
    """Whether orders of its agency follow one another for too long without naming what they extend."""
    months = held.row(order).total_months
    if months is None:
        return False
    others = [
        _stretch(one, held, times)
        for one in held.own.values()
        if one is not order and not times[one.order_id].broken_rules and held.same_applicant(one, order)
    ]
    run = run_of(_stretch(order, held, times), others, held.law.gap_days) if others else None
    return run is not None and run.begun > 1 and run.lasts_longer_than(months)


def _stretch(order: BanOrder, held: PersonOrders, times: Mapping[str, OrderStanding]) -> Stretch:
    last = held.day(times[order.order_id].term(held.zone)[1])
    return Stretch(order.valid_from, last, begins=not order.extends_order_id)


def _article_of_rule(rule: OrderRule, row: LawRow) -> str:
    match rule:
        case OrderRule.TANGKAL_ON_CITIZEN:
            return CITIZEN_ARTICLE
        case OrderRule.URGENT_RESUBMITTED:
            return row.urgent_article
        case OrderRule.EXTENSION_LATE:
            return row.notice_article
        case _:
            return row.article
