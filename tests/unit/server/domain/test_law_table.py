"""The law as a table: which row holds on which day, and what counsel has confirmed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.server.domain.orders.law_table import SHIPPED, LawTable

CEGAH, TANGKAL = OrderKind.CEGAH, OrderKind.TANGKAL


@pytest.mark.parametrize(
    ("kind", "day", "months", "extensions"),
    [
        (CEGAH, date(1999, 1, 1), 6, 1),
        (CEGAH, date(2024, 10, 17), 6, 1),
        (CEGAH, date(2026, 11, 30), 6, 1),
        (TANGKAL, date(1999, 1, 1), 6, None),
        (TANGKAL, date(2024, 10, 16), 6, None),
        (TANGKAL, date(2024, 10, 17), 120, 1),
        (TANGKAL, date(2026, 11, 30), 120, 1),
    ],
)
def test_terms_change_for_entry_bans_on_17_october_2024(
    kind: OrderKind, day: date, months: int, extensions: int | None
) -> None:
    row = SHIPPED.row(kind, day)
    assert (row.term_months, row.extension_months, row.extensions) == (months, months, extensions)


@pytest.mark.parametrize(("day", "wanted"), [(date(2025, 12, 15), 0), (date(2025, 12, 16), 5)])
def test_urgent_orders_name_five_facts_since_16_december_2025(day: date, wanted: int) -> None:
    assert [len(SHIPPED.row(kind, day).urgent_facts) for kind in OrderKind] == [wanted, wanted]
    assert SHIPPED.row(CEGAH, day).binds("notice_days") == bool(wanted)


@pytest.mark.parametrize(("day", "only"), [(date(2026, 1, 1), False), (date(2026, 1, 2), True)])
def test_exit_bans_are_about_suspects_since_2_january_2026(day: date, only: bool) -> None:
    assert SHIPPED.row(CEGAH, day).suspects_only is only


def test_a_figure_that_nobody_confirmed_does_not_bind() -> None:
    row = SHIPPED.row(TANGKAL, date(2026, 1, 1))
    assert not row.binds("term_months")
    assert row.binds("urgent_days")
    assert row.confirmed("Adv. Sari").binds("term_months")


def test_a_row_is_added_or_replaced() -> None:
    old = SHIPPED.row(TANGKAL, date(2026, 1, 1))
    longer = SHIPPED.with_row(replace(old, holds_from=date(2027, 1, 1), term_months=60))
    months = [longer.row(TANGKAL, day).term_months for day in (date(2026, 12, 31), date(2027, 1, 1))]
    assert months == [120, 60]
    assert SHIPPED.with_row(old.confirmed("Adv. Sari")).row(TANGKAL, date(2026, 1, 1)).confirmed_by


def test_a_table_without_a_kind_or_with_two_rows_of_a_day_is_refused() -> None:
    with pytest.raises(ValueError, match="each kind"):
        LawTable(tuple(row for row in SHIPPED.rows if row.kind is CEGAH))
    with pytest.raises(ValueError, match="same day"):
        LawTable((*SHIPPED.rows, SHIPPED.rows[0]))


@pytest.mark.parametrize(
    "facts",
    [
        {"article": ""},
        {"term_months": 0},
        {"urgent_days": -1},
        {"unconfirmed": frozenset({"term"})},
        {"urgent_facts": ("shoes",)},
    ],
)
def test_a_row_that_makes_no_sense_is_refused(facts: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"row|term|figure|fact"):
        replace(SHIPPED.rows[0], **facts)  # type: ignore[arg-type]  # the point
