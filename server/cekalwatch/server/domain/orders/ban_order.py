"""A ban order as its source states it, and what can be said of it. The law is in `law`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from cekalwatch.contract.values.orders import (
    OrderEnd,
    OrderFacts,
    OrderFlag,
    OrderKind,
    OrderRule,
    OrderState,
    OrderStatus,
    ShownOrder,
)
from cekalwatch.contract.values.subjects import ReferenceFace, Subject

WIB: Final = ZoneInfo("Asia/Jakarta")
PLAUSIBLE_YEARS = range(1900, 2201)
"""Years in which an order can begin, be received and be revoked; only its end may be "never", that is 9999-12-31."""


@dataclass(frozen=True, kw_only=True)
class BanOrder(OrderFacts):
    """A ban order as its source states it; raises ValueError if it contradicts itself."""

    kind: OrderKind
    valid_from: date
    valid_until: date
    received_on: date
    decree_date: date | None = None
    urgent_since: date | None = None
    """When it first arrived as urgent without a decree, if its source now states a later receipt, or that it is not
    urgent; the storage remembers that."""
    stored_on: date | None = field(default=None, repr=False, compare=False)
    """When this server first stored what it states: what is dated later was in the future. None: not known."""

    def __post_init__(self) -> None:
        if not all(day.year in PLAUSIBLE_YEARS for day in (self.valid_from, self.received_on)):
            raise ValueError("an order begins and is received in a year from 1900 to 2200")
        if self.extends_order_id == self.order_id:
            raise ValueError("an order cannot extend itself")
        if any(moment is not None and moment.tzinfo is None for moment in (self.revoked_at, self.withdrawn_at)):
            raise ValueError("the moment of a revocation needs a time zone")
        # Beyond these years, a checkpoint's local time may not exist.
        if self.revoked_at is not None and self.revoked_at.year not in PLAUSIBLE_YEARS:
            raise ValueError("an order is revoked in a year from 1900 to 2200")

    @property
    def first_received_on(self) -> date:
        """The receipt from which an urgent order's days run."""
        return min(self.received_on, self.urgent_since or self.received_on)

    @property
    def was_urgent(self) -> bool:
        """Whether it is urgent, or was sent so before without a decree."""
        return self.urgent or self.urgent_since is not None

    @property
    def has_decree(self) -> bool:
        """Whether it states a written decision: number and date of its decree."""
        return bool(self.decree_number and self.decree_date)

    @property
    def decided_on(self) -> date:
        """The day of its decree, or else of its receipt, by which the law judges it."""
        return self.decree_date or self.first_received_on

    @property
    def shown(self) -> ShownOrder:
        """The order as people see it, without its status."""
        return ShownOrder(
            **{one.name: getattr(self, one.name) for one in fields(OrderFacts)},
            valid_from=self.valid_from.isoformat(),
            valid_until=self.valid_until.isoformat(),
            received_on=self.received_on.isoformat(),
            decree_date=self.decree_date.isoformat() if self.decree_date else "",
        )


@dataclass(frozen=True)
class OrderContent:
    """What makes an order new: beside it, another decree, a later receipt, or a longer term."""

    order_id: str
    decree: str
    """Digest of its number and date."""
    received_on: date
    valid_until: date

    def is_new_beside(self, known: Iterable[OrderContent]) -> bool:
        """Whether none of the orders that are known says as much."""
        return not any(
            (self.order_id, self.decree) == (one.order_id, one.decree)
            and self.received_on <= one.received_on
            and self.valid_until <= one.valid_until
            for one in known
        )


@dataclass(frozen=True)
class OrderJudgement(OrderState):
    """An order's status at one moment, with the rules it breaks when that is INVALID."""

    status: OrderStatus
    broken_rules: tuple[OrderRule, ...] = ()
    flags: tuple[OrderFlag, ...] = ()
    """Why a person must check it, although it breaks no rule; with INVALID only the cells with a date."""
    ended_by: OrderEnd | None = None
    """What ended it; only with LAPSED and REVOKED."""
    article: str = ""
    """The law that makes it void or LAPSED, with its article."""

    @property
    def remarks(self) -> tuple[OrderRule | OrderFlag, ...]:
        """What needs a person's attention."""
        return (*self.broken_rules, *self.flags)


@dataclass(frozen=True)
class JudgedOrder:
    """An order with its status at the moment of asking."""

    order: BanOrder
    judgement: OrderJudgement
    last_day: date
    """The last day on which it can be in force by law."""
    revoked_base: BanOrder | None = None
    """The order that it extends and with whose revocation it ended; None unless that ended it."""

    @property
    def in_force(self) -> bool:
        """Whether it is ACTIVE."""
        return self.judgement.status is OrderStatus.ACTIVE

    @property
    def shown(self) -> ShownOrder:
        """The order as people see it."""
        found, last_day, revoked = self.judgement, self.last_day.isoformat(), self.revoked_base or self.order
        return replace(
            self.order.shown,
            revoked_at=revoked.revoked_at,
            revocation_ground=revoked.revocation_ground,
            revocation_reference=revoked.revocation_reference,
            status=found.status,
            broken_rules=found.broken_rules,
            flags=found.flags,
            last_day=last_day,
            ended_by=found.ended_by or "",
            article=found.article,
        )


@dataclass(frozen=True)
class SubjectFile:
    """A subject with its orders and reference faces."""

    subject: Subject
    orders: tuple[BanOrder, ...]
    """Newest first."""
    references: tuple[ReferenceFace, ...]
    """Best first."""
    unreadable: int = 0
    """Number of further, damaged orders: nobody knows whether they are in force."""
    elsewhere: tuple[BanOrder, ...] = ()
    """Orders of the same person under other keys (`Subject.identities`), read where `needs_other_keys` says so."""
    photographed: bool | None = None
    """Whether it has a photograph; None: not read, since no order is urgent."""
    orders_moved_at: datetime | None = None
    """When its last order moved to another subject; None while it has orders."""

    @property
    def needs_other_keys(self) -> bool:
        """Whether an order may depend on those of the same person under other keys.

        Only these do: urgent ones, ones without a decree, and extensions of what the subject does not hold.
        """
        return any(
            order.was_urgent
            or not order.has_decree
            or (order.extends_order_id and not self._holds(order.extends_order_id))
            for order in self.orders
        )

    def _holds(self, order_id: str) -> bool:
        return any(order.order_id == order_id for order in self.orders)
