"""Dates that cannot be true: sound orders, of which each date is mistyped in every usual way.

None becomes silent without a flag on that cell, and none that has ended by a sound date comes alive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta

from cekalwatch.contract.values.orders import DateDoubt, DateOddity, OrderKind, OrderStatus
from cekalwatch.server.domain.orders.ban_order import BanOrder, OrderJudgement
from cekalwatch.server.domain.orders.dates import read
from cekalwatch.server.domain.orders.law_table import SHIPPED, Law, LawTable
from tests.support.builders.orders import day, extension, judged, urgent
from tests.support.builders.watchlist import WIB, order

CELLS = ("decree_date", "valid_from", "valid_until", "received_on", "revoked_at")
CASES_ENDED = 5800


@dataclass(frozen=True)
class Paper:
    """A sound order, with the base that it extends."""

    order: BanOrder
    base: tuple[BanOrder, ...] = ()

    def stored(self, *, noted: bool) -> BanOrder:
        """The order, with the day on which it was stored if that is noted."""
        one = self.order
        return replace(one, stored_on=max(one.received_on, one.decree_date or one.received_on) if noted else None)


def months(first: date, number: int) -> date:
    return first + relativedelta(months=number) - timedelta(days=1)


def paper(begins: str, decided: int, received: int, number: int = 6, **facts: Any) -> Paper:
    """An order that was decided and received that many days before it begins, for a number of months."""
    first = day(begins)
    usual: dict[str, Any] = {
        "valid_from": first,
        "valid_until": months(first, number),
        "decree_date": first - timedelta(days=decided),
        "received_on": first - timedelta(days=received),
    }
    return Paper(order(**usual | facts))


def extended(begins: str, decided: int, received: int, number: int = 6, **facts: Any) -> Paper:
    first = day(begins)
    base = paper(str(months(first, -number) + timedelta(days=1)), 5, 3, number, **facts).order
    base = replace(base, valid_until=first - timedelta(days=1))
    one = paper(begins, decided, received, number, order_id="E-1", extends_order_id="O-1", **facts)
    return replace(one, base=(base,))


ENTRY: dict[str, Any] = {"kind": OrderKind.TANGKAL}
URGENT: dict[str, Any] = {"urgent": True}
UNDECIDED: dict[str, Any] = {"urgent": True, "decree_date": None, "decree_number": ""}
BEGINNINGS = (
    "2026-01-05",
    "2026-02-03",
    "2026-03-12",
    "2026-04-08",
    "2026-05-01",
    "2026-06-15",
    "2026-07-11",
    "2026-08-28",
    "2026-09-10",
    "2026-10-26",
    "2026-11-02",
    "2026-12-12",
)
SOUND = [
    *(paper(begins, 3 * number, number) for number, begins in enumerate(BEGINNINGS, start=1)),
    *(paper(begins, 1, -20) for begins in BEGINNINGS[::4]),
    *(extended(begins, 20 + number, 10 + number) for number, begins in enumerate(BEGINNINGS)),
    *(paper(begins, 0, 0, **UNDECIDED) for begins in BEGINNINGS[::3]),
    *(paper(begins, -number, 0, **URGENT) for number, begins in enumerate(BEGINNINGS[::2], start=5)),
    *(paper(begins, 4, 2, 120, **ENTRY) for begins in BEGINNINGS[1::3]),
    *(paper(begins, 4, 2, 6, **ENTRY) for begins in BEGINNINGS[2::4]),
    *(paper(begins, 14, 12, 60, **ENTRY) for begins in BEGINNINGS[3::5]),
    *(paper(begins, 9, 8, valid_until=date.max, **ENTRY) for begins in ("2024-11-20", "2026-02-12")),
    paper("2026-02-12", 9, 8, decree_date=None),
    extended("2026-05-12", 40, 31, 12, **ENTRY),
]


def in_force(one: Paper) -> tuple[date, date]:
    """The first and last day on which it is in force."""
    last = one.order.valid_until
    if one.order.urgent and not one.order.decree_date:
        last = one.order.received_on + timedelta(days=20)
    return one.order.valid_from, min(last, date(2100, 1, 1))


def noon(at: date) -> datetime:
    return datetime.combine(at, time(12), WIB)


def seen(one: Paper, typed: BanOrder, at: date) -> OrderJudgement:
    nationality = "DEU" if typed.kind is OrderKind.TANGKAL else "IDN"
    return judged(typed, *one.base, now=noon(at), nationality=nationality)


def checks(found: OrderJudgement) -> set[str]:
    return {flag for flag in found.flags if flag.startswith("CHECK_")}


def mistyped(stated: date) -> Iterator[date]:
    """The days that are typed for another one."""
    for text in (
        *(f"{stated.year + years}-{stated:%m-%d}" for years in (-10, -1, 1, 10)),
        f"{stated.year}-{stated:%d-%m}",
        *(f"{stated.year}-{stated.month:02}-{int(digit):02}" for digit in str(stated.day) if stated.day > 9),
        *(f"{stated.year}-{int(digit):02}-{stated.day:02}" for digit in str(stated.month) if stated.month > 9),
    ):
        try:
            found = date.fromisoformat(text)
        except ValueError:
            continue  # it cannot be read, and is refused with its cell
        if found != stated:
            yield found


def neighbours(number: int, one: BanOrder, cell: str) -> Iterator[date]:
    """What stands in the cells beside, above and below."""
    rows = [SOUND[place % len(SOUND)].order for place in (number - 1, number + 1)]
    for found in (*(getattr(one, name) for name in CELLS), *(getattr(row, cell) for row in rows)):
        if found and found != getattr(one, cell):
            yield found


def wrong(number: int, one: BanOrder) -> Iterator[tuple[str, BanOrder]]:
    """The order with each of its dates mistyped in every usual way."""
    for cell in ("decree_date", "valid_from", "valid_until", "received_on"):
        if stated := getattr(one, cell):
            for typed in {*mistyped(stated), *neighbours(number, one, cell)}:
                if cell != "valid_until" and not 1900 <= typed.year <= 2200:
                    continue
                changed: dict[str, Any] = {cell: typed}
                yield cell, replace(one, **changed)


@pytest.mark.parametrize("noted", [True, False], ids=["stored at once", "stored before this version"])
def test_no_mistyped_date_silences_a_sound_order_without_a_flag_on_that_cell(*, noted: bool) -> None:
    cases = silent = 0
    for number, one in enumerate(SOUND):
        first, last = in_force(one)
        for at in {first, first + timedelta(days=3), first + (last - first) / 2, last - timedelta(days=1), last}:
            sound = seen(one, one.stored(noted=noted), at)
            assert (sound.status, checks(sound)) == (OrderStatus.ACTIVE, set())
            for cell, typed in wrong(number, one.stored(noted=noted)):
                found = seen(one, typed, at)
                cases += 1
                if found.status is not OrderStatus.ACTIVE:
                    silent += 1
                    assert f"CHECK_{cell.upper()}" in found.flags, (number, at, cell, typed, found)
    assert (len(SOUND), cases) == (50, 10130)
    assert silent < cases / 8, "most of them go on alerting"


def test_no_order_that_ended_by_a_sound_date_comes_alive_by_another_that_is_mistyped() -> None:
    cases = 0
    for number, one in enumerate(SOUND):
        last = in_force(one)[1]
        ended_by = "received_on" if one.order.urgent and not one.order.decree_date else "valid_until"
        for days in (1, 20, 100, 400):
            at = last + timedelta(days=days)
            if one.order.valid_until != date.max:
                assert seen(one, one.order, at).status is OrderStatus.LAPSED
                for cell, typed in wrong(number, one.stored(noted=False)):
                    cases += cell != ended_by
                    assert cell == ended_by or seen(one, typed, at).status is not OrderStatus.ACTIVE
    assert cases == CASES_ENDED


@pytest.mark.parametrize(
    ("one", "base", "at", "doubt"),
    [
        (
            extension(decree_date=day("2027-05-20")),
            [order()],
            "2026-08-01",
            DateDoubt("decree_date", DateOddity.AFTER, "received_on", "2026-05-20"),
        ),
        (
            urgent(decree_number="KEP-2", decree_date=day("2027-02-10")),
            [],
            "2026-06-01",
            DateDoubt("decree_date", DateOddity.AFTER, "received_on", "2026-02-10"),
        ),
        (
            urgent(received_on=day("2025-02-01")),
            [],
            "2026-02-15",
            DateDoubt("received_on", DateOddity.LONG_BEFORE, "valid_from", "2026-02-01"),
        ),
        (
            order(kind=OrderKind.TANGKAL, decree_date=day("2016-01-01"), valid_until=day("2035-12-31")),
            [],
            "2030-01-01",
            DateDoubt("decree_date", DateOddity.LONG_BEFORE, "received_on", "2026-01-01"),
        ),
        (
            order(valid_until=day("2025-06-30")),
            [],
            "2026-06-30",
            DateDoubt("valid_until", DateOddity.BEFORE, "valid_from", "2026-06-30"),
        ),
        (
            order(revoked_at=noon(day("2025-03-01"))),
            [],
            "2026-06-30",
            DateDoubt("revoked_at", DateOddity.BEFORE, "decree_date"),
        ),
        (
            extension(received_on=day("2026-08-06"), decree_date=day("2026-06-05"), stored_on=day("2026-06-09")),
            [order()],
            "2026-08-01",
            DateDoubt("received_on", DateOddity.FUTURE, "", "2026-06-08"),
        ),
    ],
    ids=["extension in time", "urgent and decided", "receipt", "decree of 2016", "end", "revocation", "future"],
)
def test_a_date_that_cannot_be_true_silences_nothing_and_is_told_with_what_was_meant(
    one: BanOrder, base: list[BanOrder], at: str, doubt: DateDoubt
) -> None:
    assert read(one, Law()).doubts == (doubt,)
    found = judged(one, *base, now=noon(day(at)), nationality="DEU")
    assert (found.status, checks(found)) == (OrderStatus.ACTIVE, {f"CHECK_{doubt.field.upper()}"})


def test_whatever_is_void_or_ended_by_a_date_names_its_cell() -> None:
    late = extension(received_on=day("2026-06-28"))
    assert checks(judged(late, order())) == {"CHECK_RECEIVED_ON"}
    gap = extension(valid_from=day("2026-07-02"), decree_date=day("2026-06-01"))
    assert checks(judged(gap, order())) == {"CHECK_VALID_FROM"}
    second = extension("E-2", received_on=day("2026-06-02"))
    assert checks(judged(second, order(), extension())) == {"CHECK_RECEIVED_ON"}
    undecided = urgent(decree_number="KEP-2", decree_date=day("2026-03-02"))
    assert checks(judged(undecided, now=noon(day("2026-03-15")))) == {"CHECK_DECREE_DATE"}
    old = order(kind=OrderKind.TANGKAL, decree_date=day("2024-10-02"), received_on=day("2024-10-22"))
    old = replace(old, valid_from=day("2024-10-25"), valid_until=day("2034-10-24"))
    assert "CHECK_DECREE_DATE" in checks(judged(old, nationality="DEU"))


def test_limits_are_figures_of_the_law() -> None:
    one = order(decree_date=day("2025-06-01"))
    assert checks(judged(one)) == {"CHECK_DECREE_DATE"}
    wider = Law(LawTable(tuple(replace(row, lead_days=400) for row in SHIPPED.rows)))
    assert checks(judged(one, legal=wider)) == set()
