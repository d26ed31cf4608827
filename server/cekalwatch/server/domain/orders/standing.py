"""What decides the status of an order at every moment: computed once, and asked for any day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from cekalwatch.contract.values.orders import OrderFlag, OrderRule, OrderStatus
from cekalwatch.server.domain.orders.ban_order import OrderJudgement


@dataclass(frozen=True, slots=True)
class OrderStanding:
    """An order as it stands under the law: what the clock does not change, and when its status changes.

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
