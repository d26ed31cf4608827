"""Photographs that a database holds as bytes, in columns of the row that they belong to."""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa

from cekalwatch.server.domain.errors import Code
from cekalwatch.server.watchlist.records import Photograph
from cekalwatch.server.watchlist.sources.mapping import PhotographPlace
from cekalwatch.server.watchlist.sources.sql_rows import SqlRows
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES


def column_address(order_key: object, column: str) -> str:
    """Return the address of the photograph in a row's column."""
    return json.dumps([order_key if isinstance(order_key, int) else str(order_key), column])


class ColumnPhotographs:
    """See Photographs. Each is read on its own, when it is wanted, and only when it is not too large."""

    def __init__(self, rows: SqlRows, key_column: str) -> None:
        self._rows = rows
        self._key = key_column

    def version(self, place: PhotographPlace) -> str:
        """See Photographs: what the row says, or else a digest."""
        if place.version:
            return place.version
        found = self.load(place)
        if found is None:
            return "none"
        return str(found.problem) if found.problem else hashlib.sha256(found.data).hexdigest()

    def load(self, place: PhotographPlace) -> Photograph | None:
        """See Photographs: a column without content is no photograph."""
        order_key, column = json.loads(place.address)
        rows = self._rows.of([self._key, column])
        size = self._rows.length(rows.c[column])
        bounded = sa.case((size <= MAX_PHOTO_BYTES, rows.c[column]))
        with self._rows.connection() as connection:
            found = connection.execute(sa.select(size, bounded).where(rows.c[self._key] == order_key).limit(1)).first()
        if found is None:
            return Photograph(place.name, problem=Code.PHOTO_MISSING)
        if not found[0]:
            return None
        if found[0] > MAX_PHOTO_BYTES:
            return Photograph(place.name, problem=Code.PHOTO_TOO_LARGE)
        data = found[1]
        if not isinstance(data, bytes | memoryview | bytearray):
            return Photograph(place.name, problem=Code.PHOTO_UNREADABLE)
        return Photograph(place.name, bytes(data))
