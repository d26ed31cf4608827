"""A ban order in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.contract.values.orders import OrderEnd, OrderFlag, OrderKind, OrderStatus, ShownOrder
from cekalwatch.office.locale.moments import MomentFormatter

_NEVER = "9999-12-31"
"""The last day of an order without an end."""


@dataclass(frozen=True)
class Fact:
    """A label and its value; `warning` means that the officer must not overlook it."""

    label: str
    value: str
    warning: bool = False


class OrderFormatter(MomentFormatter):
    """A program's texts in one language, and ban orders in these words."""

    def order(self, order: ShownOrder) -> tuple[Fact, ...]:
        """Return what an officer needs of one order: kind, decree, agency, validity, and what else is known of it."""
        words = [self.order_kind(order.kind)]
        if order.urgent:
            words.append(self.say("URGENT"))
        ended = order.status not in {OrderStatus.ACTIVE, None}
        if ended:
            words.append(self.say("ORDER_NOT_ACTIVE"))
        return (
            Fact(self.say("FACT_KIND"), ", ".join(words), warning=ended or order.urgent),
            Fact(self.say("FACT_DECREE"), self.decree(order)),
            Fact(self.say("FACT_AGENCY"), order.requesting_agency),
            Fact(self.say("FACT_VALIDITY"), self.term(order)),
            *self.revoked(order),
            *self.proceedings(order),
            *(
                [Fact(self.say("FACT_TO_CHECK"), " ".join(map(self.flag, order.flags)), warning=True)]
                if order.flags
                else []
            ),
        )

    def term(self, order: ShownOrder) -> str:
        """Return the days that an order states and, if the law ends it before the last of them, on which day."""
        end = self.say("FOR_LIFE") if order.valid_until == _NEVER else self.written(order.valid_until)
        words = f"{self.written(order.valid_from)} – {end}"
        if not order.last_day or order.last_day >= order.valid_until:
            return words
        return self.say("TERM_BY_LAW", term=words, day=self.written(order.last_day))

    def flag(self, flag: str) -> str:
        """Return why an order is flagged; a flag that only a newer server knows by its code."""
        return self.say(f"FLAG_{flag}") if flag in set(OrderFlag) else flag

    def decree(self, order: ShownOrder) -> str:
        """Return an order's decree, or that there is none."""
        if not order.decree_number:
            return self.say("NO_DECREE")
        return self.say("DECREE", number=order.decree_number, date=self.written(order.decree_date))

    def order_kind(self, kind: OrderKind | None) -> str:
        return self.say(f"ORDER_KIND_{kind}") if kind else self.say("UNKNOWN")

    def proceedings(self, order: ShownOrder) -> tuple[Fact, ...]:
        """Return the order's ground and the person's status in the proceedings, as far as they are stated."""
        facts = []
        if order.ground:
            label = self.say("FACT_GROUND_TANGKAL" if order.kind is OrderKind.TANGKAL else "FACT_GROUND")
            facts.append(Fact(label, self.say(f"ORDER_GROUND_{order.ground}")))
        if order.person_status:
            facts.append(Fact(self.say("FACT_PERSON_STATUS"), self.say(f"PERSON_STATUS_{order.person_status}")))
        return tuple(facts)

    def revoked(self, order: ShownOrder) -> tuple[Fact, ...]:
        """Return when, by what and with which reference the order was taken back; nothing while it stands."""
        words = self.revocation(order)
        return (Fact(self.say("FACT_REVOKED"), words, warning=True),) if words else ()

    def revocation(self, order: ShownOrder) -> str:
        """Return when, by what and with which reference the order was taken back; empty while it stands."""
        if order.status is not OrderStatus.REVOKED:
            return ""
        if order.revoked_at:
            words = self.say("REVOKED", time=self.minute(order.revoked_at), ground=self.revoked_by(order))
            of_base = order.ended_by == OrderEnd.BASE_REVOKED
            return self.say("REVOKED_BASE_BY", order=order.extends_order_id, words=words) if of_base else words
        if order.withdrawn_at:
            return self.say("REVOKED_WITHDRAWN", time=self.minute(order.withdrawn_at))
        return self.say("REVOKED_BASE", order=order.extends_order_id)

    def revoked_by(self, one: ShownOrder | RecordReport) -> str:
        """Return by what, and with which reference, a revoked order was taken back."""
        ground = self.say(f"REVOCATION_GROUND_{one.revocation_ground or 'UNKNOWN'}")
        if not one.revocation_reference:
            return ground
        return self.say("REVOKED_REFERENCE", words=ground, reference=one.revocation_reference)
