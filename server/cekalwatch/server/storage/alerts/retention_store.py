"""Removes data of alerts after its retention time. Each method is one transaction, and blocks.

A preview and a sweep use the same query, so they cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import func
from sqlmodel import col, delete, select
from sqlmodel.sql.expression import SelectOfScalar

from cekalwatch.contract.values.adjudication import UNSETTLED, AlertState
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.storage.alerts.store import lock_log
from cekalwatch.server.storage.alerts.tables import (
    AlertEventRow,
    AlertPassageRow,
    AlertRow,
    FindingRow,
    FollowUpRow,
    ProbeRow,
    SightingRow,
)
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.database import Database

AT_ONCE = 200
"""Alerts whose records go in one transaction, during which no alert is raised."""

_PARTS = (AlertPassageRow, SightingRow, ProbeRow, FindingRow, FollowUpRow)
_DONE = (AlertState.CLEARED, AlertState.CLOSED)


class RetentionStore:
    """The data of alerts that is due for removal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unsettled_images(self, before: datetime) -> int:
        """Count the images of unsettled alerts that were raised before."""
        with self._database.session() as session:
            chosen = col(ProbeRow.alert_id).in_(_unsettled(before))
            return session.exec(select(func.count()).select_from(ProbeRow).where(chosen)).one()

    def remove_unsettled_images(self, before: datetime, note: Callable[[int], AuditEntry]) -> int:
        """Remove them, with the audit entry that `note` makes of their number, and return it."""
        with self._database.session() as session:
            lock_log(session)
            gone = session.exec(delete(ProbeRow).where(col(ProbeRow.alert_id).in_(_unsettled(before)))).rowcount
            if not gone:
                return 0
            write_audit(session, note(gone))
            session.commit()
        self._database.purge_journal()
        return gone

    def records(self, before: datetime) -> int:
        """Count the alerts that were raised before, are cleared or closed, and have left the event log."""
        with self._database.session() as session:
            return session.exec(select(func.count()).select_from(_done(before).subquery())).one()

    def remove_records(self, before: datetime, note: Callable[[int], AuditEntry]) -> int:
        """Remove them with all related data, with the audit entries on their numbers, and return how many."""
        gone = 0
        while True:
            with self._database.session() as session:
                lock_log(session)
                alert_ids = session.exec(_done(before).limit(AT_ONCE)).all()
                if not alert_ids:
                    break
                for part in _PARTS:
                    session.exec(delete(part).where(col(part.alert_id).in_(alert_ids)))
                session.exec(delete(AlertRow).where(col(AlertRow.alert_id).in_(alert_ids)))
                write_audit(session, note(len(alert_ids)))
                session.commit()
                gone += len(alert_ids)
        if gone:
            self._database.purge_journal()
        return gone


def _unsettled(before: datetime) -> SelectOfScalar[str]:
    return select(AlertRow.alert_id).where(col(AlertRow.state).in_(UNSETTLED), col(AlertRow.raised_at) <= before)


def _done(before: datetime) -> SelectOfScalar[str]:
    events = select(AlertEventRow.sequence).where(col(AlertEventRow.alert_id) == col(AlertRow.alert_id))
    return select(AlertRow.alert_id).where(
        col(AlertRow.state).in_(_DONE), col(AlertRow.raised_at) <= before, ~events.exists()
    )
