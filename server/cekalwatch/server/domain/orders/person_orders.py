"""All orders of one person, judged against one another: urgent orders without a decision, and extensions.

Urgent orders have 20 days without a written decision, whatever follows without a decree (Permenimipas 13/2025). An
extension is bound in how often, how early, and to a ban that still runs (UU 6/2011 art. 97 and 102, Permenimipas
13/2025 art. 13).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, Self

from cekalwatch.contract.values.law import LawRow
from cekalwatch.contract.values.orders import DateDoubt, OrderEnd, OrderFlag, OrderKind, OrderRule, RevocationGround
from cekalwatch.server.domain.orders.ban_order import BanOrder, SubjectFile
from cekalwatch.server.domain.orders.dates import CHECK, read
from cekalwatch.server.domain.orders.law_table import Law, end_of_term

NEVER_RIGHT: Final = frozenset({RevocationGround.COURT, RevocationGround.ACQUITTAL, RevocationGround.WRONG_PERSON})
"""Grounds of a revocation by which the ban never should have been: its extensions end with it, whenever that is."""


@dataclass(frozen=True)
class PersonOrders:
    """A subject's file at a checkpoint, with the law."""

    file: SubjectFile
    own: Mapping[str, BanOrder]
    """The orders of the subject itself, by key."""
    urgent: tuple[BanOrder, ...]
    """Those that are or were urgent, under every key of the person: most people have none."""
    doubts: Mapping[str, tuple[DateDoubt, ...]]
    """The dates of the orders of the subject that cannot be true, by the key of the order."""
    zone: tzinfo
    law: Law

    @classmethod
    def of(cls, file: SubjectFile, zone: tzinfo, law: Law) -> Self:
        """Return those of a subject at a checkpoint in `zone`, with dates that can be true."""
        readings = [read(order, law) for order in file.orders]
        own, elsewhere = (one.order for one in readings), (read(order, law).order for order in file.elsewhere)
        file = replace(file, orders=tuple(own), elsewhere=tuple(elsewhere))
        return cls(
            file,
            {order.order_id: order for order in file.orders},
            tuple(one for one in (*file.orders, *file.elsewhere) if one.was_urgent),
            {one.order.order_id: one.doubts for one in readings if one.doubts},
            zone,
            law,
        )

    def row(self, order: BanOrder) -> LawRow:
        """Return the row of the law in force when `order` was decided."""
        return self.law.table.row(order.kind, order.decided_on)

    def bases(self, order: BanOrder) -> tuple[BanOrder, ...]:
        """Return the order of its kind that `order` extends, the one that this extends, and so on.

        None of them if they form a circle.
        """
        found: dict[str, BanOrder] = {order.order_id: order}
        base = self.own.get(order.extends_order_id)
        while base is not None and base.kind is order.kind:
            if base.order_id in found:
                return ()
            found[base.order_id] = base
            base = self.own.get(base.extends_order_id)
        return tuple(found.values())[1:]

    def same_applicant(self, one: BanOrder, other: BanOrder) -> bool:
        """Whether one agency asked for both, and for the same kind of ban."""
        return one.kind is other.kind and self.law.agencies.same((one.requesting_agency, other.requesting_agency))

    def decided_between(self, earlier: BanOrder, last: date) -> bool:
        """Whether the written decision for which `earlier` waited was made by the day `last`."""
        return any(
            decision.has_decree
            # An order's own decree may be older than its receipt, another's then belongs to something else.
            and (earlier.first_received_on <= decision.decided_on or decision.order_id == earlier.order_id)
            and decision.decided_on <= last
            and self.same_applicant(earlier, decision)
            for decision in (*self.file.orders, *self.file.elsewhere)
        )

    def taken_back(self, order: BanOrder) -> Iterator[tuple[datetime, OrderEnd]]:
        """Yield the moments from each of which on `order` is taken back or withdrawn, with the reason."""
        if order.withdrawn_at is not None:
            yield order.withdrawn_at, OrderEnd.WITHDRAWN
        if order.revoked_at is not None:
            yield order.revoked_at, OrderEnd.REVOKED
        for base in self.bases(order):  # an extension is valid only with the ban that it extends
            if base.revoked_at is not None and not self.revoked_later(base):
                yield base.revoked_at, OrderEnd.BASE_REVOKED

    def revoked_base(self, order: BanOrder) -> BanOrder | None:
        """Return the first of the orders that `order` extends whose revocation ended it; None without any."""
        bases = [base for base in self.bases(order) if not self.revoked_later(base)]
        revoked = [(base.revoked_at, base) for base in bases if base.revoked_at is not None]
        return min(revoked, key=lambda one: one[0])[1] if revoked else None

    def revoked_later(self, base: BanOrder) -> bool:
        """Whether it had ended before it was taken back, on a ground by which the ban once was right."""
        if base.revoked_at is None or base.revocation_ground in NEVER_RIGHT:
            return False
        return self.day(base.revoked_at) > last_day(base, self)

    def day(self, moment: datetime) -> date:
        """Return the day of that moment at the checkpoint."""
        return moment.astimezone(self.zone).date()


def undecided_until(order: BanOrder, held: PersonOrders) -> date | None:
    """Return the day to which `order` runs without a written decision; None if no 20 days bind it."""
    if order.has_decree and not order.urgent:
        return None
    due = _decision_due(order, held)
    if order.urgent:
        # A later decision cannot revive it.
        decided = order.has_decree and due and order.decided_on <= due
        own = None if decided else due
    else:
        own = due if order.was_urgent else None
    others = (_decision_due(one, held) for one in _binding(order, held))
    return min((day for day in (own, *others) if day), default=None)


def is_resubmitted(order: BanOrder, held: PersonOrders) -> bool:
    """Whether its agency had asked urgently before, and no written decision lies between the two."""
    return order.urgent and any(
        (one.first_received_on, one.order_id) < (order.first_received_on, order.order_id)
        and held.same_applicant(one, order)
        and not held.decided_between(one, order.first_received_on)
        for one in held.urgent
    )


def urgency_flags(order: BanOrder, held: PersonOrders) -> Iterator[OrderFlag]:
    """Yield what a person must check of an urgent order, and of one that follows it."""
    if undecided_until(order, held) is not None:
        if order.was_urgent and (order.first_received_on < order.received_on or not order.urgent):
            yield OrderFlag.URGENT_SENT_AGAIN
        if any(_binding(order, held)):
            yield OrderFlag.FOLLOWS_URGENT
    if order.urgent:
        yield from _lacking(order, held)
    elif not order.has_decree:
        yield OrderFlag.NO_DECREE


def _binding(order: BanOrder, held: PersonOrders) -> Iterator[BanOrder]:
    """Yield the undecided urgent orders after which `order` came without a decree: their days bind it too."""
    if order.urgent or order.has_decree:
        return
    for one in held.urgent:
        due = _decision_due(one, held)
        if (
            one.order_id != order.order_id
            and due
            and one.first_received_on <= order.first_received_on
            and held.same_applicant(one, order)
            and not held.decided_between(one, max(due, order.first_received_on))
        ):
            yield one


def _decision_due(order: BanOrder, held: PersonOrders) -> date | None:
    days = held.row(order).urgent_days
    return None if days is None else order.first_received_on + timedelta(days=days)


def _lacking(order: BanOrder, held: PersonOrders) -> Iterator[OrderFlag]:
    """Yield what art. 9 wants an urgent order to name and this one lacks."""
    subject = held.file.subject
    named = {
        "sex": subject.sex,
        "nationality": subject.nationality,
        "birth": subject.date_of_birth,
        "photograph": held.file.photographed is not False,
        "reason": order.reason,
    }
    yield from (OrderFlag(f"LACKS_{fact.upper()}") for fact in held.row(order).urgent_facts if not named[fact])


def date_flags(order: BanOrder, held: PersonOrders, broken: Collection[OrderRule]) -> Iterator[OrderFlag]:
    """Yield the cells with a date that cannot be true, or on which it rests that `order` is void or capped."""
    yield from (CHECK[doubt.field] for doubt in held.doubts.get(order.order_id, ()))
    row, received = held.row(order), held.law.table.row(order.kind, order.received_on)
    if end_of_term(order, row) < end_of_term(order, received):
        yield OrderFlag.CHECK_DECREE_DATE
    if OrderRule.EXTENDED_TWICE in broken and not _extends_an_extension(order, held):
        yield OrderFlag.CHECK_RECEIVED_ON
    if OrderRule.EXTENSION_LATE in broken:
        yield OrderFlag.CHECK_DECREE_DATE if order.decided_on > order.received_on else OrderFlag.CHECK_RECEIVED_ON
    if OrderRule.EXTENSION_GAP in broken:
        end = last_day(held.bases(order)[0], held)
        yield OrderFlag.CHECK_DECREE_DATE if order.decided_on > end else OrderFlag.CHECK_VALID_FROM
    if order.urgent and order.has_decree and undecided_until(order, held) is not None:
        yield OrderFlag.CHECK_DECREE_DATE


def last_day(order: BanOrder, held: PersonOrders) -> date:
    """Return the last day on which `order` can be in force by law."""
    end, undecided = end_of_term(order, held.row(order)), undecided_until(order, held)
    return end if undecided is None else min(end, undecided)


def extension_rules(order: BanOrder, held: PersonOrders) -> Iterator[OrderRule]:
    """Yield the rules that make an extension void; none for an extension of what the subject does not hold."""
    row = held.row(order)
    if _too_often(order, held) and row.binds("extensions"):
        yield OrderRule.EXTENDED_TWICE
    yield from _rules_of_time(order, held)


def extension_flags(order: BanOrder, held: PersonOrders) -> Iterator[OrderFlag]:
    """Yield what a person must check of an extension that is in force."""
    if not order.extends_order_id:
        return
    row = held.row(order)
    if any(map(held.revoked_later, held.bases(order))):
        yield OrderFlag.BASE_REVOKED_LATER
    if not held.bases(order):
        elsewhere = any(one.order_id == order.extends_order_id for one in held.file.elsewhere)
        yield OrderFlag.BASE_UNDER_OTHER_KEY if elsewhere else OrderFlag.BASE_NOT_HELD
    if _too_often(order, held) and not row.binds("extensions"):
        yield OrderFlag.EXTENDED_TWICE_UNCONFIRMED
    if _is_late(order, held) and not row.binds("notice_days"):
        yield OrderFlag.EXTENSION_LATE_UNCONFIRMED


def _rules_of_time(order: BanOrder, held: PersonOrders) -> Iterator[OrderRule]:
    if not (bases := held.bases(order)):
        return
    row, end = held.row(order), last_day(bases[0], held)
    if row.notice_days is not None and row.binds("notice_days") and _is_late(order, held):
        yield OrderRule.EXTENSION_LATE
    if order.decided_on > end or order.valid_from - timedelta(days=1) > end:
        yield OrderRule.EXTENSION_GAP


def _is_late(order: BanOrder, held: PersonOrders) -> bool:
    """Whether it was decided, or reached us, too close to the end of the order that it extends."""
    if not (bases := held.bases(order)):
        return False
    days = held.row(order).notice_days
    if days is None:  # for a kind without such days, those of a CEGAH order say what to flag
        days = held.law.table.row(OrderKind.CEGAH, order.decided_on).notice_days or 0
    return max(order.decided_on, order.received_on) > last_day(bases[0], held) - timedelta(days=days)


def _too_often(order: BanOrder, held: PersonOrders) -> bool:
    """Whether it extends an extension beyond the number that is allowed, or what another has extended before."""
    if held.row(order).extensions is None or not held.bases(order):
        return False
    return _extends_an_extension(order, held) or any(_stands_before(order, other, held) for other in held.own.values())


def _extends_an_extension(order: BanOrder, held: PersonOrders) -> bool:
    allowed = held.row(order).extensions
    return allowed is not None and len(held.bases(order)) > allowed


def _stands_before(order: BanOrder, other: BanOrder, held: PersonOrders) -> bool:
    """Whether `other` extends the same order earlier.

    One that is void or never ran does not count, nor one without a decree before one with a decree.
    """
    return (
        other.kind is order.kind
        and other.extends_order_id == order.extends_order_id
        and (other.received_on, other.order_id) < (order.received_on, order.order_id)
        and not any(held.day(moment) < other.valid_from for moment in (other.revoked_at, other.withdrawn_at) if moment)
        and (other.has_decree or not order.has_decree)
        and not is_resubmitted(other, held)
        and not _extends_an_extension(other, held)
        and not any(_rules_of_time(other, held))
    )
