"""The agencies that an office has added, changed or removed; the others are those that this version ships.

Methods block. A changed row is left out, as if nobody had said anything of that agency.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Column
from sqlmodel import Field, Session, col, delete, select

from cekalwatch.contract.values.agencies import MAX_AGENCIES
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.orders.agencies import KNOWN_AGENCIES, Agencies, Agency
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.columns import Facts
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import in_order, replace_row
from cekalwatch.server.storage.integrity.signed_row import SignedRow
from cekalwatch.server.storage.watchlist.changes import count_change, lock_watchlist


class AgencyRow(SignedRow, table=True):
    """An agency as an office has put it, or one that is shipped and that the office has removed."""

    __tablename__ = "agency"

    code: str = Field(primary_key=True)
    name: str
    other_names: list[str] = Field(sa_column=Column(Facts, nullable=False))
    removed: bool


class AgencyStore:
    """The agencies of one database."""

    def __init__(self, database: Database, shipped: Agencies = KNOWN_AGENCIES) -> None:
        self._database = database
        self._shipped = shipped

    def read(self) -> Agencies:
        """Return the agencies by which orders are compared now."""
        with self._database.session() as session:
            return self._read(session)

    def put(self, agency: Agency, entry: AuditEntry) -> None:
        """Add an agency, or replace the one with its code, with the entry in the audit trail.

        Raises AGENCY_NAME_TAKEN and AGENCIES_TOO_MANY.
        """

        def change(agencies: Agencies) -> AgencyRow:
            others = tuple(one for one in agencies.known if one.code != agency.code)
            if len(others) >= MAX_AGENCIES:
                raise CekalwatchError(Code.AGENCIES_TOO_MANY)
            try:
                Agencies((*others, agency))
            except ValueError as error:
                raise CekalwatchError(Code.AGENCY_NAME_TAKEN) from error
            return AgencyRow(code=agency.code, name=agency.name, other_names=list(agency.other_names), removed=False)

        self._write(change, entry)

    def remove(self, code: str, entry: AuditEntry) -> None:
        """Remove an agency, with the entry in the audit trail; raises AGENCY_NOT_FOUND."""

        def change(agencies: Agencies) -> AgencyRow:
            found = next((one for one in agencies.known if one.code == code), None)
            if found is None:
                raise CekalwatchError(Code.AGENCY_NOT_FOUND)
            return AgencyRow(code=code, name=found.name, other_names=[], removed=True)

        self._write(change, entry)

    def _write(self, change: Callable[[Agencies], AgencyRow], entry: AuditEntry) -> None:
        with self._database.session() as session:
            lock_watchlist(session)
            row = change(self._read(session))
            if row.removed and not any(one.code == row.code for one in self._shipped.known):
                session.exec(delete(AgencyRow).where(col(AgencyRow.code) == row.code))
            else:
                replace_row(session, row)
            # Every server of the database compares orders anew when the counter rises.
            count_change(session, ())
            session.flush()
            write_audit(session, entry)
            session.commit()

    def _read(self, session: Session) -> Agencies:
        rows: Sequence[AgencyRow] = list(in_order(session, session.exec(select(AgencyRow))))
        put = [Agency(row.code, row.name, tuple(row.other_names)) for row in rows if not row.removed]
        return self._shipped.changed(put, [row.code for row in rows if row.removed])
