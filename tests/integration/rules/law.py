"""The law on ban orders in plain words: whether an order is in force at one moment. It imports nothing of the server.

Each rule is asked of one order at one moment, from the papers alone; nothing is prepared or kept. Where the law leaves
room, the comment says what was decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from types import MappingProxyType

from tests.integration.rules.values import WIB, Order

NOTICE = timedelta(days=3)
"""An extension of a CEGAH order comes at least so long before the end of what it extends (Permenimipas art. 13)."""
NOTICE_SINCE = date(2025, 12, 16)
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
    """The orders on the list, whosever they are, and what the law says of each.

    `terms` are rows that an office has added: the longest term of a CEGAH order in months, by the first day of decision
    to which it applies.
    """

    def __init__(self, orders: Iterable[Order], terms: Mapping[date, int] = MappingProxyType({})) -> None:
        self.orders = tuple(orders)
        self._terms = sorted(terms.items(), reverse=True)

    def in_force(self, order: Order, now: datetime) -> bool:
        """Whether it is in force, by the clock of the checkpoint, on its first and last day too."""
        return self._holds(order, now) and order.first <= now.astimezone(WIB).date() <= self.last_day(order)

    def is_or_will_be(self, order: Order, now: datetime) -> bool:
        """Whether it is in force, or will be."""
        begins = max(now, datetime.combine(order.first, time(), WIB))
        return self._holds(order, begins) and max(order.first, now.astimezone(WIB).date()) <= self.last_day(order)

    def _holds(self, order: Order, now: datetime) -> bool:
        """Whether neither a rule nor anybody has ended it."""
        revoked = [order.revoked_at, *(one.revoked_at for one in self._bases(order) if self._takes_along(one))]
        return not order.withdrawn_at and not self.is_void(order) and not any(one and one <= now for one in revoked)

    def _takes_along(self, base: Order) -> bool:
        """Whether the revocation of a base ends what extends it: not where an agency tidies a ban that had ended."""
        never_should_have_been = base.ground in {"COURT", "ACQUITTAL", "WRONG_PERSON"}
        at = base.revoked_at
        return never_should_have_been or bool(at and at.astimezone(WIB).date() <= self.last_day(base))

    def last_day(self, order: Order) -> date:
        """The last day on which the law lets it hold: what says more is capped, and not void."""
        days = [order.last]
        if order.kind == "CEGAH" or order.decided < TANGKAL_OF_2024:
            added = [months for day, months in self._terms if order.kind == "CEGAH" and day <= order.decided]
            days.append(months_later(order.first, added[0] if added else 6))
        days += [urgent.urgent_since + DECISION for urgent in self._awaited(order) if urgent.urgent_since]
        return min(days)

    def _awaited(self, order: Order) -> list[Order]:
        """The urgent orders on whose written decision it depends: itself, or those after which it came without one."""
        if order.urgent:  # a decision that came too late revives nothing
            return [] if order.decree and order.decree <= _due(order) else [order]
        if order.decree:
            return []
        return [
            urgent
            for urgent in self._of_agency(order)
            if urgent.urgent_since
            and urgent.urgent_since <= order.first_received
            and (urgent is order or not self._is_decided(urgent, max(_due(urgent), order.first_received)))
        ]

    def _is_decided(self, urgent: Order, last: date) -> bool:
        """Whether its agency decided in writing, by a day, what it had asked for urgently."""
        return any(
            one.decree and one.decree <= last and (one is urgent or urgent.first_received <= one.decree)
            for one in self._of_agency(urgent)
        )

    def is_void(self, order: Order) -> bool:
        """Whether it breaks a rule, so that it never holds."""
        bases = self._bases(order)
        return self._is_void_alone(order) or any(self._is_void_alone(base) for base in bases)

    def _is_void_alone(self, order: Order) -> bool:
        # A citizen may never be refused entry.
        if (order.kind == "TANGKAL" and order.citizen) or self._is_asked_again(order):
            return True
        if not self._bases(order):  # what extends nothing that is held is judged by itself
            return False
        return self._cannot_extend(order) or (order.kind == "CEGAH" and self._is_one_too_many(order))

    def _is_asked_again(self, order: Order) -> bool:
        """Whether its agency asked urgently before, and decided nothing in writing in between."""
        return order.urgent and any(
            earlier.urgent_since
            and (earlier.first_received, earlier.key) < (order.first_received, order.key)
            and not self._is_decided(earlier, order.first_received)
            for earlier in self._of_agency(order)
        )

    def _cannot_extend(self, order: Order) -> bool:
        """Whether there was no ban left to extend, or the extension of a CEGAH order came too late."""
        end = self.last_day(self._bases(order)[0])
        late = max(order.received, order.decided) > end - NOTICE
        if order.kind == "CEGAH" and order.decided >= NOTICE_SINCE and late:
            return True
        return order.decided > end or order.first - timedelta(days=1) > end

    def _is_one_too_many(self, order: Order) -> bool:
        """Whether it extends an extension, or what another has extended before that was not void and did run."""
        if len(self._bases(order)) > 1:
            return True
        return any(
            one.extends == order.extends
            and one.subject == order.subject
            and one.kind == order.kind
            and (one.received, one.key) < (order.received, order.key)
            and (one.decree or not order.decree)
            and not any(end and end.astimezone(WIB).date() < one.first for end in (one.revoked_at, one.withdrawn_at))
            and not self._is_asked_again(one)
            and not self._cannot_extend(one)
            for one in self.orders
        )

    def _bases(self, order: Order) -> tuple[Order, ...]:
        """The order that it extends, what that extends, and so on, as far as they are held under the same key."""
        found: list[Order] = []
        wanted = order.extends
        while base := next((one for one in self.orders if one.key == wanted and one.subject == order.subject), None):
            if base in found or base is order:
                return ()
            if base.kind != order.kind:
                break
            found.append(base)
            wanted = base.extends
        return tuple(found)

    def _of_agency(self, order: Order) -> list[Order]:
        """All orders of that kind on that person, under whatever key, that the same agency asked for."""
        asked = order.kind, order.person, agency_of(order.agency)
        return [one for one in self.orders if (one.kind, one.person, agency_of(one.agency)) == asked]


def _due(urgent: Order) -> date:
    return urgent.first_received + DECISION
