"""Checks all signed rows, page by page, and signs changed rows again that people accept.

Rows are checked when they are used; this finds changed rows that nobody has used since. Methods block.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sqlalchemy
from sqlalchemy import Select, bindparam, tuple_
from sqlmodel import select

from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.storage.audit.store import commit_audited
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guard import CHANGED, REMOVED, RowGuard
from cekalwatch.server.storage.integrity.guarded_session import sign_as_it_stands
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError, RowKey, SignedRow, form_of, signed_models
from cekalwatch.server.storage.integrity.versions import WHOLLY
from cekalwatch.server.storage.schema import SCHEMA, strange_tables, strange_triggers
from cekalwatch.server.storage.watchlist import inventory

PAGE_ROWS = 500
"""Rows that are read at once."""


@cache
def _pages_of(model: type[SignedRow]) -> tuple[Select[Any], Select[Any]]:
    """Return the queries of a table's first page, and of one after the key of a row: to build one takes longer than to
    run it."""
    table = form_of(model).table
    key = list(table.primary_key)
    first = sqlalchemy.select(*table.columns).order_by(*key).limit(PAGE_ROWS)
    after = [bindparam(f"after_{column.name}", type_=column.type) for column in key]
    return first, first.where(tuple_(*key) > tuple_(*after))


@dataclass(frozen=True)
class RowMismatch:
    """A row that somebody else changed."""

    key: RowKey
    reason: str
    """A word of the guard's: CHANGED, PUT_BACK or REMOVED."""


@dataclass
class RowScan:
    """Checks the signed rows of one database."""

    database: Database
    guard: RowGuard
    _strange_tables: list[str] = field(default_factory=list, init=False)
    """As the last look at the whole schema found."""

    def pages(self, model: type[SignedRow]) -> Iterator[tuple[int, list[RowMismatch]]]:
        """Check a table page by page; yield each page's number of rows and refused rows, and last the missing rows."""
        form = form_of(model)
        known = set(self.guard.versions.of_table(form.table.name))
        after: tuple[Any, ...] = ()
        held = set[RowKey]()
        while page := self._page(model, after):
            after = tuple(getattr(page[-1], column.name) for column in form.table.primary_key)
            held.update(map(form.key, page))
            yield len(page), [one for row in page if (one := self._refused(model, row))]
        # Rows that were added in the meantime are not missing.
        later = set(self.guard.versions.of_table(form.table.name)) - known
        gone = self.guard.settle(form.table.name, held | later)
        yield 0, [RowMismatch(key, reason) for key, reason in gone.items()]

    def all_pages(self) -> Iterator[tuple[int, list[RowMismatch]]]:
        """Check all tables page by page."""
        for model in signed_models():
            yield from self.pages(model)

    def few(self) -> None:
        """Look at the tables of which every row is remembered; they are small."""
        for model in signed_models():
            if form_of(model).table.name in WHOLLY:
                for _ in self.pages(model):
                    pass

    def all(self) -> list[RowMismatch]:
        """Return every row that is refused, by table."""
        return [row for _, refused in self.all_pages() for row in refused] + self.missed() + self.schema(whole=True)

    def missed(self) -> list[RowMismatch]:
        """Return the subjects of the watchlist of which rows are missing or came back."""
        return [RowMismatch(key, reason) for key, reason in inventory.missed(self.database, self.guard)]

    def schema(self, *, whole: bool) -> list[RowMismatch]:
        """Return the triggers and the like, if `whole` also the tables, that are not as the migrations made them."""
        strange = strange_triggers(self.database)
        if whole:
            self._strange_tables = strange_tables(self.database)
        found = {(SCHEMA, name): CHANGED for name in (*strange, *self._strange_tables)}
        self.guard.refuse_of(SCHEMA, found)
        return [RowMismatch(key, reason) for key, reason in found.items()]

    def sign_first(self, tables: Collection[str]) -> None:
        """Sign the rows without a MAC in tables that a migration has just given MACs, and say what the list holds."""
        with self.database.session() as session:
            for model in signed_models():
                if form_of(model).table.name in tables:
                    for row in session.exec(select(model)):
                        if not row.mac:
                            sign_as_it_stands(session, row)
            if inventory.ListInventoryRow.__tablename__ in tables:
                inventory.begin(session)
            session.commit()

    def accept(self, rows: Collection[RowMismatch], entry: AuditEntry) -> None:
        """Sign rows as they are, and forget the missing ones, with an audit entry."""
        wanted = {row.key for row in rows if row.reason != REMOVED}
        tables = {key[0] for key in wanted}
        with self.database.session() as session:
            for model in signed_models():
                form = form_of(model)
                if form.table.name in tables:
                    for held in session.exec(select(model)):
                        if form.key(held) in wanted:
                            sign_as_it_stands(session, held)
            inventory.accept(session, [row.key for row in rows])
            commit_audited(session, entry)
        for row in rows:
            if row.reason == REMOVED:
                self.guard.versions.forget(row.key)
            self.guard.refused.pop(row.key, None)

    def _page(self, model: type[SignedRow], after: tuple[Any, ...]) -> list[Any]:
        """Return plain rows of all columns, by primary key, those beyond `after` if given."""
        first, next_ = _pages_of(model)
        with self.database.session() as session:
            found = (
                session.execute(
                    next_,
                    {
                        f"after_{column.name}": value
                        for column, value in zip(form_of(model).table.primary_key, after, strict=True)
                    },
                )
                if after
                else session.execute(first)
            )
            return list(found.all())

    def _refused(self, model: type[SignedRow], row: object) -> RowMismatch | None:
        try:
            self.guard.check_plain(model, row)
        except ChangedRowError as error:
            return RowMismatch(error.key, self.guard.refused[error.key])
        return None
