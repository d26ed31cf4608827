"""Whether the dates of an order can be true: the one place that judges that, before any rule uses them.

A date that contradicts the others, lies too far from them (limits in the table of the law) or in the future silences
nothing: the order is judged by the reading under which it is in force for as long as the law can allow, and flagged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

from cekalwatch.contract.values.law import LawRow
from cekalwatch.contract.values.orders import DateDoubt, DateOddity, OrderFlag
from cekalwatch.server.domain.orders.ban_order import PLAUSIBLE_YEARS, BanOrder
from cekalwatch.server.domain.orders.law_table import Law, end_of_term, longest_end, months_later

NEAR: Final = timedelta(days=60)
"""Dates of decree, receipt and first day so close to each other support each other."""
DAY: Final = timedelta(days=1)
CHECK: Final = {
    "decree_date": OrderFlag.CHECK_DECREE_DATE,
    "received_on": OrderFlag.CHECK_RECEIVED_ON,
    "valid_from": OrderFlag.CHECK_VALID_FROM,
    "valid_until": OrderFlag.CHECK_VALID_UNTIL,
    "revoked_at": OrderFlag.CHECK_REVOKED_AT,
}
"""The flag on each cell with a date."""

Cells = Mapping[str, date]


@dataclass(frozen=True)
class DatedOrder:
    """An order with the dates by which it is judged."""

    order: BanOrder
    doubts: tuple[DateDoubt, ...] = ()
    """The cells that cannot be true, or of which one cannot be."""


def read(order: BanOrder, law: Law) -> DatedOrder:
    """Return `order` by the reading under which it is in force longest: as it is stated if all dates can be true."""
    cells, row = _cells(order), law.table.row(order.kind, order.received_on)
    broken = list(_broken(order, cells, row))
    if not broken:
        return DatedOrder(order)
    odd = _suspects(order, cells, broken)
    best = max((_without(order, cell, row) for cell in odd), key=lambda one: _length(one, law))
    doubts = tuple(
        DateDoubt(doubt.field, doubt.oddity, doubt.other, _meant(order, doubt.field, row))
        for cell in odd
        for doubt in [next(doubt for doubt in broken if cell in (doubt.field, doubt.other))]
        for doubt in [doubt if doubt.field == cell else _turned(doubt)]
    )
    return DatedOrder(best, doubts)


def unusual_term(order: BanOrder, row: LawRow) -> bool:
    """Whether its term is not the law's longest one, or an urgent one began long before its receipt.

    That is not odd while it runs, but its first or last day may be mistyped if it does not run.
    """
    longest = longest_end(order, row)
    if order.urgent and order.received_on - order.valid_from > timedelta(row.decision_days):
        return True
    return order.valid_until <= longest + NEAR and order.valid_until not in {longest, longest - DAY}


@lru_cache(maxsize=1000)
def typing_errors(day: date) -> tuple[date, ...]:
    """Return the days that may have been meant: another year, day and month exchanged, or a digit lost."""
    found = [_day(day.year + years, day.month, day.day) for years in (-1, 1, -10, 10)]
    found.append(_day(day.year, day.day, day.month))
    found += [_day(day.year, day.month, number) for number in range(10, 32) if _lost(number, day.day)]
    found += [_day(day.year, number, day.day) for number in range(10, 13) if _lost(number, day.month)]
    return tuple(dict.fromkeys(one for one in found if one and one != day))


def _cells(order: BanOrder) -> dict[str, date]:
    stated = {
        "decree_date": order.decree_date,
        "received_on": order.received_on,
        "valid_from": order.valid_from,
        "valid_until": order.valid_until,
        "revoked_at": order.revoked_at and order.revoked_at.date(),
    }
    return {name: day for name, day in stated.items() if day}


def _broken(order: BanOrder, cells: Cells, row: LawRow) -> Iterator[DateDoubt]:
    """Yield what cannot be true together."""
    urgent = order.was_urgent
    lead, late = timedelta(row.lead_days), timedelta(row.lead_days if urgent else row.decision_days)
    waits = timedelta(row.urgent_lead_days) if urgent and not order.extends_order_id else lead
    for earlier, later, least, most in (
        ("decree_date", "received_on", -lead if urgent else 0 * DAY, timedelta(row.receipt_days)),
        ("decree_date", "valid_from", -late, lead),
        ("received_on", "valid_from", None, waits),
        ("valid_from", "valid_until", DAY, None),
        ("decree_date", "valid_until", 0 * DAY, None),
        ("decree_date", "revoked_at", -DAY, None),
        ("valid_from", "revoked_at", -lead, None),
    ):
        if earlier in cells and later in cells:
            gap = cells[later] - cells[earlier]
            if least is not None and gap < least:
                yield DateDoubt(earlier, DateOddity.AFTER, later)
            if most is not None and gap > most:
                yield DateDoubt(earlier, DateOddity.LONG_BEFORE, later)
    if order.stored_on:  # a day of leeway for time zones
        for name in ("decree_date", "received_on"):
            if name in cells and cells[name] > order.stored_on + DAY:
                yield DateDoubt(name, DateOddity.FUTURE)
    ended = "valid_from" in cells and longest_end(order, row) < order.received_on <= order.valid_until
    if ended and not order.decree_date:  # nobody sends a ban as running that the law had ended before
        yield DateDoubt("valid_from", DateOddity.ENDED)


def _suspects(order: BanOrder, cells: Cells, broken: list[DateDoubt]) -> list[str]:
    """Return the cells of which one must be wrong, in the order of the list: those that explain most."""
    named = [{doubt.field, doubt.other} for doubt in broken]
    found = [cell for cell in cells if all(cell in one for one in named)]
    found = found or [cell for cell in cells if any(cell in one for one in named)]
    support = {cell: _support(order, cell, cells) for cell in found}
    return [cell for cell in found if support[cell] == min(support.values())]


def _support(order: BanOrder, cell: str, cells: Cells) -> int:
    """Return how well a cell fits to the others."""
    trio = [name for name in ("decree_date", "received_on", "valid_from") if name in cells]
    near = 0
    if cell in trio:
        near = sum(abs(cells[cell] - cells[name]) <= NEAR for name in trio if name != cell) or -1
    if cell in {"valid_from", "valid_until"}:
        near += 1 if _whole_months(order.valid_from, order.valid_until) else -1
    return near


def _without(order: BanOrder, cell: str, row: LawRow) -> BanOrder:
    """Return the order where that cell is not known, in force as long as the law can allow."""
    match cell:
        case "decree_date":
            return replace(order, decree_date=min(order.received_on, order.valid_from))
        case "received_on":
            before = timedelta((row.notice_days or 0) + 1 if order.extends_order_id else 0)
            return replace(order, received_on=order.decree_date or order.valid_from - before, urgent_since=None)
        case "valid_until":
            return replace(order, valid_until=longest_end(order, row))
        case "valid_from":
            anchor = order.received_on if order.received_on <= order.valid_until else order.decree_date
            months = row.extension_months if order.extends_order_id else row.term_months
            days = [months_later(max(order.valid_until, order.received_on), -months), anchor or order.valid_until]
            return replace(order, valid_from=min(days))
        case _:
            return replace(order, revoked_at=None)


def _length(order: BanOrder, law: Law) -> tuple[date, int]:
    """Return what is larger the longer the order can be in force."""
    end = end_of_term(order, law.table.row(order.kind, order.decided_on))
    received = max(order.decided_on, order.received_on).toordinal()
    return end, -received if order.extends_order_id else order.first_received_on.toordinal()


def _meant(order: BanOrder, cell: str, row: LawRow) -> str:
    """Return the day that was probably meant; nothing where no usual slip of the pen explains the cell."""
    cells = _cells(order)
    if cell == "revoked_at":
        return ""
    fitting: list[tuple[int, int, date]] = []
    for day in typing_errors(cells[cell]):
        try:
            changed: dict[str, Any] = {cell: day}
            one = replace(order, **changed)
        except ValueError:
            continue
        if not any(_broken(one, _cells(one), row)):
            fitting.append((-_support(one, cell, _cells(one)), len(fitting), day))
    return min(fitting)[2].isoformat() if fitting else ""


def _turned(doubt: DateDoubt) -> DateDoubt:
    """Return the same doubt, told of the other cell."""
    turned = {DateOddity.AFTER: DateOddity.BEFORE, DateOddity.LONG_BEFORE: DateOddity.LONG_AFTER}
    return DateDoubt(doubt.other, turned[DateOddity(doubt.oddity)], doubt.field)


def _whole_months(first: date, last: date) -> bool:
    """Whether a term is one of whole calendar months, or for life."""
    if last.year not in PLAUSIBLE_YEARS:
        return True
    months = (last.year - first.year) * 12 + last.month - first.month
    return any(last in {end, end - DAY} for end in (months_later(first, months), months_later(first, months + 1)))


def _lost(number: int, left: int) -> bool:
    """Whether `left` is what is left of `number` when a digit was lost."""
    return str(left) in {str(number)[0], str(number)[1]}


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
