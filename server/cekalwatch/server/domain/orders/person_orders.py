"""All orders of one person, for judging one against the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Self

from cekalwatch.contract.values.law import LawRow
from cekalwatch.contract.values.orders import OrderEnd
from cekalwatch.server.domain.orders.ban_order import BanOrder, SubjectFile
from cekalwatch.server.domain.orders.law_table import Law


@dataclass(frozen=True)
class PersonOrders:
    """A subject's file at a checkpoint, with the law."""

    file: SubjectFile
    own: Mapping[str, BanOrder]
    """The orders of the subject itself, by key."""
    urgent: tuple[BanOrder, ...]
    """Those that are or were urgent, under every key of the person: most people have none."""
    zone: tzinfo
    law: Law

    @classmethod
    def of(cls, file: SubjectFile, zone: tzinfo, law: Law) -> Self:
        """Return those of a subject at a checkpoint in `zone`."""
        urgent = tuple(one for one in (*file.orders, *file.elsewhere) if one.was_urgent)
        return cls(file, {order.order_id: order for order in file.orders}, urgent, zone, law)

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
            if base.revoked_at is not None:
                yield base.revoked_at, OrderEnd.BASE_REVOKED

    def revoked_base(self, order: BanOrder) -> BanOrder | None:
        """Return the first revoked one of the orders that `order` extends; None without any."""
        revoked = [(base.revoked_at, base) for base in self.bases(order) if base.revoked_at is not None]
        return min(revoked, key=lambda one: one[0])[1] if revoked else None

    def day(self, moment: datetime) -> date:
        """Return the day of that moment at the checkpoint."""
        return moment.astimezone(self.zone).date()
