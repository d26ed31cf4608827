"""Reads days as people write them: 2026-11-01, 1 November 2026, and 01/11/2026 where its column shows the order.

A day that can be read in two ways is refused with both: nothing is guessed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date, datetime

from cekalwatch.contract.values.imports import DayOrder
from cekalwatch.server.watchlist.imports.records import RecordError
from cekalwatch.server.watchlist.sources.values import in_english

DAY_FIELDS = ("valid_from", "valid_until", "received_on", "decree_date", "revoked_at", "date_of_birth")
MAX_WRITTEN = 40
_NUMBERS = re.compile(r"(\d{1,2}) ?([./-]) ?(\d{1,2}) ?\2 ?(\d{4})", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})([./-])(\d{1,2})\2(\d{1,2})", re.ASCII)
_SPACES = re.compile(r"[\s,./-]+")
_LETTER = re.compile(r"[^\W\d_]")
_NAMED = ("%d %B %Y", "%d %b %Y", "%B %d %Y", "%b %d %Y")
_MONTHS = 12


class WrittenDays:
    """The days of one list. First it sees all values of a column, then it reads them."""

    def __init__(self) -> None:
        self._chosen = dict[str, DayOrder]()
        self._shown: defaultdict[str, set[DayOrder]] = defaultdict(set)
        """The orders in which some days of a column can only be read."""

    def choose(self, field: str, order: DayOrder) -> None:
        """Take a person's word for the order of a column, whatever its days show."""
        self._chosen[field] = order

    def see(self, field: str, value: object) -> None:
        """Look at a value of the column, whose order it may show."""
        if isinstance(value, str) and len(value) <= MAX_WRITTEN and (found := _NUMBERS.fullmatch(value.strip())):
            first, second = int(found[1]) > _MONTHS, int(found[3]) > _MONTHS
            if first is not second:
                self._shown[field].add(DayOrder.DAY_FIRST if first else DayOrder.MONTH_FIRST)

    def chosen(self, field: str) -> int | None:
        """Return which of two readings of a day the column shows, 0 or 1; None if it shows neither or both."""
        shown = {self._chosen[field]} if field in self._chosen else self._shown[field]
        return (0 if DayOrder.DAY_FIRST in shown else 1) if len(shown) == 1 else None

    def read(self, field: str, written: str) -> date | None:
        """Return a day; None for a text that is no day. Raises RecordError with both readings of an ambiguous one."""
        if len(written) > MAX_WRITTEN:
            return None
        if found := _NUMBERS.fullmatch(written):
            first, second, year = int(found[1]), int(found[3]), int(found[4])
            readings = [one for one in (_day(year, second, first), _day(year, first, second)) if one]
            if len(set(readings)) < len((first, second)):
                return readings[0] if readings else None
            chosen = self.chosen(field)
            if chosen is None:
                raise RecordError(field, readings=tuple(one.isoformat() for one in readings))
            return readings[chosen]
        if found := _YEAR_FIRST.fullmatch(written):
            return _day(int(found[1]), int(found[3]), int(found[4]))
        return _named(written) if _LETTER.search(written) else None


def _named(written: str) -> date | None:
    plain = _SPACES.sub(" ", in_english(written))
    for form in _NAMED:
        try:
            return datetime.strptime(plain, form).date()  # noqa: DTZ007  # a day
        except ValueError:
            continue
    return None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
