"""What another row of the law does to the orders of the list: which change their status, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cekalwatch.contract.values.law import MAX_CHANGES, LawChange, LawPreview
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.server.domain.orders.ban_order import BanOrder, SubjectFile
from cekalwatch.server.domain.orders.law import OrderStanding, standing_of
from cekalwatch.server.domain.orders.law_table import Law

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class LawComparison:
    """Compares two laws, order by order, by the clock of a checkpoint."""

    present: Law
    proposed: Law
    now: datetime
    """Aware."""
    zone: ZoneInfo
    _orders: int = 0
    _begin: int = 0
    _end: int = 0
    _changes: list[LawChange] = field(default_factory=list)

    def add(self, files: Iterable[SubjectFile]) -> None:
        """Compare the orders of these subjects too."""
        for file in files:
            for order in file.orders:
                self._add(order, file)

    @property
    def found(self) -> LawPreview:
        """What was found so far."""
        first = sorted(self._changes, key=lambda one: (one.at or _NEVER, one.order_id))[:MAX_CHANGES]
        return LawPreview(self._orders, len(self._changes), self._begin, self._end, tuple(first))

    def _add(self, order: BanOrder, file: SubjectFile) -> None:
        self._orders += 1
        before = standing_of(order, file, self.zone, self.present)
        after = standing_of(order, file, self.zone, self.proposed)
        at = self._differ_from(before, after)
        if at is None and _remarks(before) == _remarks(after) and before.last_day == after.last_day:
            return
        moment = at or self.now
        was, becomes = before.now(moment, self.zone).status, after.now(moment, self.zone).status
        if at == self.now:
            self._begin += becomes is OrderStatus.ACTIVE
            self._end += was is OrderStatus.ACTIVE
        self._changes.append(
            LawChange(
                order.order_id,
                order.subject_id,
                was,
                becomes,
                at,
                before.last_day.isoformat(),
                after.last_day.isoformat(),
                tuple(sorted(_remarks(before) ^ _remarks(after))),
            )
        )

    def _differ_from(self, before: OrderStanding, after: OrderStanding) -> datetime | None:
        """Return the first moment from now on at which the two give another status; None if they never do."""
        later = {*before.changes(self.zone), *after.changes(self.zone)}
        for moment in (self.now, *sorted(one for one in later if one > self.now)):
            if before.now(moment, self.zone).status is not after.now(moment, self.zone).status:
                return moment
        return None


def _remarks(standing: OrderStanding) -> frozenset[str]:
    return frozenset((*standing.broken_rules, *standing.flags))
