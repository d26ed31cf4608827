"""Ban orders and their status under the law, computed at the moment of asking and never stored.

An order that breaks a rule is INVALID and never alerts. Dates are days of the checkpoint's local clock, first and last
day included. What the law leaves open is decided here, and documented in `docs/watchlist-folder.md`, "Status of an
order".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from cekalwatch.contract.values.orders import Direction, OrderFlag, OrderKind, OrderRule, OrderStatus
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.domain.checkpoints import LegalParameters
from cekalwatch.server.domain.orders.ban_order import WIB, BanOrder, JudgedOrder, OrderJudgement, SubjectFile
from cekalwatch.server.domain.orders.order_runs import Stretch, run_of


@dataclass(frozen=True, slots=True)
class OrderStanding:
    """An order under the law: facts that do not depend on the clock, and the times of its status changes.

    It follows from the order, its subject and their other orders, and holds while none of these changes.
    """

    broken_rules: tuple[OrderRule, ...]
    flags: tuple[OrderFlag, ...]
    first_day: date
    last_day: date
    """The last day on which it can be in force by law: an urgent order ends early without a decision."""
    ended_at: datetime | None
    """When it was first taken back or withdrawn, or an order that it extends was taken back; None: never."""
    withdrawn_at: datetime | None = None
    """When this server found that its source no longer has it, by a clock that may have been ahead."""

    def now(self, now: datetime, zone: tzinfo) -> OrderJudgement:
        """Return its status now: `at` that moment, but that a withdrawal has happened whenever it was noted for."""
        return self.at(max(now, self.withdrawn_at or now), zone)

    def at(self, now: datetime, zone: tzinfo) -> OrderJudgement:
        """Return its status at the moment `now` (aware) by the clock of a checkpoint in `zone`."""
        if self.broken_rules:
            return OrderJudgement(OrderStatus.INVALID, self.broken_rules)
        return OrderJudgement(self._status_at(now, zone), flags=self.flags)

    def _status_at(self, now: datetime, zone: tzinfo) -> OrderStatus:
        if self.ended_at is not None and self.ended_at <= now:
            return OrderStatus.REVOKED
        today = now.astimezone(zone).date()
        if today < self.first_day:
            return OrderStatus.NOT_YET_VALID
        return OrderStatus.LAPSED if today > self.last_day else OrderStatus.ACTIVE


def alerts_on(kind: OrderKind) -> Direction:
    """Return the direction of travel in which an order of `kind` can alert (domain rule 2)."""
    return Direction.DEPARTURE if kind is OrderKind.CEGAH else Direction.ARRIVAL


def judge(
    order: BanOrder,
    subject: Subject,
    orders: Iterable[BanOrder],
    now: datetime,
    zone: tzinfo,
    parameters: LegalParameters,
    elsewhere: Sequence[BanOrder] = (),
) -> OrderJudgement:
    """Return the status of `order` at the moment `now` (aware) by the clock of a checkpoint in `zone`.

    `orders` are all orders of `subject`, which rules about extensions and repeated urgent orders need; whether `order`
    is among them makes no difference. `elsewhere` are those of the same person under other keys.
    """
    known = {other.order_id: other for other in orders if other.subject_id == subject.subject_id}
    held = _OrdersOfSubject(known | {order.order_id: order}, subject, zone, parameters, elsewhere)
    return held.standing(order).at(now, zone)


@dataclass(frozen=True)
class Checkpoints:
    """The law and each site's local time: what decides the status of an order at a checkpoint."""

    legal: LegalParameters
    zones: Mapping[str, ZoneInfo]

    def day(self, now: datetime, site: str) -> date:
        """Return the local day at `site`; a site that is no longer configured has WIB."""
        return now.astimezone(self.zones.get(site, WIB)).date()

    def judged(self, file: SubjectFile, now: datetime, site: str) -> list[JudgedOrder]:
        """Return a subject's orders with their status now at `site`; a site that is no longer configured has WIB."""
        zone = self.zones.get(site, WIB)
        return [
            JudgedOrder(order, standing.now(now, zone), standing.last_day)
            for order, standing in self.standings(file, site)
        ]

    def standings(self, file: SubjectFile, site: str) -> list[tuple[BanOrder, OrderStanding]]:
        """Return a subject's orders under the law at `site`; a site that is no longer configured has WIB."""
        own = {order.order_id: order for order in file.orders}
        held = _OrdersOfSubject(own, file.subject, self.zones.get(site, WIB), self.legal, file.elsewhere)
        return [(order, held.standing(order)) for order in file.orders]

    def terms(self, file: SubjectFile) -> Iterator[tuple[datetime, datetime]]:
        """Yield the first and the last moment of each of a subject's orders at each site; those it has ever."""
        return self._terms(file, file.orders)

    def terms_now(self, file: SubjectFile) -> Iterator[tuple[datetime, datetime]]:
        """Yield the same without orders that were withdrawn: they have ended by every clock."""
        return self._terms(file, [order for order in file.orders if order.withdrawn_at is None])

    def _terms(self, file: SubjectFile, orders: Sequence[BanOrder]) -> Iterator[tuple[datetime, datetime]]:
        own = {order.order_id: order for order in file.orders}
        for zone in set(self.zones.values()) or {WIB}:
            held = _OrdersOfSubject(own, file.subject, zone, self.legal, file.elsewhere)
            terms = (held.term(one) for one in orders if not held.broken_by(one))
            yield from ((first, last) for first, last in terms if first <= last)


@dataclass(frozen=True)
class _OrdersOfSubject:
    """All orders of one subject, by key, for checking one against the others."""

    orders: dict[str, BanOrder]
    subject: Subject
    zone: tzinfo
    parameters: LegalParameters
    elsewhere: Sequence[BanOrder] = ()

    def standing(self, order: BanOrder) -> OrderStanding:
        """Return the legal state of `order`."""
        broken = self.broken_by(order)
        return OrderStanding(
            tuple(rule for rule in OrderRule if rule in broken),
            () if broken else self.flags(order),
            order.valid_from,
            self.last_day(order),
            min(self.taken_back(order), default=None),
            order.withdrawn_at,
        )

    def flags(self, order: BanOrder) -> tuple[OrderFlag, ...]:
        """Return the flags of an order that breaks no rule."""
        again = order.urgent and order.first_received_on < order.received_on and not self._decided_in_time(order)
        renewed = order.kind is OrderKind.CEGAH and self._renewed_too_long(order)
        flags = {OrderFlag.RENEWED_TOO_LONG: renewed, OrderFlag.URGENT_SENT_AGAIN: again}
        return tuple(flag for flag, raised in flags.items() if raised)

    def _renewed_too_long(self, order: BanOrder) -> bool:
        alike = [one for one in self.orders.values() if _same_applicant(one, order)]
        if len(alike) == 1:
            return False  # most people have one order, and nothing to compute
        others = [self._stretch(one) for one in alike if one is not order and not self.broken_by(one)]
        run = run_of(self._stretch(order), others, self.parameters.cegah_gap_days)
        return run is not None and run.begun > 1 and run.lasts_longer_than(self.parameters.cegah_total_months)

    def taken_back(self, order: BanOrder) -> tuple[datetime, ...]:
        """Return the moments from each of which on `order` is taken back or withdrawn."""
        # An extension is valid only with the ban that it extends.
        revocations = (one.revoked_at for one in (order, *self.extended_by(order)))
        return tuple(moment for moment in (order.withdrawn_at, *revocations) if moment is not None)

    def term(self, order: BanOrder) -> tuple[datetime, datetime]:
        """Return the first and the last moment of an order that breaks no rule; it has none if the last is earlier."""
        end_of_day = datetime.combine(self.last_day(order), time.max, self.zone)
        ends = [moment - timedelta(microseconds=1) for moment in self.taken_back(order)]
        return datetime.combine(order.valid_from, time.min, self.zone), min([end_of_day, *ends])

    def _stretch(self, order: BanOrder) -> Stretch:
        return Stretch(order.valid_from, self._day(self.term(order)[1]), begins=not order.extends_order_id)

    def broken_by(self, order: BanOrder) -> set[OrderRule]:
        broken = self._broken_alone(order)
        if any(self._broken_alone(base) for base in self.extended_by(order)):
            broken.add(OrderRule.EXTENDS_INVALID_ORDER)
        return broken

    def extended_by(self, order: BanOrder) -> tuple[BanOrder, ...]:
        """Return the order that `order` extends, the one that this extends, and so on; none if they form a circle."""
        found: dict[str, BanOrder] = {order.order_id: order}
        key = order.extends_order_id
        while key in self.orders:
            if key in found:
                return ()
            found[key] = self.orders[key]
            key = self.orders[key].extends_order_id
        return tuple(found.values())[1:]

    def last_day(self, order: BanOrder) -> date:
        """Return the last day on which `order` can be in force; an urgent one ends early without a decision."""
        if order.urgent and not self._decided_in_time(order):
            return min(order.valid_until, self._decision_due(order))
        return order.valid_until

    def _broken_alone(self, order: BanOrder) -> set[OrderRule]:
        """Return the rules that `order` itself breaks, without those of the orders that it extends."""
        broken = self._broken_but_repetition(order)
        if order.extends_order_id and any(self._stands_before(order, other) for other in self.orders.values()):
            broken.add(OrderRule.EXTENDED_TWICE)
        return broken

    def _stands_before(self, order: BanOrder, other: BanOrder) -> bool:
        """Whether `other` extends the same CEGAH order earlier; one that is void or never ran does not count."""
        return (
            order.kind is OrderKind.CEGAH
            and other.extends_order_id == order.extends_order_id
            and (other.received_on, other.order_id) < (order.received_on, order.order_id)
            and not self._ended_before(other, other.valid_from)
            and not self._broken_but_repetition(other)
        )

    def _broken_but_repetition(self, order: BanOrder) -> set[OrderRule]:
        broken = set(self._extension_rules(order)) if order.extends_order_id else set()
        if order.kind is OrderKind.CEGAH:
            table = self.parameters
            months = table.extension_months if order.extends_order_id else table.cegah_months
            if order.valid_until > _months_later(order.valid_from, months):
                broken.add(OrderRule.TERM_TOO_LONG)
        elif self.subject.nik or self.subject.nationality == self.parameters.home_nationality:
            broken.add(OrderRule.TANGKAL_ON_CITIZEN)
        if order.urgent and any(self._resubmits(order, other) for other in self._of_person()):
            broken.add(OrderRule.URGENT_RESUBMITTED)
        return broken

    def _extension_rules(self, order: BanOrder) -> Iterator[OrderRule]:
        bases = self.extended_by(order)
        if not bases or bases[0].kind is not order.kind:
            yield OrderRule.EXTENDS_UNKNOWN_ORDER
            return
        if order.kind is OrderKind.CEGAH and len(bases) > self.parameters.cegah_extensions:
            yield OrderRule.EXTENDED_TWICE
        end = self.last_day(bases[0])
        if order.received_on > end - timedelta(days=self.parameters.extension_notice_days):
            yield OrderRule.EXTENSION_LATE
        if order.valid_from - timedelta(days=1) > end:
            yield OrderRule.EXTENSION_GAP

    def _resubmits(self, order: BanOrder, earlier: BanOrder) -> bool:
        """Whether the agency had asked for it urgently before, and no written decision lies between the two."""
        return (
            earlier.urgent
            and _same_applicant(earlier, order)
            and (earlier.first_received_on, earlier.order_id) < (order.first_received_on, order.order_id)
            and not any(self._decided_between(earlier, order, one) for one in self._of_person())
        )

    def _of_person(self) -> Iterator[BanOrder]:
        """Yield the orders of the person under every key: another one makes no urgent order the first."""
        yield from self.orders.values()
        yield from self.elsewhere

    def _decided_between(self, earlier: BanOrder, later: BanOrder, decision: BanOrder) -> bool:
        """Whether `decision` is the written decision for which `earlier` waited, made before `later` was received."""
        if not (decision.decree_number and decision.decree_date and _same_applicant(decision, earlier)):
            return False
        # An order's own decree may be older than its receipt, another's then belongs to something else.
        begin = date.min if decision is earlier else earlier.first_received_on
        return begin <= decision.decree_date <= later.first_received_on

    def _ended_before(self, order: BanOrder, day: date) -> bool:
        """Whether `order` was revoked or withdrawn before that day."""
        return any(self._day(moment) < day for moment in (order.revoked_at, order.withdrawn_at) if moment)

    def _decision_due(self, order: BanOrder) -> date:
        return order.first_received_on + timedelta(days=self.parameters.urgent_days)

    def _decided_in_time(self, order: BanOrder) -> bool:
        """Whether the written decision was made before the urgent order lapsed; a later one cannot revive it."""
        day = order.decree_date
        return bool(order.decree_number and day and day <= self._decision_due(order))

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()


@lru_cache(maxsize=10_000)
def _months_later(day: date, months: int) -> date:
    """Return the day `months` calendar months later, cached: of 100,000 orders, many begin on the same day."""
    return day + relativedelta(months=months)


def _same_applicant(one: BanOrder, other: BanOrder) -> bool:
    """Whether one agency asked for both, and for the same kind of ban."""
    agencies = {" ".join(paper.requesting_agency.casefold().split()) for paper in (one, other)}
    return one.kind is other.kind and len(agencies) == 1
