"""Urgent orders: 20 days without a written decision, whatever follows without a decree (Permenimipas 13/2025)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from cekalwatch.contract.values.orders import OrderFlag
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.orders.person_orders import PersonOrders


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
        "nationality": subject.nationality or subject.nik,
        "birth": subject.date_of_birth,
        "photograph": held.file.photographed is not False,
        "reason": order.reason,
    }
    yield from (OrderFlag(f"LACKS_{fact.upper()}") for fact in held.row(order).urgent_facts if not named[fact])
