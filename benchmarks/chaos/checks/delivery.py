"""Each event was shown at each PC that should show it, in the order of the log, and none twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from benchmarks.chaos.evidence import Evidence, LoggedEvent
from benchmarks.chaos.machines.officers_pc import ShownLine
from benchmarks.chaos.sites.plans import PcPlan


def missing(evidence: Evidence) -> list[str]:
    """Say what has not been shown yet."""
    return [
        f"{plan.name} did not show event {event.sequence} ({event.type} of {event.alert_id})"
        for plan, lines in evidence.shown.items()
        for event in _due(plan, evidence)
        if not _was_shown(event.sequence, event.alert_id, lines)
    ]


def _due(plan: PcPlan, evidence: Evidence) -> Iterator[LoggedEvent]:
    """Yield what a PC must show: the events of alerts that had been seen at its counters by then."""
    seen_at: dict[str, set[str]] = defaultdict(set)
    for event in evidence.events:
        if sighting := evidence.sightings.get(event.capture_id):
            seen_at[event.alert_id].add(sighting.counter)
        if not plan.counters or seen_at[event.alert_id] & set(plan.counters):
            yield event


def _was_shown(sequence: int, alert_id: str, lines: Sequence[ShownLine]) -> bool:
    """Whether the event was, or, where nobody can say so, its alert once more."""
    return any(line.sequence == sequence or (line.sequence is None and line.alert_id == alert_id) for line in lines)


def wrong(evidence: Evidence) -> list[str]:
    """Say what was shown that must not have been, or not so."""
    return [problem for plan, lines in evidence.shown.items() for problem in _of(plan, lines, evidence)]


def _of(plan: PcPlan, lines: Sequence[ShownLine], evidence: Evidence) -> Iterator[str]:
    alert_of = {event.sequence: event.alert_id for event in evidence.events}
    # An event of an alert that came to the PC's counters only later may be told again, and shown, after that.
    undue = alert_of.keys() - {event.sequence for event in _due(plan, evidence)}
    newest, newest_of = 0, dict[str, int]()
    for line in lines:
        if line.sequence is None:
            continue
        before = newest_of.get(line.alert_id, 0) if line.sequence in undue else newest
        if line.sequence <= before:
            yield f"{plan.name} showed event {line.sequence} after {before}, in its life {line.life}"
        newest = max(newest, line.sequence)
        newest_of[line.alert_id] = max(newest_of.get(line.alert_id, 0), line.sequence)
        known = alert_of.get(line.sequence, line.alert_id)  # the evidence may be a moment older
        if known != line.alert_id:
            yield f"{plan.name} showed event {line.sequence} as one of {line.alert_id}; it is of {known}"
