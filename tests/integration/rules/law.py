"""The law on ban orders in plain words: whether an order is in force at one moment. It imports nothing of the server.

Each rule is asked of one order at one moment, from the papers alone; nothing is prepared or kept. Where the law leaves
room, the comment says what was decided.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from tests.integration.rules.values import WIB, Order

NOTICE = timedelta(days=3)
"""An extension of a CEGAH order comes at least so long before the end of what it extends (Permenimipas art. 13)."""
DECISION = timedelta(days=20)
"""How long an urgent order holds without a written decision."""
TANGKAL_OF_2024 = date(2024, 10, 17)
"""From this day on, a TANGKAL may be decided for ten years; that is not confirmed by counsel, and silences nothing."""


def months_later(day: date, months: int) -> date:
    """Return the same day of a later month, or that month's last one."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for number in range(day.day, 0, -1):
        try:
            return date(year, month + 1, number)
        except ValueError:
            continue
    raise AssertionError


OTHER_NAMES = {"kepolisian": "polri", "kejagung": "kejaksaan agung"}
"""Of the agencies on the list, those names that the days have."""


def agency_of(name: str) -> str:
    """Return what is the same for all names of one agency: neither case nor punctuation nor "RI" tells them apart."""
    words = "".join(letter if letter.isalnum() else " " for letter in name.replace(".", "")).casefold().split()
    plain = " ".join(word for word in words if word != "ri")
    return OTHER_NAMES.get(plain, plain)


class Law:
    """The orders on the list, whosever they are, and what the law says of each."""

    def __init__(self, orders: Iterable[Order]) -> None:
        self.orders = tuple(orders)

    def in_force(self, order: Order, now: datetime) -> bool:
        """Whether it is in force, by the clock of the checkpoint, on its first and last day too."""
        return (
            not order.withdrawn
            and not self._is_void(order)
            and not any(one.revoked_at and one.revoked_at <= now for one in (order, *self._bases(order)))
            and order.first <= now.astimezone(WIB).date() <= self.last_day(order)
        )

    def last_day(self, order: Order) -> date:
        """The last day on which the law lets it hold: what says more is capped, and not void."""
        days = [order.last]
        if order.kind == "CEGAH" or (order.decree or order.received) < TANGKAL_OF_2024:
            days.append(months_later(order.first, 6))
        # Whatever comes from that agency for that person without a decree holds no longer than the urgent one.
        days += [
            urgent.urgent_since + DECISION
            for urgent in self._of_agency(order)
            if urgent.urgent_since
            and (urgent.urgent_since <= order.received or urgent is order)
            and not self._is_decided(urgent, order)
        ]
        return min(days)

    def _is_decided(self, urgent: Order, order: Order) -> bool:
        """Whether a written decision stands behind an order that came with or after an urgent one."""
        if urgent is order:  # a decision that came too late revives nothing
            return bool(order.decree and urgent.urgent_since and order.decree <= urgent.urgent_since + DECISION)
        return bool(order.decree) or self._decision_between(urgent, order.received)

    def _decision_between(self, urgent: Order, received: date) -> bool:
        """Whether the agency decided in writing what it had asked for urgently, before something else was received."""
        assert urgent.urgent_since
        return any(
            one.decree and (one is urgent or urgent.urgent_since <= one.decree) and one.decree <= received
            for one in self._of_agency(urgent)
        )

    def _is_void(self, order: Order) -> bool:
        # A citizen may never be refused entry.
        if order.kind == "TANGKAL" and order.citizen:
            return True
        if order.urgent and any(
            earlier.urgent
            and (earlier.urgent_since, earlier.key) < (order.urgent_since, order.key)
            and not self._decision_between(earlier, order.urgent_since or order.received)
            for earlier in self._of_agency(order)
        ):
            return True
        bases = self._bases(order)
        return bool(bases) and self._cannot_extend(order, bases)

    def _cannot_extend(self, order: Order, bases: tuple[Order, ...]) -> bool:
        """Whether the base is void or had ended, or the extension came too late, or is one too many."""
        base = bases[0]
        end = self.last_day(base)
        if self._is_void(base) or order.first - timedelta(days=1) > end:
            return True
        if order.kind == "TANGKAL":
            return False
        if max(order.received, order.decree or order.received) > end - NOTICE:
            return True
        twice = any(
            one.extends == order.extends
            and (one.received, one.key) < (order.received, order.key)
            and not one.withdrawn
            and not (one.revoked_at and one.revoked_at.astimezone(WIB).date() < one.first)
            for one in self.orders
            if one is not order and one.subject == order.subject
        )
        return twice or len(bases) > 1

    def _bases(self, order: Order) -> tuple[Order, ...]:
        """The order that it extends, what that extends, and so on, as far as they are held under the same key."""
        found: list[Order] = []
        wanted = order.extends
        while base := next((one for one in self.orders if one.key == wanted and one.subject == order.subject), None):
            if base in found or base is order:
                return ()
            found.append(base)
            wanted = base.extends
        return tuple(found)

    def _of_agency(self, order: Order) -> list[Order]:
        """All orders of that kind on that person, under whatever key, that the same agency asked for."""
        return [
            one
            for one in self.orders
            if one.kind == order.kind
            and one.person == order.person
            and agency_of(one.agency) == agency_of(order.agency)
        ]
