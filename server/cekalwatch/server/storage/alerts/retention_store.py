"""Removes data of alerts after its retention time. Each method is one transaction, and blocks.

A preview and a sweep use the same query, so they cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func
from sqlmodel import Session, col, delete, select
from sqlmodel.sql.expression import SelectOfScalar

from cekalwatch.contract.values.adjudication import UNSETTLED, AlertState
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.alerts.match import Candidate
from cekalwatch.server.storage.alerts.rows import bare_alert
from cekalwatch.server.storage.alerts.store import lock_log
from cekalwatch.server.storage.alerts.tables import (
    REAL,
    AlertAgencyRow,
    AlertEventRow,
    AlertPassageRow,
    AlertRow,
    FindingRow,
    FollowUpRow,
    LookRow,
    ProbeRow,
    SightingRow,
    ToldRow,
)
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import checked
from cekalwatch.server.storage.watchlist.rows import DAMAGED
from cekalwatch.server.storage.watchlist.tables import BanOrderRow, SubjectRow

AT_ONCE = 200
"""Alerts whose records go in one transaction, during which no alert is raised."""

_PARTS = (AlertAgencyRow, AlertPassageRow, SightingRow, ProbeRow, FindingRow, LookRow, FollowUpRow, ToldRow)
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

    def remove_left_probes(self, note: Callable[[int], AuditEntry]) -> int:
        """Remove the probes of alerts whose subject is no longer on the watchlist; returns how many.

        They come from captures that were being decided while the subject was deleted, and from alerts whose last
        candidate of several was deleted. If there were any, the audit entry that `note` makes of their number is
        committed with it.
        """
        listed = select(SubjectRow.subject_id).where(col(SubjectRow.subject_id) == AlertRow.subject_id)
        with self._database.session() as session:
            gone = remove_probes_of_nobody(session, and_(REAL, ~listed.exists()))
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


def remove_probes_of_nobody(session: Session, whose: ColumnElement[bool]) -> int:
    """Remove the probes of those alerts `whose` subject is gone that ask about nobody on the watchlist.

    Returns how many. Whoever judges the others compares the picture with another candidate's, or with that of the same
    person under the key to which their orders have moved (domain rule 4).
    """
    rows = session.exec(select(AlertRow).join(ProbeRow).where(whose)).all()
    wanted = {row.alert_id: _asked_about(session, row) for row in rows}
    subjects = {one.subject_id for some in wanted.values() for one in some}
    orders = {order_id for some in wanted.values() for one in some for order_id in one.order_ids}
    listed = set(session.exec(select(SubjectRow.subject_id).where(col(SubjectRow.subject_id).in_(subjects))))
    moved = set(session.exec(select(BanOrderRow.order_id).where(col(BanOrderRow.order_id).in_(orders))))
    gone = [
        alert_id
        for alert_id, left in wanted.items()
        if not any(one.subject_id in listed or moved.intersection(one.order_ids) for one in left)
    ]
    return session.exec(delete(ProbeRow).where(col(ProbeRow.alert_id).in_(gone))).rowcount if gone else 0


def _asked_about(session: Session, row: AlertRow) -> tuple[Candidate, ...]:
    """Return the candidates that may still have to be judged, and that of a hit; none of a damaged alert."""
    try:
        alert = bare_alert(checked(session, row))
    except DAMAGED:
        return ()
    if alert.undecided:
        return alert.left
    return (alert.present,) if alert.open else ()


def _unsettled(before: datetime) -> SelectOfScalar[str]:
    return select(AlertRow.alert_id).where(col(AlertRow.state).in_(UNSETTLED), col(AlertRow.raised_at) <= before)


def _done(before: datetime) -> SelectOfScalar[str]:
    events = select(AlertEventRow.sequence).where(col(AlertEventRow.alert_id) == col(AlertRow.alert_id))
    return select(AlertRow.alert_id).where(
        col(AlertRow.state).in_(_DONE), col(AlertRow.raised_at) <= before, ~events.exists()
    )
