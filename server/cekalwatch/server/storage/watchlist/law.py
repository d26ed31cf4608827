"""The rows of the law that an office has added; the others are those that this version ships. Methods block.

A changed row is left out, as if nobody had added it.
"""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Column
from sqlmodel import Field, Session, select

from cekalwatch.contract.values.law import LawRow
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.orders.law_table import SHIPPED, LawTable
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.columns import Facts
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import in_order, replace_row
from cekalwatch.server.storage.integrity.signed_row import SignedRow
from cekalwatch.server.storage.watchlist.changes import count_change, lock_watchlist

_ROW = TypeAdapter(LawRow)


class LawRowRow(SignedRow, table=True):
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
            replace_row(
                session,
                LawRowRow(
                    kind=row.kind, holds_from=row.holds_from.isoformat(), figures=_ROW.dump_python(row, mode="json")
                ),
            )
            # Every server of the database judges orders anew when the counter rises.
            count_change(session, ())
            session.flush()
            write_audit(session, entry)
            session.commit()

    def _read(self, session: Session) -> LawTable:
        table = SHIPPED
        for row in in_order(session, session.exec(select(LawRowRow))):
            table = table.with_row(_ROW.validate_python(row.figures))
        return table
