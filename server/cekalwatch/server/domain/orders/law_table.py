"""The law as a table with dates: what may be ordered, for how long, from which day on, and by which article.

An order is judged by the row in force on the day when it was decided. A figure that was read in secondary sources only
is unconfirmed until somebody has confirmed its row: it flags orders, and ends none. Sources: UU 6/2011 as changed by
UU 63/2024 (art. 97, 102), Permenimipas 13/2025 (art. 9, 13), KUHAP (UU 20/2025).

A term that is too long is in force as long as its row allows, and flagged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from dateutil.relativedelta import relativedelta

from cekalwatch.contract.values.law import ART_9_FACTS, LawRow
from cekalwatch.contract.values.orders import OrderFlag, OrderGround, OrderKind
from cekalwatch.server.domain.checkpoints import LegalParameters
from cekalwatch.server.domain.orders.agencies import KNOWN_AGENCIES, Agencies
from cekalwatch.server.domain.orders.ban_order import PLAUSIBLE_YEARS, BanOrder


@dataclass(frozen=True)
class LawTable:
    """All rows, by kind and day. Raises ValueError if a kind has none, or two of one day."""

    rows: tuple[LawRow, ...]
    _newest_first: Mapping[OrderKind, tuple[LawRow, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = sorted(self.rows, key=lambda row: (row.kind, row.holds_from))
        object.__setattr__(self, "rows", tuple(ordered))
        of_kind = {kind: tuple(row for row in reversed(ordered) if row.kind is kind) for kind in OrderKind}
        object.__setattr__(self, "_newest_first", of_kind)
        if {row.kind for row in ordered} != set(OrderKind):
            raise ValueError("the law has a row for each kind of order")
        if any((one.kind, one.holds_from) == (other.kind, other.holds_from) for one, other in pairwise(ordered)):
            raise ValueError("two rows of the law hold from the same day")

    def row(self, kind: OrderKind, decided_on: date) -> LawRow:
        """Return the row in force on that day; before the first one, the first one."""
        for row in self._newest_first[kind]:
            if row.holds_from <= decided_on:
                break
        return row

    def with_row(self, row: LawRow) -> LawTable:
        """Return the table with another row, or with the row of the same kind and day replaced."""
        others = (one for one in self.rows if (one.kind, one.holds_from) != (row.kind, row.holds_from))
        return LawTable((*others, row))


_CEGAH = LawRow(
    kind=OrderKind.CEGAH,
    holds_from=date(2011, 5, 5),
    article="UU 6/2011 Pasal 97",
    term_months=6,
    extension_months=6,
    extensions=1,
    notice_days=3,
    notice_article="Permenkumham 38/2021",
    urgent_days=20,
    urgent_article="Permenkumham 38/2021",
    total_months=12,
    unconfirmed=frozenset({"notice_days"}),
)
_CEGAH_2025 = replace(
    _CEGAH,
    holds_from=date(2025, 12, 16),
    notice_article="Permenimipas 13/2025 Pasal 13",
    urgent_article="Permenimipas 13/2025 Pasal 9",
    urgent_facts=ART_9_FACTS,
    unconfirmed=frozenset(),
)
_CEGAH_2026 = replace(
    _CEGAH_2025,
    holds_from=date(2026, 1, 2),
    suspects_only=True,
    suspects_article="UU 20/2025 (KUHAP)",
    unconfirmed=frozenset({"suspects_only"}),
)
_TANGKAL = LawRow(
    kind=OrderKind.TANGKAL,
    holds_from=date(2011, 5, 5),
    article="UU 6/2011 Pasal 102",
    term_months=6,
    extension_months=6,
    extensions=None,
    life_needs_ground=True,
    urgent_days=20,
    urgent_article="Permenkumham 38/2021",
    unconfirmed=frozenset({"life_needs_ground", "notice_days"}),
)
_TANGKAL_2024 = replace(
    _TANGKAL,
    holds_from=date(2024, 10, 17),
    article="UU 6/2011 Pasal 102, diubah UU 63/2024",
    term_months=120,
    extension_months=120,
    extensions=1,
    unconfirmed=_TANGKAL.unconfirmed | {"term_months", "extension_months", "extensions"},
)
_TANGKAL_2025 = replace(
    _TANGKAL_2024,
    holds_from=date(2025, 12, 16),
    notice_article="Permenimipas 13/2025 Pasal 13",
    urgent_article="Permenimipas 13/2025 Pasal 9",
    urgent_facts=ART_9_FACTS,
)

SHIPPED: Final = LawTable((_CEGAH, _CEGAH_2025, _CEGAH_2026, _TANGKAL, _TANGKAL_2024, _TANGKAL_2025))
"""The law as this version knows it."""


@dataclass(frozen=True)
class Law:
    """What decides about orders: the table, the agencies, and what the law leaves open."""

    table: LawTable = SHIPPED
    agencies: Agencies = KNOWN_AGENCIES
    home_nationality: str = "IDN"
    """Citizens of this country (ISO 3166-1 alpha-3) cannot be refused entry."""
    gap_days: int = 30
    """Maximum days between two consecutive CEGAH orders; after a longer gap, the later one starts a new sequence."""

    @classmethod
    def of(cls, legal: LegalParameters, table: LawTable = SHIPPED, agencies: Agencies = KNOWN_AGENCIES) -> Law:
        """Return the law with the figures of the settings, which replace those of shipped rows where they differ."""
        changed = legal.changed
        rows = (replace(row, **_figures_for(row.kind, changed)) if row in SHIPPED.rows else row for row in table.rows)
        return cls(LawTable(tuple(rows)), agencies, legal.home_nationality, legal.cegah_gap_days)


_OF_CEGAH: Final = {
    "cegah_months": "term_months",
    "cegah_extensions": "extensions",
    "extension_months": "extension_months",
    "extension_notice_days": "notice_days",
    "cegah_total_months": "total_months",
}
"""Figures of rows by the names of the settings."""


def _figures_for(kind: OrderKind, changed: Mapping[str, int]) -> dict[str, Any]:
    names = {"urgent_days": "urgent_days"} | (_OF_CEGAH if kind is OrderKind.CEGAH else {})
    return {figure: changed[name] for name, figure in names.items() if name in changed}


LIFE_GROUNDS: Final = frozenset({OrderGround.SECURITY_AND_PUBLIC_ORDER})
"""The grounds of a TANGKAL that allow one for life."""


def end_of_term(order: BanOrder, row: LawRow) -> date:
    """Return the last day that its term allows."""
    longest = longest_end(order, row)
    if order.valid_until <= longest:
        return order.valid_until
    return longest if OrderFlag.TERM_CAPPED in term_flags(order, row) else order.valid_until


def term_flags(order: BanOrder, row: LawRow) -> Iterator[OrderFlag]:
    """Yield what a person must check of its term; TERM_CAPPED if it ends before the day that it states."""
    if order.valid_until <= longest_end(order, row):
        return
    if _for_life(order) and row.life_needs_ground:
        if order.ground in LIFE_GROUNDS:
            return
        yield OrderFlag.LIFE_WITHOUT_GROUND
        if order.ground is None or not row.binds("life_needs_ground"):
            return
    figure = "extension_months" if order.extends_order_id else "term_months"
    yield OrderFlag.TERM_CAPPED if row.binds(figure) else OrderFlag.TERM_UNCONFIRMED


def longest_end(order: BanOrder, row: LawRow) -> date:
    """Return the last day that the law allows an order that begins then."""
    return months_later(order.valid_from, row.extension_months if order.extends_order_id else row.term_months)


def _for_life(order: BanOrder) -> bool:
    """Whether it states an end that nobody lives to see: 9999-12-31."""
    return order.valid_until.year not in PLAUSIBLE_YEARS


@lru_cache(maxsize=10_000)
def months_later(day: date, months: int) -> date:
    """Return the day `months` calendar months later, cached: of 100,000 orders, many begin on the same day."""
    return day + relativedelta(months=months)
