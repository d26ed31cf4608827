"""Between the rows of alerts and the domain's values. It opens no transaction of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

import uuid6
from sqlmodel import Session, col, select

from cekalwatch.server.domain.alerts import (
    Alert,
    AlertEvent,
    AlertEventType,
    Candidate,
    Match,
    Sighting,
)
from cekalwatch.server.domain.cameras import Camera, Direction
from cekalwatch.server.domain.errors import CekalwatchError
from cekalwatch.server.domain.findings import Finding, FollowUp, Outcome, Reason
from cekalwatch.server.domain.handling import AlertState, Claim, Escalation, Handling, Holder
from cekalwatch.server.storage.alert_tables import AlertEventRow, AlertRow, FindingRow, FollowUpRow, SightingRow

MOST_SIGHTINGS = 20
"""Sightings that are read with an alert: the newest ones."""


def new_row(match: Match, now: datetime) -> AlertRow:
    """Return the row of an alert that `match` raises."""
    capture = match.capture
    return AlertRow(
        alert_id=str(uuid6.uuid7()),
        state=AlertState.NEW,
        version=1,
        subject_id=match.subject_id,
        order_ids=list(match.order_ids),
        camera_id=capture.camera.camera_id,
        site=capture.camera.site,
        counter=capture.camera.counter,
        direction=capture.camera.direction,
        captured_at=capture.captured_at,
        raised_at=now,
        last_seen_at=capture.captured_at,
        score=match.score,
        threshold=match.threshold,
        candidates=[asdict(candidate) for candidate in match.candidates],
        model_version=match.model_version,
        late=match.late,
    )


def join_match(row: AlertRow, match: Match) -> None:
    """Bring the row to where the alert stands after `match` joined it."""
    alert = bare_alert(row).with_match(match)
    row.version = alert.version
    row.score = alert.score
    row.candidates = [asdict(candidate) for candidate in alert.candidates]
    row.order_ids = list(alert.order_ids)
    row.last_seen_at = alert.last_seen_at
    row.late = alert.late


def write_handling(session: Session, row: AlertRow, before: Handling, after: Handling) -> None:
    """Bring the row to `after`, and add the findings and follow-ups that `before` does not have."""
    row.state, row.revision, row.escalation = after.state, after.revision, after.escalation
    row.released_at, row.reference = after.released_at, after.reference
    row.claim_person_id = str(after.claim.holder.person_id) if after.claim else None
    row.claim_agent = after.claim.holder.agent if after.claim else None
    row.claim_until = after.claim.until if after.claim else None
    session.add(row)
    for number, finding in list(enumerate(after.findings))[len(before.findings) :]:
        session.add(
            FindingRow(
                alert_id=row.alert_id,
                number=number,
                outcome=finding.outcome,
                reason=finding.reason,
                note=finding.note,
                person_id=str(finding.by),
                found_at=finding.at,
            )
        )
    for number, follow_up in list(enumerate(after.follow_ups))[len(before.follow_ups) :]:
        session.add(
            FollowUpRow(
                alert_id=row.alert_id,
                number=number,
                agency=follow_up.agency,
                contact=follow_up.contact,
                result=follow_up.result,
                contacted_at=follow_up.contacted_at,
                person_id=str(follow_up.by),
                recorded_at=follow_up.at,
            )
        )


def read_alerts(session: Session, rows: Sequence[AlertRow]) -> list[Alert]:
    """Return the rows' alerts with sightings, findings and follow-ups."""
    ids = [row.alert_id for row in rows]
    findings, follow_ups = _findings(session, ids), _follow_ups(session, ids)
    return [
        _alert(row, _sightings(session, row.alert_id), findings[row.alert_id], follow_ups[row.alert_id]) for row in rows
    ]


def bare_alert(row: AlertRow) -> Alert:
    """Return a row's alert without sightings, findings and follow-ups: enough to know what joins it."""
    return _alert(row)


def event_of(row: AlertEventRow) -> AlertEvent:
    """Return the event of a row that is written."""
    if row.sequence is None:  # only before a flush
        raise ValueError("an event has its sequence once it is written")
    return AlertEvent(
        sequence=row.sequence,
        type=AlertEventType(row.type),
        occurred_at=row.occurred_at,
        alert_id=UUID(row.alert_id),
        capture_id=UUID(row.capture_id) if row.capture_id else None,
    )


def _alert(
    row: AlertRow,
    sightings: Iterable[Sighting] = (),
    findings: Iterable[Finding] = (),
    follow_ups: Iterable[FollowUp] = (),
) -> Alert:
    return Alert(
        alert_id=UUID(row.alert_id),
        version=row.version,
        subject_id=row.subject_id,
        order_ids=tuple(row.order_ids),
        camera=Camera(row.camera_id, row.site, row.counter, Direction(row.direction)),
        captured_at=row.captured_at,
        last_seen_at=row.last_seen_at,
        score=row.score,
        threshold=row.threshold,
        candidates=tuple(Candidate(**candidate) for candidate in row.candidates),
        model_version=row.model_version,
        handling=Handling(
            raised_at=row.raised_at,
            state=AlertState(row.state),
            revision=row.revision,
            released_at=row.released_at,
            claim=_claim(row),
            findings=tuple(findings),
            reference=row.reference,
            follow_ups=tuple(follow_ups),
            escalation=Escalation(row.escalation),
        ),
        late=row.late,
        sightings=tuple(sightings),
    )


def _claim(row: AlertRow) -> Claim | None:
    if row.claim_person_id is None or row.claim_agent is None or row.claim_until is None:
        return None
    return Claim(Holder(UUID(row.claim_person_id), row.claim_agent), row.claim_until)


def _findings(session: Session, alert_ids: list[str]) -> dict[str, list[Finding]]:
    query = select(FindingRow).where(col(FindingRow.alert_id).in_(alert_ids)).order_by(col(FindingRow.number))
    found: dict[str, list[Finding]] = defaultdict(list)
    for row in session.exec(query):
        try:
            finding = Finding(Outcome(row.outcome), Reason(row.reason), row.note, UUID(row.person_id), row.found_at)
        except CekalwatchError as error:  # it was sound when it was written
            raise ValueError(f"damaged finding: {error.code}") from None
        found[row.alert_id].append(finding)
    return found


def _follow_ups(session: Session, alert_ids: list[str]) -> dict[str, list[FollowUp]]:
    query = select(FollowUpRow).where(col(FollowUpRow.alert_id).in_(alert_ids)).order_by(col(FollowUpRow.number))
    found: dict[str, list[FollowUp]] = defaultdict(list)
    for row in session.exec(query):
        try:
            follow_up = FollowUp(
                row.agency, row.contact, row.result, row.contacted_at, UUID(row.person_id), row.recorded_at
            )
        except CekalwatchError as error:
            raise ValueError(f"damaged follow-up: {error.code}") from None
        found[row.alert_id].append(follow_up)
    return found


def _sightings(session: Session, alert_id: str) -> list[Sighting]:
    query = (
        select(SightingRow)
        .where(col(SightingRow.alert_id) == alert_id)
        .order_by(col(SightingRow.captured_at).desc())
        .limit(MOST_SIGHTINGS)
    )
    newest_first = [
        Sighting(
            capture_id=UUID(row.capture_id),
            captured_at=row.captured_at,
            camera=Camera(row.camera_id, row.site, row.counter, Direction(row.direction)),
            score=row.score,
            fused_crops=row.fused_crops,
        )
        for row in session.exec(query)
    ]
    return newest_first[::-1]
