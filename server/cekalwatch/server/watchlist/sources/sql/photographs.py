"""Photographs that a database has as bytes, in columns of their row."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing

import sqlalchemy as sa

from cekalwatch.server.domain.errors import Code
from cekalwatch.server.watchlist.imports.records import Photograph
from cekalwatch.server.watchlist.sources.mapping import PhotographPlace
from cekalwatch.server.watchlist.sources.sql.rows import SqlRows, compared
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES


def column_address(order_key: object, column: str) -> str:
    """Return the address of the photograph in a row's column."""
    return json.dumps([order_key if isinstance(order_key, int) else str(order_key), column])


class ColumnPhotographs:
    """Photographs in columns. Each is read separately, when it is wanted, and only if it is not too large.

    A database may treat "C-1" and "c-1" as the same, which are two orders here: the key is compared again, so that
    nobody gets the photograph of another person.
    """

    def __init__(self, rows: SqlRows, key_column: str) -> None:
        self._rows = rows
        self._key = key_column

    def version(self, place: PhotographPlace) -> str:
        """Return the version in the row, or a digest of the photograph."""
        if place.version:
            return place.version
        found = self.load(place)
        if found is None:
            return "none"
        return str(found.problem) if found.problem else hashlib.sha256(found.data).hexdigest()

    def load(self, place: PhotographPlace) -> Photograph | None:
        """Return the photograph; None for an empty column."""
        order_key, column = json.loads(place.address)
        rows = self._rows.of([self._key, column])
        own, size = rows.c[self._key], self._rows.length(rows.c[column])
        bounded = sa.case((size <= MAX_PHOTO_BYTES, rows.c[column]))
        chosen = sa.select(own, size, bounded).where(own == compared(order_key))
        with self._rows.connection() as connection:
            streamed = connection.execution_options(stream_results=True, yield_per=1).execute(chosen)
            with closing(streamed) as found:
                row = next((one for one in found if column_address(one[0], column) == place.address), None)
        if row is None:
            return Photograph(place.name, problem=Code.PHOTO_MISSING)
        _, length, data = row
        if not length:
            return None
        if length > MAX_PHOTO_BYTES:
            return Photograph(place.name, problem=Code.PHOTO_TOO_LARGE)
        if not isinstance(data, bytes | memoryview | bytearray):
            return Photograph(place.name, problem=Code.PHOTO_UNREADABLE)
        return Photograph(place.name, bytes(data))
