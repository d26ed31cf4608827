"""The sequence of an order's statuses at one checkpoint, computed from its present content."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from cekalwatch.server.domain.orders.ban_order import BanOrder, OrderJudgement, SubjectFile
from cekalwatch.server.domain.orders.law import standing_of
from cekalwatch.server.domain.orders.law_table import Law


@dataclass(frozen=True)
class StatusChange:
    """The status of an order from a moment on."""

    at: datetime | None
    """Aware, in the checkpoint's time zone; None for the first status."""
    judgement: OrderJudgement


def status_history(order: BanOrder, file: SubjectFile, zone: tzinfo, law: Law) -> list[StatusChange]:
    """Return the status changes of `order`, at least one; `judge`, which takes the same, returns that at a moment.

    The result does not show what was known at those times: a revocation that arrived late counts from its own moment.
    """
    standing = standing_of(order, file, zone, law)
    moments = sorted(moment.astimezone(UTC) for moment in set(standing.changes(zone)))
    changes = [StatusChange(None, standing.at(moments[0] - timedelta(microseconds=1), zone))]
    for moment in moments:
        after = standing.at(moment, zone)
        if after != changes[-1].judgement:
            changes.append(StatusChange(moment.astimezone(zone), after))
    return changes
