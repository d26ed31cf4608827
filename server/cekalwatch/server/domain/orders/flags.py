"""Why a person must check an order that is in force."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from cekalwatch.contract.values.orders import OrderFlag, PersonStatus
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.orders.extensions import extension_flags
from cekalwatch.server.domain.orders.person_orders import PersonOrders
from cekalwatch.server.domain.orders.terms import term_flags
from cekalwatch.server.domain.orders.urgency import urgency_flags


def flags_of(order: BanOrder, held: PersonOrders) -> Iterator[OrderFlag]:
    """Yield the flags of an order that breaks no rule, but that on orders which follow one another."""
    row = held.row(order)
    yield from chain(term_flags(order, row), extension_flags(order, held), urgency_flags(order, held))
    if held.law.agencies.code_of(order.requesting_agency) is None:
        yield OrderFlag.AGENCY_UNKNOWN
    if order.revoked_at is None and (order.revocation_ground or order.revocation_reference):
        yield OrderFlag.REVOKED_WITHOUT_MOMENT
    if row.suspects_only and order.person_status is PersonStatus.WITNESS:
        yield OrderFlag.WITNESS
