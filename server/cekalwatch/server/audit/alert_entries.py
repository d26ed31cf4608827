"""Audit entries on alerts and deletions: keys and figures, and nothing about a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from cekalwatch.contract.values.adjudication import OFFICERS_OUTCOMES, AlertEventType, Outcome
from cekalwatch.server.audit.entry import MAX_OBJECTS, Action, Actor, ActorKind, AuditEntry, ObjectKind
from cekalwatch.server.domain.alerts.alert import Alert, AlertEvent
from cekalwatch.server.domain.alerts.match import Match


def alert_entry(match: Match, event: AlertEvent) -> AuditEntry:
    """Return the entry on an alert event: a camera's capture was searched, and alerted."""
    return AuditEntry(
        at=event.occurred_at,
        actor=Actor(ActorKind.CAMERA, match.capture.camera.camera_id),
        action=Action.ALERT_RAISED if event.type is AlertEventType.RAISED else Action.ALERT_SIGHTED,
        objects=(
            ObjectKind.ALERT.key(event.alert_id),
            ObjectKind.CAPTURE.key(event.capture_id),
            *(ObjectKind.SUBJECT.key(candidate.subject_id) for candidate in match.candidates),
            *(ObjectKind.ORDER.key(key) for candidate in match.candidates for key in candidate.order_ids),
        ),
        details={"event": event.sequence, "model": match.model_version, "threshold": f"{match.threshold:.4f}"},
    )


_WITH_FINDING = frozenset(
    {
        AlertEventType.ADJUDICATED,
        AlertEventType.CONFIRMED,
        AlertEventType.CLEARED,
        AlertEventType.TAKEN_OVER,
        AlertEventType.REFERENCE_ENTERED,
        AlertEventType.TAKEN_BACK,
        AlertEventType.UNDONE,
    }
)


def handling_entry(alert: Alert, event: AlertEvent, actor: Actor) -> AuditEntry:
    """Return the entry about a step of `actor`: codes and keys, without the note.

    The step shows the alert to the person, so the entry names everything that is shown with it.
    """
    details: dict[str, int | str] = {"event": event.sequence, "version": alert.version}
    objects = [*shown_objects([alert])]
    if event.type in _WITH_FINDING:
        finding = alert.handling.findings[-1]
        details |= {"found": finding.outcome, "reason": finding.reason, "candidate": finding.subject_id}
        look = alert.handling.look_of(finding.person.person_id, finding.subject_id)
        if finding.outcome is Outcome.UNDONE:
            details["undone"] = alert.handling.findings[-2].outcome
        elif look and finding.outcome is not Outcome.TAKEN_OVER:
            details["first_look"] = str(look.finding)
            if finding.outcome in OFFICERS_OUTCOMES:
                details["look"] = "CONFIRMED" if look.finding is finding.outcome else "CHANGED"
    if event.type is AlertEventType.LOOKED:
        look = alert.handling.looks[-1]
        details |= {"found": look.finding, "candidate": look.subject_id}
    if event.type is AlertEventType.CONFIRMED and alert.handling.officer:
        objects.append(ObjectKind.PERSON.key(alert.handling.officer.person_id))
    if event.type is AlertEventType.ESCALATED:
        details |= {"level": alert.handling.escalation.name, "times": alert.handling.escalations}
    return AuditEntry(event.occurred_at, actor, Action(f"ALERT_{event.type}"), tuple(objects), details=details)


def shown_objects(alerts: Iterable[Alert]) -> Iterator[str]:
    """Yield the object keys that these alerts show: their own, and those of the subjects that they name."""
    for alert in alerts:
        yield ObjectKind.ALERT.key(alert.alert_id)
        yield ObjectKind.SUBJECT.key(alert.subject_id)
        for candidate in alert.candidates:
            yield ObjectKind.SUBJECT.key(candidate.subject_id)


def deletion_entry(actor: Actor, at: datetime, subject_id: str, order_ids: Sequence[str], **counts: int) -> AuditEntry:
    """Return the entry on the deletion of a subject: its key, the keys of its orders in their source, and `counts`."""
    keys = (ObjectKind.SUBJECT.key(subject_id), *map(ObjectKind.ORDER.key, order_ids))
    details = {"orders": len(order_ids), **counts}
    return AuditEntry(at, actor, Action.SUBJECT_DELETED, keys[:MAX_OBJECTS], details=details)
