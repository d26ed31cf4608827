"""How long an order can be in force: the terms of art. 97 (CEGAH) and art. 102 (TANGKAL) of UU 6/2011.

A term that is too long is in force as long as the law allows, and flagged.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Final

from dateutil.relativedelta import relativedelta

from cekalwatch.contract.values.law import LawRow
from cekalwatch.contract.values.orders import OrderFlag, OrderGround
from cekalwatch.server.domain.orders.ban_order import PLAUSIBLE_YEARS, BanOrder

LIFE_GROUNDS: Final = frozenset({OrderGround.SECURITY_AND_PUBLIC_ORDER})
"""The grounds of a TANGKAL that allow one for life."""


def end_of_term(order: BanOrder, row: LawRow) -> date:
    """Return the last day that its term allows."""
    longest = _longest(order, row)
    if order.valid_until <= longest:
        return order.valid_until
    return longest if OrderFlag.TERM_CAPPED in term_flags(order, row) else order.valid_until


def term_flags(order: BanOrder, row: LawRow) -> Iterator[OrderFlag]:
    """Yield what a person must check of its term; TERM_CAPPED if it ends before the day that it states."""
    if order.valid_until <= _longest(order, row):
        return
    if _for_life(order) and row.life_needs_ground:
        if order.ground in LIFE_GROUNDS:
            return
        yield OrderFlag.LIFE_WITHOUT_GROUND
        if order.ground is None or not row.binds("life_needs_ground"):
            return
    figure = "extension_months" if order.extends_order_id else "term_months"
    yield OrderFlag.TERM_CAPPED if row.binds(figure) else OrderFlag.TERM_UNCONFIRMED


def _longest(order: BanOrder, row: LawRow) -> date:
    return months_later(order.valid_from, row.extension_months if order.extends_order_id else row.term_months)


def _for_life(order: BanOrder) -> bool:
    """Whether it states an end that nobody lives to see: 9999-12-31."""
    return order.valid_until.year not in PLAUSIBLE_YEARS


@lru_cache(maxsize=10_000)
def months_later(day: date, months: int) -> date:
    """Return the day `months` calendar months later, cached: of 100,000 orders, many begin on the same day."""
    return day + relativedelta(months=months)
