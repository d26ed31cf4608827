"""Keeps the decision threshold that two people set. Methods block."""

from __future__ import annotations

from sqlmodel import col, select, update

from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.tables import ThresholdRow


class ThresholdStore:
    """The threshold in the database, which all its servers follow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, model_version: str) -> float | None:
        """Return the threshold that was set for that model version; None when there is none."""
        query = select(ThresholdRow.value).where(col(ThresholdRow.model_version) == model_version)
        with self._database.session() as session:
            return session.exec(query).first()

    def set(self, value: float | None, model_version: str, entry: AuditEntry) -> None:
        """Keep another threshold, or none; one for another model version is forgotten."""
        with self._database.session() as session:
            session.exec(update(ThresholdRow).values(value=value, model_version=model_version))
            write_audit(session, entry)
            session.commit()
