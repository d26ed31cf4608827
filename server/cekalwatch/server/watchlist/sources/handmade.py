"""What is particular to a list that people make and send: days as they write them, and cells that they corrected."""

from __future__ import annotations

from collections.abc import Iterable

from cekalwatch.contract.values.imports import CellCorrection, DayOrder
from cekalwatch.server.watchlist.sources.mapping import Row
from cekalwatch.server.watchlist.sources.written_days import WrittenDays


class HandmadeList:
    """One list. It has the usual columns under our names."""

    def __init__(self, corrections: Iterable[CellCorrection] = ()) -> None:
        self.days = WrittenDays()
        self._cells = dict[str, dict[str, str]]()
        for one in corrections:
            if not one.place:
                self.days.choose(one.field, DayOrder(one.value))
                continue
            self._cells.setdefault(one.place, {})[one.field] = one.value

    def corrected(self, place: str, row: Row | None) -> Row | None:
        """Return the row at a place of the list with its corrected cells; a row that cannot be read stays so."""
        cells = self._cells.get(place)
        return row if row is None or cells is None else {**row, **cells}
