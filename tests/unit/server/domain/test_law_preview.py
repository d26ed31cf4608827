"""What a preview of another row of the law says about orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from cekalwatch.contract.values.law import LawPreview, LawRow
from cekalwatch.contract.values.orders import OrderFlag, OrderKind, OrderStatus
from cekalwatch.server.domain.orders.ban_order import WIB, BanOrder, SubjectFile
from cekalwatch.server.domain.orders.law_preview import LawComparison
from cekalwatch.server.domain.orders.law_table import SHIPPED, Law
from tests.support.builders.watchlist import order, subject

NOON = datetime(2026, 7, 1, 5, tzinfo=UTC)
TANGKAL_2024 = SHIPPED.row(OrderKind.TANGKAL, date(2025, 1, 1))
TEN_YEARS = order(
    kind=OrderKind.TANGKAL,
    decree_date=date(2025, 1, 2),
    received_on=date(2025, 1, 2),
    valid_from=date(2025, 1, 2),
    valid_until=date(2040, 1, 1),
)
FOREIGNER = replace(subject(), nationality="SGP", nik="")


def compared(row: LawRow, *orders: BanOrder, now: datetime = NOON) -> LawPreview:
    law = Law()
    comparison = LawComparison(law, replace(law, table=law.table.with_row(row)), now, WIB)
    comparison.add([SubjectFile(FOREIGNER, orders, ())])
    return comparison.found


def test_confirming_a_row_says_when_an_order_that_is_too_long_ends() -> None:
    found = compared(TANGKAL_2024.confirmed("Contoh, S.H."), TEN_YEARS)
    (change,) = found.changes
    assert (found.orders, found.changed, found.begin, found.end) == (1, 1, 0, 0)
    assert (change.last_day_before, change.last_day_after) == ("2040-01-01", "2035-01-02")
    # From the first minute, in Batam, of the day after.
    assert change.at == datetime(2035, 1, 3, tzinfo=WIB)
    assert (change.before, change.after) == (OrderStatus.ACTIVE, OrderStatus.LAPSED)


def test_an_order_that_ends_at_once_is_counted() -> None:
    short = replace(TANGKAL_2024.confirmed("Contoh, S.H."), term_months=6)
    found = compared(short, TEN_YEARS)
    assert (found.begin, found.end) == (0, 1)
    assert found.changes[0].at == NOON


def test_an_order_of_another_day_does_not_change() -> None:
    before = replace(TEN_YEARS, decree_date=date(2024, 1, 1), received_on=date(2024, 1, 1))
    found = compared(TANGKAL_2024.confirmed("Contoh, S.H."), before)
    assert (found.orders, found.changed, found.changes) == (1, 0, ())


def test_a_flag_that_comes_or_goes_is_a_change_without_a_moment() -> None:
    row = SHIPPED.row(OrderKind.TANGKAL, date(2025, 1, 1))
    life = replace(TEN_YEARS, valid_until=date.max)
    found = compared(replace(row, life_needs_ground=False), life)
    assert [(one.at, one.remarks) for one in found.changes] == [
        (None, (OrderFlag.LIFE_WITHOUT_GROUND, OrderFlag.TERM_UNCONFIRMED))
    ]
