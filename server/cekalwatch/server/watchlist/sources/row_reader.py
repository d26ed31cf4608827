"""Turns the rows of a source into what a synchronisation takes: the same for each kind of source."""

from __future__ import annotations

from cekalwatch.server.watchlist.imports.records import ImportRecord, RecordError
from cekalwatch.server.watchlist.sources.mapping import RecordMapper, Row
from cekalwatch.server.watchlist.sources.photographs import Photographs
from cekalwatch.server.watchlist.sources.source import OfferedOrder, RefusedRow


class RowReader:
    """Offers each row as a record whose photographs are loaded when they are asked for."""

    def __init__(self, mapper: RecordMapper, photographs: Photographs) -> None:
        self.mapper = mapper
        self._photographs = photographs

    def item(self, place: str, row: Row | None, *, repeated: bool = False) -> OfferedOrder | RefusedRow:
        """Return the order of a row. A row whose key came before is refused like one that cannot be read."""
        try:
            mapped = self.mapper.read(row)
            if repeated:
                raise RecordError("order_id")
        except RecordError as error:
            return self.mapper.refused(place, row, error)
        places, photographs = mapped.photographs, self._photographs

        def load() -> ImportRecord:
            return mapped.record([found for one in places if (found := photographs.load(one))])

        fingerprint = mapped.fingerprint([photographs.version(one) for one in places])
        return OfferedOrder(mapped.order.order_id, mapped.order.subject_id, fingerprint, load)
