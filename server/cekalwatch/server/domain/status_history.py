"""The statuses of an order one after another, by what is held of it now: when each began, at one checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from cekalwatch.server.domain.checkpoints import LegalParameters
from cekalwatch.server.domain.orders import BanOrder, OrderJudgement, judge
from cekalwatch.server.domain.subjects import Subject


@dataclass(frozen=True)
class StatusChange:
    """From this moment on an order has this status."""

    at: datetime | None
    """Aware, by the checkpoint's clock; None: it had it from the first."""
    judgement: OrderJudgement


def status_history(
    order: BanOrder, subject: Subject, orders: Iterable[BanOrder], zone: tzinfo, parameters: LegalParameters
) -> list[StatusChange]:
    """Return the turns of `order`, at least one, as `judge` tells its status at each moment.

    `orders` are all orders of `subject`. It says nothing of what was held at those times: a revocation that came late
    is told from its own moment on.
    """
    held = tuple(orders)
    turns: list[StatusChange] = []
    for moment in sorted(_moments((order, *held), zone, parameters)):
        before = judge(order, subject, held, moment - timedelta(microseconds=1), zone, parameters)
        if not turns:
            turns.append(StatusChange(None, before))
        after = judge(order, subject, held, moment, zone, parameters)
        if after != turns[-1].judgement:
            turns.append(StatusChange(moment.astimezone(zone), after))
    return turns


def _moments(orders: Iterable[BanOrder], zone: tzinfo, parameters: LegalParameters) -> set[datetime]:
    """Return every moment at which a status can change: first days, the days after last ones, and revocations."""
    return {moment.astimezone(UTC) for order in orders for moment in _of(order, zone, parameters)}


def _of(order: BanOrder, zone: tzinfo, parameters: LegalParameters) -> Iterator[datetime]:
    yield datetime.combine(order.valid_from, time(), zone)
    if order.valid_until < date.max:  # "never" has no day after it
        yield datetime.combine(order.valid_until + timedelta(days=1), time(), zone)
    if order.urgent:
        due = order.received_on + timedelta(days=parameters.urgent_days)
        yield datetime.combine(due + timedelta(days=1), time(), zone)
    yield from (moment for moment in (order.revoked_at, order.withdrawn_at) if moment)
