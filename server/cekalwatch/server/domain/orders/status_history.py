"""The sequence of an order's statuses at one checkpoint, computed from its present content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.domain.checkpoints import LegalParameters
from cekalwatch.server.domain.orders.ban_order import BanOrder, OrderJudgement
from cekalwatch.server.domain.orders.law import judge


@dataclass(frozen=True)
class StatusChange:
    """The status of an order from a moment on."""

    at: datetime | None
    """Aware, in the checkpoint's time zone; None for the first status."""
    judgement: OrderJudgement


def status_history(
    order: BanOrder,
    subject: Subject,
    orders: Iterable[BanOrder],
    zone: tzinfo,
    parameters: LegalParameters,
    elsewhere: Sequence[BanOrder] = (),
) -> list[StatusChange]:
    """Return the status changes of `order`, at least one; `judge` returns its status at a moment.

    `orders` and `elsewhere` are what `judge` takes. The result does not show what was known at those times: a
    revocation that arrived late counts from its own moment on.
    """
    held = tuple(orders)
    changes: list[StatusChange] = []
    for moment in sorted(_moments((order, *held), zone, parameters)):
        before = judge(order, subject, held, moment - timedelta(microseconds=1), zone, parameters, elsewhere)
        if not changes:
            changes.append(StatusChange(None, before))
        after = judge(order, subject, held, moment, zone, parameters, elsewhere)
        if after != changes[-1].judgement:
            changes.append(StatusChange(moment.astimezone(zone), after))
    return changes


def _moments(orders: Iterable[BanOrder], zone: tzinfo, parameters: LegalParameters) -> set[datetime]:
    """Return every moment at which a status can change: first days, days after last days, and revocations."""
    return {moment.astimezone(UTC) for order in orders for moment in _of(order, zone, parameters)}


def _of(order: BanOrder, zone: tzinfo, parameters: LegalParameters) -> Iterator[datetime]:
    yield datetime.combine(order.valid_from, time(), zone)
    if order.valid_until < date.max:  # "never" has no next day
        yield datetime.combine(order.valid_until + timedelta(days=1), time(), zone)
    if order.urgent:
        due = order.first_received_on + timedelta(days=parameters.urgent_days)
        yield datetime.combine(due + timedelta(days=1), time(), zone)
    yield from (moment for moment in (order.revoked_at, order.withdrawn_at) if moment)
