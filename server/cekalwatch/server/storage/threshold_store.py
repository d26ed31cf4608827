"""Keeps the decision threshold that two people set. Methods block."""

from __future__ import annotations

from sqlmodel import select, update

from cekalwatch.server.security.audit import AuditEntry
from cekalwatch.server.storage.audit_store import write_audit
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people_tables import ThresholdRow


class ThresholdStore:
    """The threshold in the database, which all its servers follow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self) -> float | None:
        """Return the threshold that was set; None when there is none."""
        with self._database.session() as session:
            return session.exec(select(ThresholdRow.value)).one()

    def set(self, value: float | None, entry: AuditEntry) -> None:
        """Keep another threshold, or none."""
        with self._database.session() as session:
            session.exec(update(ThresholdRow).values(value=value))
            write_audit(session, entry)
            session.commit()
