"""A list of orders in a database: a query or view, sorted there and read through a cursor of the database.

The order of the rows (first orders that extend no other, then by key) lets a reading continue after any row, so only a
few rows are ever in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Any, Final

import sqlalchemy as sa

from cekalwatch.extensions.sql_source.position import SqlPosition, as_mark
from cekalwatch.extensions.sql_source.rows import ColumnPhotographs, SqlRows, column_address, compared
from cekalwatch.extensions.sql_source.source_settings import SqlSettings
from cekalwatch.server.foundation.clock import Clock, SystemClock
from cekalwatch.server.watchlist.imports.records import RecordError, key
from cekalwatch.server.watchlist.sources.mapping import RecordMapper
from cekalwatch.server.watchlist.sources.mapping_settings import MappingSettings
from cekalwatch.server.watchlist.sources.row_reader import FolderPhotographs, NoPhotographs, Photographs, RowReader
from cekalwatch.server.watchlist.sources.source import (
    Reading,
    SourceItem,
    SourceMisconfigured,
    SourcePage,
    WithdrawnOrder,
    whole_reading_is_due,
)
from cekalwatch.server.watchlist.sources.web.client import WebClient, WebPhotographs

MAX_REPEATED: Final = 10_000
_PHOTOGRAPHS: Final = "cekalwatch_photographs"
_GROUP: Final = "cekalwatch_group"
_FURTHER: Final = "cekalwatch_further"
_NOT_WITHDRAWN: Final = frozenset({"", "0", "f", "false", "n", "no", "tidak"})
_NO_TIME: Final = "0000-00-00"
"""MySQL's value for no time."""

Record = dict[str, Any]


class SqlSource:
    """A source that is a query or view of a database."""

    def __init__(self, settings: SqlSettings, zone: tzinfo, clock: Clock | None = None) -> None:
        """Times without an offset are those of `zone`."""
        self._settings = settings
        self._clock = clock or SystemClock()
        self._mapper = RecordMapper(_with_columns(settings), zone, dict.get)  # type: ignore[arg-type]  # rows are dicts
        self._key = self._mapper.column("order_id")
        self._rows: SqlRows | None = None
        self._client: WebClient | None = None
        self._reading: Generator[SourcePage] | None = None

    @property
    def name(self) -> str:
        """The engine, host and database."""
        url = sa.make_url(self._settings.address)
        return f"sql {url.get_backend_name()} {url.host or ''}/{url.database or ''}".replace(" /", " ")

    def close(self) -> None:
        """Close the reading and its connections."""
        for one in (self._reading, self._rows, self._client):
            if one:
                one.close()
        self._reading = self._rows = self._client = None

    def read(self, cursor: str) -> Reading:
        """Begin a reading; the password is read again."""
        self.close()
        position = self._begun(SqlPosition.of(cursor))
        rows = self._rows = SqlRows(self._settings)
        reader = RowReader(self._mapper, self._photographs(rows))
        expected = None
        with rows.connection() as connection:
            columns = rows.check(connection, self._selected())
            source = rows.of(columns)
            if position.after is None:
                expected = connection.scalar(
                    sa.select(sa.func.count()).select_from(source).where(*self._since(source, position))
                )
                if column := self._settings.changed_column:
                    position = _marked(position, connection.scalar(sa.select(sa.func.max(source.c[column]))), column)
            repeated = self._repeated(connection, source, position)
        self._reading = self._pages(rows, columns, reader, position, repeated)
        return Reading(position.since is None, expected, self._reading)

    def _begun(self, position: SqlPosition) -> SqlPosition:
        """Return where to begin: a whole reading when it is due, since a list of changes does not show deleted rows."""
        now = self._clock.now().astimezone(UTC).timestamp()
        if position.after is None:
            due = whole_reading_is_due(position.whole_at, now, self._settings.whole_every_hours)
            if position.since is None or due:
                return SqlPosition(whole_at=now)
        return position

    def _selected(self) -> list[str]:
        """Return the columns that are read with each row."""
        settings = self._settings
        more = (settings.changed_column, settings.withdrawn_column, settings.photograph_version)
        names = [*self._mapper.columns, *filter(None, more)]
        return [name for name in dict.fromkeys(names) if name != _PHOTOGRAPHS]

    def _photographs(self, rows: SqlRows) -> Photographs:
        settings = self._settings
        if settings.photograph_columns:
            return ColumnPhotographs(rows, self._key)
        if settings.photograph_server:
            self._client = WebClient(settings.access, settings.photograph_server)
            return WebPhotographs(self._client, ask_versions=True)
        return FolderPhotographs(settings.photographs) if settings.photographs else NoPhotographs()

    def _since(self, source: sa.FromClause, position: SqlPosition) -> list[sa.ColumnElement[bool]]:
        if position.since is None:
            return []
        changed = source.c[self._settings.changed_column]
        return [changed >= compared(position.reaching_back(self._settings.changed_overlap_seconds))]

    def _repeated(self, connection: sa.Connection, source: sa.FromClause, position: SqlPosition) -> set[str]:
        """Return the keys that occur in several rows; raises SourceMisconfigured when there are many.

        A database may treat "C-1" and "c-1" as equal, so its answer only says where to look.
        """
        own = source.c[self._key]
        text, wanted = sa.func.rtrim(_as_text(own)), (own.is_not(None), *self._since(source, position))
        several = sa.select(text).where(*wanted).group_by(text).having(sa.func.count() > 1)
        found = len(connection.execute(several.limit(MAX_REPEATED + 1)).all())
        if found > MAX_REPEATED:
            raise SourceMisconfigured(
                f"{self._key} does not tell rows apart: check the query and the mapping of order_id"
            )
        if not found:
            return set()
        streamed = connection.execution_options(stream_results=True, yield_per=self._settings.rows_at_once)
        rows = streamed.execute(sa.select(own).where(*wanted, text.in_(several))).scalars()
        return {key for key, count in Counter(map(_plain, rows)).items() if count > 1}

    def _pages(
        self, rows: SqlRows, columns: Sequence[str], reader: RowReader, position: SqlPosition, repeated: set[str]
    ) -> Generator[SourcePage]:
        settings, at, number = self._settings, position, 0
        seen = set() if position.after is None else {_plain(position.after)}
        ahead: SourcePage | None = None
        with rows.connection() as connection, ExitStack() as opened:
            streamed = connection.execution_options(stream_results=True, yield_per=settings.rows_at_once)
            statement = self._statement(rows.of(columns), position)
            found = opened.enter_context(closing(streamed.execute(statement))).mappings()
            for part in self._parts(found, position):
                if ahead:
                    yield ahead
                items: list[SourceItem] = []
                for record in part:
                    number += 1
                    group, own = record.pop(_GROUP), as_mark(record[self._key])
                    items.append(self._item(reader, f"row {number}", record, repeated, seen))
                    if own is not None:
                        at = SqlPosition(group, own, position.since, position.mark, position.whole_at)
                ahead = SourcePage(tuple(items), at.text)
        yield SourcePage(ahead.items if ahead else (), _end(position))

    def _parts(self, found: Iterable[Mapping[Any, Any]], position: SqlPosition) -> Iterator[list[Record]]:
        """Yield all rows after the last one of the page before, in parts that each go beyond it."""
        given = position.after
        part, further = list[Record](), 0
        for row in found:
            if given is not None and (row[_GROUP], as_mark(row[self._key])) == (position.group, given):
                given = None
                continue
            record: Record = {name: _of_bit(value) for name, value in row.items()}
            further += int(record.pop(_FURTHER))
            part.append(record)
            if further >= self._settings.rows_at_once:
                yield part
                part, further = [], 0
        if part:
            yield part

    def _statement(self, source: sa.FromClause, position: SqlPosition) -> sa.Select[Any]:
        own, base = source.c[self._key], self._mapper.column("extends_order_id")
        group: sa.ColumnElement[int] = sa.literal(0)
        order: list[sa.ColumnElement[Any]] = [own]
        if base:
            # In Oracle the empty text is NULL, and equal to nothing.
            none = sa.or_(source.c[base].is_(None), _as_text(source.c[base]) == "")
            group = sa.case((none, 0), else_=1)
            order = [sa.literal_column(_GROUP), own]
        further: sa.ColumnElement[int] = sa.literal(1)
        wanted = self._since(source, position)
        if position.after is not None:
            # A collation may treat other keys as equal to the last one, so equal ones are read as well.
            after = compared(position.after)
            greater, same = own > after, sa.or_(own == after, own.is_(None))
            if base:
                greater = sa.or_(group > position.group, sa.and_(group == position.group, greater))
                same = sa.and_(group == position.group, same)
            further = sa.case((greater, 1), else_=0)
            wanted.append(sa.or_(greater, same))
        chosen = sa.select(*source.c, group.label(_GROUP), further.label(_FURTHER)).where(*wanted)
        return chosen.order_by(*order)

    def _item(self, reader: RowReader, place: str, record: Record, repeated: set[str], seen: set[str]) -> SourceItem:
        settings, own = self._settings, record[self._key]
        if settings.withdrawn_column and _is_withdrawn(record[settings.withdrawn_column]):
            return self._tombstone(reader, place, record)
        if settings.photograph_columns:
            record[_PHOTOGRAPHS] = self._columns_of(record)
        again = _plain(own) in repeated and _plain(own) in seen
        if _plain(own) in repeated:
            seen.add(_plain(own))
        return reader.item(place, record, repeated=again)

    def _tombstone(self, reader: RowReader, place: str, record: Record) -> SourceItem:
        try:
            return WithdrawnOrder(key("order_id", self._mapper.text(record, "order_id")))
        except RecordError as error:
            return reader.mapper.refused(place, record, error)

    def _columns_of(self, record: Record) -> list[Record]:
        settings, parts = self._settings, self._settings.mapping.parts
        version = str(record[settings.photograph_version]) if settings.photograph_version else ""
        return [
            {
                parts.photograph_address: column_address(record[self._key], column),
                parts.photograph_name: column,
                parts.photograph_version: version,
            }
            for column in settings.photograph_columns
        ]


def _with_columns(settings: SqlSettings) -> MappingSettings:
    """Return the mapping, with photographs from their columns."""
    if not settings.photograph_columns:
        return settings.mapping
    fields = {**settings.mapping.columns, "photographs": _PHOTOGRAPHS}
    constants = {name: text for name, text in settings.mapping.constants.items() if name != "photographs"}
    return replace(settings.mapping, fields=fields, constants=constants)


def _marked(position: SqlPosition, last: object, column: str) -> SqlPosition:
    if isinstance(last, bytes | memoryview):
        raise SourceMisconfigured(
            f"changed_column {column} is neither a time nor a number: CAST it to one in the query"
        )
    return SqlPosition(position.group, position.after, position.since, as_mark(last), position.whole_at)


def _end(position: SqlPosition) -> str:
    """Return the cursor after the last page, which asks for later changes; empty if the source cannot tell them."""
    mark = position.mark if position.mark is not None else position.since
    return SqlPosition(since=mark, whole_at=position.whole_at).text if mark is not None else ""


def _as_text(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    return sa.cast(column, sa.String(200))


def _plain(own: object) -> str:
    return str(own).strip()


def _of_bit(value: object) -> object:
    """Return a bool for a BIT(1) of MySQL's drivers; other values unchanged."""
    return value == b"\1" if value in (b"\0", b"\1") else value


def _is_withdrawn(value: object) -> bool:
    written = value.decode("latin-1").strip("\0") if isinstance(value, bytes) else str(value)
    written = written.strip().lower()
    return bool(value) and written not in _NOT_WITHDRAWN and not written.startswith(_NO_TIME)


KIND: Final = "sql"
Source = SqlSource
