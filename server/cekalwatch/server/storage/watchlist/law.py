"""The rows of the law that an office has added; the others are those that this version ships. Methods block.

A changed row is left out, as if nobody had added it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, Session, select

from cekalwatch.contract.values.law import LawRow
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.orders.law_table import SHIPPED, LawTable
from cekalwatch.server.storage.audit.store import commit_audited
from cekalwatch.server.storage.columns import Facts
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import replace_row, with_valid_mac
from cekalwatch.server.storage.integrity.signed_row import SignedRow
from cekalwatch.server.storage.row_codec import as_json, json_reader
from cekalwatch.server.storage.watchlist.changes import count_change, lock_watchlist


class AddedLawRow(SignedRow, table=True):
    """A row of the law as two people have added it last."""

    __tablename__ = "law_row"

    kind: str = Field(primary_key=True)
    holds_from: str = Field(primary_key=True)
    figures: dict[str, Any] = Field(sa_column=Column(Facts, nullable=False))
    """The whole row, as JSON."""


class LawStore:
    """The law of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> LawTable:
        """Return the table by which orders are judged now."""
        with self._database.session() as session:
            return self._read(session)

    def add(self, row: LawRow, entry: AuditEntry) -> None:
        """Add a row, or replace the one of its kind and day, with the entry in the audit trail."""
        with self._database.session() as session:
            lock_watchlist(session)
            replace_row(session, _row(row))
            _finish(session, entry)

    def replace(self, rows: Iterable[LawRow], entry: AuditEntry) -> bool:
        """Replace the whole law, with the entry in the audit trail, unless it is this one; return whether it was not.

        Rows that this version ships stay where no other one is of their kind and day.
        """
        wanted = with_rows(rows)
        with self._database.session() as session:
            lock_watchlist(session)
            if self._read(session) == wanted:
                return False
            added = [_row(row) for row in wanted.rows if row not in SHIPPED.rows]
            keys = {(row.kind, row.holds_from) for row in added}
            for held in session.exec(select(AddedLawRow)).all():
                if (held.kind, held.holds_from) not in keys:
                    session.delete(held)
            for row in added:
                replace_row(session, row)
            _finish(session, entry)
        return True

    def _read(self, session: Session) -> LawTable:
        read: Callable[[Any], LawRow] = json_reader(LawRow)
        rows = with_valid_mac(session, session.exec(select(AddedLawRow)))
        return with_rows(read(row.figures) for row in rows)


def with_rows(rows: Iterable[LawRow]) -> LawTable:
    """Return the law as this version ships it, with other rows added or in place of those of their kind and day."""
    return reduce(LawTable.with_row, rows, SHIPPED)


def _row(row: LawRow) -> AddedLawRow:
    return AddedLawRow(kind=row.kind, holds_from=row.holds_from.isoformat(), figures=as_json(row))


def _finish(session: Session, entry: AuditEntry) -> None:
    """Commit a change; every server of the database judges orders anew when the counter rises."""
    count_change(session, ())
    commit_audited(session, entry)
