"""Each due alert was raised once, and nobody else alerted; passages were grouped as ADR 9 says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from benchmarks.chaos.evidence import Evidence, LoggedEvent, StoredFinding, StoredSighting
from benchmarks.chaos.people import WANDERER
from benchmarks.chaos.sites.plans import GROUPING_WINDOW_S
from benchmarks.chaos.truth import Due
from cekalwatch.contract.values.adjudication import OPEN_STATES, Outcome, Reason, disproves

WINDOW = timedelta(seconds=GROUPING_WINDOW_S)
FINDING_EVENTS = ("ADJUDICATED", "CONFIRMED", "CLEARED", "TAKEN_OVER", "REFERENCE_ENTERED", "TAKEN_BACK", "UNDONE")
"""Events of which each has a finding."""


def missing(evidence: Evidence) -> list[str]:
    """Say which passages have no alert that must have one, and which alerts do not say whether their orders have ended:
    also while things settle."""
    return [*_lost(evidence), *_ended(evidence)]


def _lost(evidence: Evidence) -> list[str]:
    return [
        f"passage {passage.number} of {passage.subject_id} at {passage.camera_id}: capture {crop.capture_id} "
        f"{'had its receipt' if crop.receipt else 'was on the disk or had time'}, and is in no alert"
        for passage in evidence.passages
        if passage.due is Due.ALERT
        for crop in passage.crops
        if crop.certain and crop.capture_id not in evidence.sightings
    ]


def wrong(evidence: Evidence) -> list[str]:
    """Say what alerted that must not have, or not so."""
    return [*_strangers(evidence), *_passages(evidence), *_log(evidence), *_groups(evidence)]


def _strangers(evidence: Evidence) -> Iterator[str]:
    known = {crop.capture_id: passage for passage in evidence.passages for crop in passage.crops}
    for sighting in evidence.sightings.values():
        passage = known.get(sighting.capture_id)
        if passage is None:
            yield f"capture {sighting.capture_id} alerted, and nobody has taken it"
        elif passage.due is Due.NOTHING:
            yield f"passage {passage.number} of {passage.subject_id} at {passage.camera_id} alerted, and must not"
        elif evidence.alerts[sighting.alert_id].subject_ids != {passage.subject_id}:
            subjects = sorted(evidence.alerts[sighting.alert_id].subject_ids)
            yield f"passage {passage.number} of {passage.subject_id} is in the alert of {subjects}"


def _ended(evidence: Evidence) -> Iterator[str]:
    """Say which open alerts, hits too, do not say whether their orders have ended."""
    if evidence.wanderer_listed is None:
        yield "not all servers follow the list"
        return
    for alert in evidence.alerts.values():
        if alert.state not in OPEN_STATES:
            continue
        listed = alert.subject_ids != {WANDERER} or evidence.wanderer_listed
        if listed and alert.orders_ended:
            yield f"{alert.state} alert {alert.alert_id} says that its orders have ended, and they are in force"
        elif not listed and not alert.orders_ended:
            yield f"{alert.state} alert {alert.alert_id} does not say that its orders have ended"


def _passages(evidence: Evidence) -> Iterator[str]:
    for passage in evidence.passages:
        if passage.due is Due.EITHER:
            continue
        found = {
            evidence.sightings[key].alert_id for one in passage.crops if (key := one.capture_id) in evidence.sightings
        }
        # A crop that comes after its alert was settled may raise another one.
        if sum(evidence.alerts[key].state in OPEN_STATES for key in found) > 1:
            yield f"passage {passage.number} is in {len(found)} alerts"


def _log(evidence: Evidence) -> Iterator[str]:
    captures: Counter[str] = Counter()
    raised: Counter[str] = Counter()
    for event in evidence.events:
        if event.capture_id:
            captures[event.capture_id] += 1
        raised[event.alert_id] += event.type == "RAISED"
    yield from (f"capture {key} has {times} events" for key, times in captures.items() if times > 1)
    if captures.keys() != evidence.sightings.keys():
        yield f"sightings and events differ in {len(captures.keys() ^ evidence.sightings.keys())} captures"
    yield from (f"alert {key} was raised {times} times" for key, times in raised.items() if times != 1)


def state_after(event: LoggedEvent, state: str, evidence: Evidence, findings: list[StoredFinding]) -> str:
    """Return the state to which an event brings its alert; `findings` are those so far, and get the event's own."""
    found = evidence.findings.get(event.alert_id, ())
    if event.type in FINDING_EVENTS and len(findings) < len(found):
        findings.append(found[len(findings)])
        return _STATES.get(findings[-1].outcome, findings[-1].outcome)
    return {"RAISED": "NEW", "CLAIMED": "CLAIMED", "RELEASED": "NEW", "CLOSED": "CLOSED"}.get(event.type, state)


_STATES: dict[str, str] = {Outcome.NOT_SAME_PERSON: "CLEARED", Outcome.TAKEN_OVER: "CLAIMED"}
"""Of the outcomes that have another name than the state to which they bring an alert."""


@dataclass
class _Standing:
    """An alert as far as the log has been read."""

    alert_id: str
    subject_ids: frozenset[str]
    state: str
    last_seen: datetime
    arrived: datetime
    """When its newest crop came."""
    passages: set[str] = field(default_factory=set)
    findings: list[StoredFinding] = field(default_factory=list)

    @property
    def takes_more(self) -> bool:
        """Whether another passage of its subject joins it."""
        return self.state in OPEN_STATES or self.disproved

    @property
    def open_to_new_orders(self) -> bool:
        """Whether Cekal Online did not list who comes and goes: then a new order of theirs alerts by itself."""
        unlisted = any(one.reason == Reason.NOT_LISTED_IN_CEKAL_ONLINE for one in self.findings)
        return unlisted and WANDERER in self.subject_ids

    @property
    def disproved(self) -> bool:
        """Whether somebody found that this is somebody else."""
        return any(disproves(Outcome(one.outcome), Reason(one.reason)) for one in self.findings)


def _groups(evidence: Evidence) -> Iterator[str]:
    """Read the log from its beginning, and hold each sighting against the rule."""
    open_ended = {crop.capture_id for one in evidence.passages if one.due is Due.EITHER for crop in one.crops}
    standing: dict[str, _Standing] = {}
    for event in evidence.events:
        sighting = evidence.sightings.get(event.capture_id)
        if event.type == "RAISED" and sighting:
            if event.capture_id not in open_ended:
                yield from _raised(event, sighting, evidence, standing)
            alert = evidence.alerts[event.alert_id]
            standing[event.alert_id] = _Standing(
                event.alert_id, alert.subject_ids, "NEW", sighting.captured_at, event.occurred_at, {sighting.passage}
            )
        elif event.alert_id in standing:
            yield from _further(event, sighting, evidence, standing[event.alert_id])


def _raised(
    event: LoggedEvent, sighting: StoredSighting, evidence: Evidence, standing: dict[str, _Standing]
) -> Iterator[str]:
    subjects = evidence.alerts[event.alert_id].subject_ids
    # It was decided by what was remembered at its commit, for which it waits where the database is away.
    committed = evidence.committed.get(event.sequence, event.occurred_at)
    for earlier in standing.values():
        near = abs(sighting.captured_at - earlier.last_seen) <= WINDOW
        # The faces of a passage are forgotten when the window has passed since its last crop came.
        remembered = committed - earlier.arrived <= WINDOW
        if _unlike(event, earlier, evidence) or earlier.open_to_new_orders:
            continue
        if earlier.subject_ids & subjects and near and remembered and earlier.takes_more:
            yield f"event {event.sequence} raised an alert of {sorted(subjects)}, and {earlier.alert_id} took more"


def _unlike(event: LoggedEvent, earlier: _Standing, evidence: Evidence) -> bool:
    """Whether faces or times of the two could not be compared, for all that is known."""
    return any(begun <= event.occurred_at and earlier.arrived <= ended for begun, ended in evidence.unlike_spans)


def _further(
    event: LoggedEvent, sighting: StoredSighting | None, evidence: Evidence, alert: _Standing
) -> Iterator[str]:
    if sighting:
        if sighting.passage not in alert.passages:
            if abs(sighting.captured_at - alert.last_seen) > WINDOW and not _unlike(event, alert, evidence):
                yield f"event {event.sequence}: a passage joined alert {alert.alert_id} outside of the window"
            if not alert.takes_more:
                yield f"event {event.sequence}: a passage joined alert {alert.alert_id}, which was {alert.state}"
        alert.passages.add(sighting.passage)
        alert.last_seen = max(alert.last_seen, sighting.captured_at)
        alert.arrived = event.occurred_at
        return
    alert.state = state_after(event, alert.state, evidence, alert.findings)
