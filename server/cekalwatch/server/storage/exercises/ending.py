"""Ends exercises inside a transaction of somebody else: of a look, of a real alert, of the clock. It opens none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_
from sqlmodel import Session, col, delete, select

from cekalwatch.contract.values.adjudication import UNDO_FOR, UNSETTLED, AlertEventType, AlertState
from cekalwatch.server.audit.alert_entries import handling_entry
from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.exercises import Exercise, ExerciseEnd, end_of
from cekalwatch.server.storage.alerts.rows import bare_alert, event_of
from cekalwatch.server.storage.alerts.tables import REAL, AlertEventRow, AlertRow, FindingRow, ProbeRow
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.exercises.tables import ExerciseRow
from cekalwatch.server.storage.integrity.guarded_session import with_valid_mac
from cekalwatch.server.storage.row_codec import RowCodec

EXERCISES = RowCodec(Exercise, ExerciseRow)


def held(session: Session, exercise_id: UUID | str) -> ExerciseRow | None:
    """Return the row of an exercise that has not ended; None for any other, and for one that somebody changed."""
    row = session.get(ExerciseRow, str(exercise_id))
    found = next(with_valid_mac(session, [row] if row else []), None)
    return found if found is not None and found.ended_at is None else None


def end_row(session: Session, row: ExerciseRow, end: ExerciseEnd, now: datetime, person_id: UUID | None = None) -> None:
    """Write how an exercise ended; a judgement shows that it was on a screen."""
    if person_id is not None:
        row.shown_at = row.shown_at or now
    row.stage = EXERCISES.read(row).reached
    row.ended_at, row.end, row.person_id = now, end, str(person_id) if person_id else None
    session.add(row)


def end_judged(session: Session, alert: Alert, now: datetime) -> None:
    """End the exercise of an alert that has just been looked at: its result, and no picture any more."""
    if alert.exercise_id and (row := held(session, alert.exercise_id)):
        look = alert.handling.looks[-1]
        end_row(session, row, end_of(look.finding), now, UUID(look.person.person_id))
    session.exec(delete(ProbeRow).where(col(ProbeRow.alert_id) == str(alert.alert_id)))


def real_alert_waits(session: Session, site: str, now: datetime) -> bool:
    """Whether a real alert at the site is not settled, or may be so again since its judgement can still be undone."""
    undoable = select(FindingRow.alert_id).where(col(FindingRow.found_at) >= now - UNDO_FOR)
    state = col(AlertRow.state)
    waits = or_(state.in_(UNSETTLED), (state == AlertState.CLEARED) & col(AlertRow.alert_id).in_(undoable))
    query = select(AlertRow.alert_id).where(REAL, col(AlertRow.site) == site, waits)
    return session.exec(query.limit(1)).first() is not None


def give_way(session: Session, site: str, actor: Actor, now: datetime) -> None:
    """Close the exercises that stand at a site where a real alert comes, before its own event."""
    query = select(AlertRow).where(~REAL, col(AlertRow.site) == site, col(AlertRow.state).in_(UNSETTLED))
    close_alerts(session, list(session.exec(query)), ExerciseEnd.WITHDRAWN, actor, now)


def close_alerts(session: Session, rows: Iterable[AlertRow], end: ExerciseEnd, actor: Actor, now: datetime) -> None:
    """Close the alerts of exercises that nobody judged, with their events and entries in the audit trail."""
    for row in with_valid_mac(session, rows):
        row.state, row.version = AlertState.CLOSED, row.version + 1
        row.claim_person_id = row.claim_agent = row.claim_until = None
        session.add(row)
        session.exec(delete(ProbeRow).where(col(ProbeRow.alert_id) == row.alert_id))
        if row.exercise_id and (exercise := held(session, row.exercise_id)):
            end_row(session, exercise, end, now)
        event = AlertEventRow(type=AlertEventType.CLOSED, occurred_at=now, alert_id=row.alert_id, capture_id="")
        session.add(event)
        session.flush()
        write_audit(session, handling_entry(bare_alert(row), event_of(event), actor))
