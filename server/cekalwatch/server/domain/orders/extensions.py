"""Extensions of orders: how often, how early, and of a ban that still runs (UU 6/2011 art. 97 and 102, Permenimipas
13/2025 art. 13).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from cekalwatch.contract.values.orders import OrderFlag, OrderKind, OrderRule
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.orders.person_orders import PersonOrders
from cekalwatch.server.domain.orders.terms import end_of_term
from cekalwatch.server.domain.orders.urgency import is_resubmitted, undecided_until


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
