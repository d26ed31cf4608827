"""Stores whether people must look at the faces of an alert first. Methods block."""

from __future__ import annotations

from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.storage.alerts.store import lock_log
from cekalwatch.server.storage.alerts.tables import FirstLookSettingRow
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import one_checked, replace_row


class LookSettingStore:
    """The setting in the database, which all its servers follow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def asked(self) -> bool:
        """Return whether first looks are asked for: they are, unless two people have said otherwise.

        Raises ChangedRowError when the row was changed.
        """
        with self._database.session() as session:
            row = one_checked(session, FirstLookSettingRow, 1)
        return row is None or row.asked

    def set(self, entry: AuditEntry, *, asked: bool) -> None:
        """Store it, with its entry in the audit trail."""
        with self._database.session() as session:
            lock_log(session)
            replace_row(session, FirstLookSettingRow(asked=asked))
            session.flush()
            write_audit(session, entry)
            session.commit()
