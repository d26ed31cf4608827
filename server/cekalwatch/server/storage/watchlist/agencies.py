"""The agencies that an office has added, changed or removed; the others are those that this version ships.

Methods block. A changed row is left out, as if nobody had said anything of that agency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Column
from sqlmodel import Field, Session, col, delete, select

from cekalwatch.contract.values.agencies import MAX_AGENCIES, MAX_AGENCIES_BYTES
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.orders.agencies import KNOWN_AGENCIES, Agencies, Agency
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.store import commit_audited
from cekalwatch.server.storage.columns import Facts
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import replace_row, with_valid_mac
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

    def put(self, agency: Agency, entry: AuditEntry, seen: str | None = None) -> None:
        """Add an agency, or replace the one with its code, with the entry in the audit trail.

        `seen` is the mark of the one to replace, empty for none; None: whatever is there. Raises AGENCY_CHANGED when
        it is another, AGENCY_NAME_TAKEN and AGENCIES_TOO_MANY.
        """

        def change(agencies: Agencies) -> AgencyRow:
            _check(next((one for one in agencies.known if one.code == agency.code), None), seen)
            others = tuple(one for one in agencies.known if one.code != agency.code)
            if len(others) >= MAX_AGENCIES or _bytes((*others, agency)) > MAX_AGENCIES_BYTES:
                raise CekalwatchError(Code.AGENCIES_TOO_MANY)
            try:
                Agencies((*others, agency))
            except ValueError as error:
                raise CekalwatchError(Code.AGENCY_NAME_TAKEN) from error
            return _row(agency)

        self._write(change, entry)

    def remove(self, code: str, entry: AuditEntry, seen: str | None = None) -> None:
        """Remove an agency, with the entry in the audit trail; raises AGENCY_NOT_FOUND, and AGENCY_CHANGED as `put`."""

        def change(agencies: Agencies) -> AgencyRow:
            found = next((one for one in agencies.known if one.code == code), None)
            if found is None:
                raise CekalwatchError(Code.AGENCY_NOT_FOUND)
            _check(found, seen)
            return _row(found, removed=True)

        self._write(change, entry)

    def replace(self, wanted: Iterable[Agency], entry: AuditEntry) -> bool:
        """Replace the whole list, with the entry in the audit trail, unless it is this one; return whether it was not.

        Of two agencies with one name, the later one lacks it.
        """
        new = Agencies(()).changed(list(wanted)[:MAX_AGENCIES], ())
        with self._database.session() as session:
            lock_watchlist(session)
            if self._read(session) == new:
                return False
            shipped = {one.code: one for one in self._shipped.known}
            put = [one for one in new.known if shipped.get(one.code) != one]
            removed = [one for one in self._shipped.known if one.code not in {each.code for each in new.known}]
            rows = [*map(_row, put), *(_row(one, removed=True) for one in removed)]
            session.exec(delete(AgencyRow).where(col(AgencyRow.code).not_in([row.code for row in rows])))
            for row in rows:
                replace_row(session, row)
            _finish(session, entry)
        return True

    def _write(self, change: Callable[[Agencies], AgencyRow], entry: AuditEntry) -> None:
        with self._database.session() as session:
            lock_watchlist(session)
            row = change(self._read(session))
            if row.removed and not any(one.code == row.code for one in self._shipped.known):
                session.exec(delete(AgencyRow).where(col(AgencyRow.code) == row.code))
            else:
                replace_row(session, row)
            _finish(session, entry)

    def _read(self, session: Session) -> Agencies:
        rows: Sequence[AgencyRow] = list(with_valid_mac(session, session.exec(select(AgencyRow))))
        put = [Agency(row.code, row.name, tuple(row.other_names)) for row in rows if not row.removed]
        return self._shipped.changed(put, [row.code for row in rows if row.removed])


def _check(found: Agency | None, seen: str | None) -> None:
    """Raise AGENCY_CHANGED unless an agency is as it was seen."""
    if seen is not None and seen != (found.mark if found else ""):
        raise CekalwatchError(Code.AGENCY_CHANGED)


def _row(agency: Agency, *, removed: bool = False) -> AgencyRow:
    return AgencyRow(code=agency.code, name=agency.name, other_names=list(agency.other_names), removed=removed)


def _bytes(agencies: Iterable[Agency]) -> int:
    return sum(len(name.encode()) for agency in agencies for name in agency.names)


def _finish(session: Session, entry: AuditEntry) -> None:
    """Commit a change; every server of the database compares orders anew when the counter rises."""
    count_change(session, ())
    commit_audited(session, entry)
