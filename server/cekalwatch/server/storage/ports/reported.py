"""At a port: what of its event log the centre has, and what there is to report. Methods block."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select, update

from cekalwatch.contract.values.federation import LogPosition
from cekalwatch.server.storage.alerts.tables import AlertEventRow, AlertRow
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.ports.tables import CentreReportRow


class ReportedLog:
    """The port's own event log, as the centre knows it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acknowledge(self, sequence: int, now: datetime) -> None:
        """Note that the centre has stored the log up to there."""
        with self._database.session() as session:
            session.exec(update(CentreReportRow).values(sequence=sequence, acknowledged_at=now))
            session.commit()

    def waiting(self) -> int:
        """Return how many events the centre has not stored, as far as this port knows."""
        reached = select(CentreReportRow.sequence).where(col(CentreReportRow.id) == 1).scalar_subquery()
        query = select(func.count()).select_from(AlertEventRow).where(col(AlertEventRow.sequence) > reached)
        with self._database.session() as session:
            return session.exec(query).one()

    def event_at(self, sequence: int) -> LogPosition | None:
        """Return the event with that sequence; None where there is none."""
        with self._database.session() as session:
            row = session.get(AlertEventRow, sequence)
            return LogPosition(sequence, UUID(row.alert_id), row.occurred_at) if row else None

    def alert_ids(self, after: UUID | None, up_to: UUID, limit: int) -> list[UUID]:
        """Return the keys of at most `limit` alerts that are held, rising: after the key `after`, up to `up_to`."""
        query = select(AlertRow.alert_id).where(col(AlertRow.alert_id) <= str(up_to)).order_by(col(AlertRow.alert_id))
        if after:
            query = query.where(col(AlertRow.alert_id) > str(after))
        with self._database.session() as session:
            return list(map(UUID, session.exec(query.limit(limit))))
