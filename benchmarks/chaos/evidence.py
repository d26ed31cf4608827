"""What the programs have written down and shown, as the checks read it: past the servers, and from the PCs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import Session, col, select

from benchmarks.chaos.machines.officers_pc import OfficersPc, ShownLine
from benchmarks.chaos.sites.plans import PcPlan
from benchmarks.chaos.sites.running_site import RunningSite
from benchmarks.chaos.truth import Answer, SeenPassage
from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.server.audit.entry import ActorKind
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.alerts.tables import AlertEventRow, AlertRow, FindingRow, SightingRow
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.exercises.tables import ExerciseRow

LONG_AGO, SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


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
    """The present state of an alert."""

    alert_id: str
    state: str
    version: int
    subject_ids: frozenset[str]
    """Its candidates."""
    orders_ended: bool = False
    late: bool = False
    exercise: str = ""
    """Its key, of one that is an exercise's."""


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
class StoredExercise:
    """The present state of an exercise."""

    exercise_id: str
    camera_id: str
    counter: str
    due_at: datetime
    alert_id: str
    """Empty until it was raised."""
    ended_at: datetime | None
    end: str
    stage: str


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
    exercises: Mapping[str, StoredExercise] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    """The counters at which the supervisor's PC shows that an exercise has failed, with the stage."""
    counted: int | None = None
    """How many alerts the figures have; None where they were not read."""

    @property
    def real(self) -> Evidence:
        """The same without exercises: as it must be to all that knows nothing of them."""
        staged = {one.alert_id for one in self.alerts.values() if one.exercise}
        return replace(
            self,
            events=[one for one in self.events if one.alert_id not in staged],
            alerts={key: one for key, one in self.alerts.items() if key not in staged},
            sightings={key: one for key, one in self.sightings.items() if one.alert_id not in staged},
        )

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
            counted = len(FieldStore(database).alerts(LONG_AGO, SOME_DAY, site.key))
            return replace(
                found,
                unlike_spans=spans,
                committed=committed,
                wanderer_listed=listed,
                pictures=pictures,
                failed=_failed(site.pcs[site.plan.supervisor.name]),
                counted=counted,
            )
        finally:
            database.close()


def _failed(supervisor: OfficersPc) -> dict[str, str]:
    """Return what the supervisor's PC shows now of exercises that failed: a new life of it shows all that stands."""
    life = supervisor.program.lives[-1].number
    told = [one for one in supervisor.alarms if one.kind == AlarmKind.EXERCISE_FAILED and one.life == life]
    return {counter: one.stage for counter, one in {one.counter: one for one in told}.items() if not one.over}


def _committed(log_files: Iterable[Path]) -> dict[int, datetime]:
    """Read from the servers' logs when they had committed each event of a capture."""
    lines = (line for file in log_files if file.exists() for line in file.read_text("utf-8", "replace").splitlines())
    said = (json.loads(line) for line in lines if '"event": "alert_event"' in line and line.endswith("}"))
    return {int(one["sequence"]): datetime.fromisoformat(one["timestamp"]) for one in said}


def stored_exercises(session: Session) -> dict[str, StoredExercise]:
    """Return the exercises, by key."""
    return {
        row.exercise_id: StoredExercise(
            row.exercise_id,
            row.camera_id,
            row.counter,
            row.due_at,
            row.alert_id or "",
            row.ended_at,
            row.end or "",
            row.stage,
        )
        for row in session.exec(select(ExerciseRow))
    }


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
                row.exercise_id or "",
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
        exercises = stored_exercises(session)
    links = (one for one in AuditStore(database).links() if one.action.startswith("ALERT_"))
    steps = [(int(json.loads(one.details)["event"]), one.actor) for one in links if '"version"' in one.details]
    taken_at = {event: actor.rpartition("/")[2] for event, actor in steps if actor.startswith(f"{ActorKind.PERSON}:")}
    audited = [event for event, _ in steps]
    return Evidence(
        passages, answers, events, alerts, sightings, findings, audited, shown, taken_at=taken_at, exercises=exercises
    )
