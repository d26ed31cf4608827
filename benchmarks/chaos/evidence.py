"""What the programs have written down and shown, as the checks read it: past the servers, and from the PCs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlmodel import col, select

from benchmarks.chaos.machines.officers_pc import ShownLine
from benchmarks.chaos.sites.plans import PcPlan
from benchmarks.chaos.sites.running_site import RunningSite
from benchmarks.chaos.truth import Answer, SeenPassage
from cekalwatch.server.audit.entry import ActorKind
from cekalwatch.server.storage.alerts.tables import AlertEventRow, AlertRow, FindingRow, SightingRow
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database


@dataclass(frozen=True)
class LoggedEvent:
    """An event of the log."""

    sequence: int
    type: str
    occurred_at: datetime
    alert_id: str
    capture_id: str


@dataclass(frozen=True)
class StoredAlert:
    """An alert as it stands."""

    alert_id: str
    state: str
    version: int
    subject_ids: frozenset[str]
    """Its candidates."""
    orders_ended: bool = False
    late: bool = False


@dataclass(frozen=True)
class StoredSighting:
    """A capture that belongs to an alert."""

    capture_id: str
    alert_id: str
    passage: str
    counter: str
    captured_at: datetime
    late: bool = False


@dataclass(frozen=True)
class StoredFinding:
    """What somebody found."""

    alert_id: str
    person_id: str
    outcome: str
    reason: str


@dataclass(frozen=True)
class Evidence:
    """All of it of a site at one moment."""

    passages: Sequence[SeenPassage]
    answers: Sequence[Answer]
    events: Sequence[LoggedEvent]
    alerts: Mapping[str, StoredAlert]
    sightings: Mapping[str, StoredSighting]
    """By capture."""
    findings: Mapping[str, Sequence[StoredFinding]]
    """By alert, in order."""
    audited: Sequence[int]
    """The events that the audit trail has entries of, in its order."""
    shown: Mapping[PcPlan, Sequence[ShownLine]]
    unlike_spans: Sequence[tuple[datetime, datetime]] = ()
    """When faces could not be compared, since the model of the gallery changed, or times could not, since a server's
    clock did."""
    committed: Mapping[int, datetime] = field(default_factory=dict)
    """When a server said that it had committed an event, by sequence: one that was killed just then has not said so."""
    wanderer_listed: bool | None = None
    """Whether the wanderer is on the list; None while that changes."""
    taken_at: Mapping[int, str] = field(default_factory=dict)
    """The PC at which somebody took the step of an event, by sequence."""
    pictures: Mapping[PcPlan, frozenset[str]] = field(default_factory=dict)
    """The alerts of which a PC has pictures on its disk."""

    @classmethod
    def of(cls, site: RunningSite) -> Evidence:
        """Read it. Raises StorageError when the database is away."""
        shown = {pc.plan: pc.lines for pc in site.pcs.values()}
        pictures = {pc.plan: pc.pictures for pc in site.pcs.values()}
        passages, answers = site.truth.copied(), site.truth.copied_answers()
        spans, listed = tuple(site.truth.unlike_spans), site.truth.wanderer_listed
        committed = _committed(server.program.log_file for server in site.servers.values())
        database = site.database()
        try:
            found = read(database, passages, answers, shown)
            return replace(found, unlike_spans=spans, committed=committed, wanderer_listed=listed, pictures=pictures)
        finally:
            database.close()


def _committed(log_files: Iterable[Path]) -> dict[int, datetime]:
    """Read from the servers' logs when they had committed each event of a capture."""
    lines = (line for file in log_files if file.exists() for line in file.read_text("utf-8", "replace").splitlines())
    said = (json.loads(line) for line in lines if '"event": "alert_event"' in line and line.endswith("}"))
    return {int(one["sequence"]): datetime.fromisoformat(one["timestamp"]) for one in said}


def read(
    database: Database,
    passages: Sequence[SeenPassage],
    answers: Sequence[Answer],
    shown: Mapping[PcPlan, Sequence[ShownLine]],
) -> Evidence:
    """Read what a database says, opened with its keys. Raises StorageError when it is away."""
    with database.one_state() as session:
        events = [
            LoggedEvent(row.sequence or 0, str(row.type), row.occurred_at, row.alert_id, row.capture_id)
            for row in session.exec(select(AlertEventRow).order_by(col(AlertEventRow.sequence)))
        ]
        alerts = {
            row.alert_id: StoredAlert(
                row.alert_id,
                row.state,
                row.version,
                frozenset(str(one["subject_id"]) for one in row.candidates),
                row.orders_ended_at is not None,
                row.late,
            )
            for row in session.exec(select(AlertRow))
        }
        sightings = {
            row.capture_id: StoredSighting(
                row.capture_id, row.alert_id, row.passage, row.counter, row.captured_at, bool(row.late)
            )
            for row in session.exec(select(SightingRow))
        }
        findings = defaultdict(list)
        for row in session.exec(select(FindingRow).order_by(col(FindingRow.alert_id), col(FindingRow.number))):
            findings[row.alert_id].append(StoredFinding(row.alert_id, row.person_id, row.outcome, row.reason))
    links = (one for one in AuditStore(database).links() if one.action.startswith("ALERT_"))
    steps = [(int(json.loads(one.details)["event"]), one.actor) for one in links if '"version"' in one.details]
    taken_at = {event: actor.rpartition("/")[2] for event, actor in steps if actor.startswith(f"{ActorKind.PERSON}:")}
    audited = [event for event, _ in steps]
    return Evidence(passages, answers, events, alerts, sightings, findings, audited, shown, taken_at=taken_at)
