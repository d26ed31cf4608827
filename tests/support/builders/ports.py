"""What ports report, for tests of what the centre makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import uuid6

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.domain.alerts.adjudication import Finding
from cekalwatch.server.domain.alerts.alert import Alert, AlertEvent
from cekalwatch.server.domain.alerts.handling import Handling
from cekalwatch.server.domain.alerts.match import Candidate
from cekalwatch.server.domain.ports import Port, PortReport, RefusedReport
from tests.support.builders.alerts import ELSEWHERE, NOON

SEKUPANG = Port("sekupang", "server")
HARBOUR_BAY = Port("harbour-bay", "server")
BUDI = PersonReference("11111111-1111-1111-1111-111111111111")


def port_alert(state: AlertState = AlertState.NEW, *findings: Finding) -> Alert:
    return Alert(
        alert_id=uuid6.uuid7(),
        version=1,
        subject_id="S-1",
        camera=ELSEWHERE.place,
        captured_at=NOON,
        last_seen_at=NOON,
        threshold=0.5,
        candidates=(Candidate("S-1", 0.7, order_ids=("O-1",)),),
        model_version="model-1",
        handling=Handling(raised_at=NOON, state=state, findings=findings),
        cameras=frozenset({ELSEWHERE.place}),
    )


def report(
    sequence: int,
    about: Alert,
    *,
    previous: int | None = None,
    kind: AlertEventType = AlertEventType.RAISED,
) -> PortReport:
    event = AlertEvent(sequence, kind, NOON + timedelta(seconds=sequence), alert_id=about.alert_id)
    return PortReport(sequence - 1 if previous is None else previous, event, about, {BUDI.person_id: "Budi Santoso"})


def contradicted(reports: Sequence[RefusedReport]) -> AuditEntry:
    """The entry about reports that contradict earlier ones."""
    details = {"facts": " ".join(fact for one in reports for fact in one.facts)}
    return AuditEntry(NOON, Actor(ActorKind.SERVER, "here"), Action.PORT_CONTRADICTED, details=details)
