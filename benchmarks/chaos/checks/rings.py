"""Each live passage rang at the PCs of its counter, and each released alert rang again, unless somebody there was
dealing with it (domain rules 6 and 7).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from benchmarks.chaos.evidence import Evidence
from benchmarks.chaos.machines.officers_pc import ShownLine
from benchmarks.chaos.sites.plans import PcPlan
from cekalwatch.contract.values.adjudication import OPEN_STATES

CLAIMING = {"CLAIMED", "TAKEN_OVER"}


@dataclass(frozen=True)
class _Call:
    """What must ring."""

    what: str
    alert_id: str
    counter: str
    """Where; empty: wherever the alert is shown."""
    sequence: int
    """Of the event that says so."""
    begun_s: float = 0.0
    """Before that nothing could ring for it."""
    begun: int = 0
    """Nor with an earlier event than this one."""
    seen_at: datetime | None = None
    """When the traveller was seen."""

    def is_told_by(self, line: ShownLine) -> bool:
        """Whether who printed the line knew of it for certain."""
        if line.sequence is not None:
            return line.sequence >= self.sequence
        return bool(self.seen_at and line.seen_at and line.seen_at >= self.seen_at)


def wrong(evidence: Evidence) -> list[str]:
    """Say what did not ring."""
    calls = [*_passages(evidence), *_releases(evidence)]
    return [problem for plan, lines in evidence.shown.items() for problem in _silent(plan, lines, calls, evidence)]


def _passages(evidence: Evidence) -> Iterator[_Call]:
    offered_s = {crop.capture_id: crop.offered_s for one in evidence.passages for crop in one.crops}
    known: set[tuple[str, str]] = set()
    for event in evidence.events:
        sighting = evidence.sightings.get(event.capture_id)
        if sighting is None or sighting.late or (event.alert_id, sighting.passage) in known:
            continue
        known.add((event.alert_id, sighting.passage))
        yield _Call(
            f"passage {sighting.passage} at {sighting.counter}",
            event.alert_id,
            sighting.counter,
            event.sequence,
            offered_s.get(event.capture_id, 0.0),
            seen_at=sighting.captured_at,
        )


def _releases(evidence: Evidence) -> Iterator[_Call]:
    claimed: dict[str, int] = {}
    for event in evidence.events:
        if event.type in CLAIMING:
            claimed[event.alert_id] = event.sequence
        elif event.type == "RELEASED":
            begun = claimed.get(event.alert_id, 0)
            yield _Call("what was released", event.alert_id, "", event.sequence, begun=begun)


def _silent(plan: PcPlan, lines: Sequence[ShownLine], calls: Sequence[_Call], evidence: Evidence) -> Iterator[str]:
    shown: dict[str, list[ShownLine]] = defaultdict(list)
    for line in lines:
        shown[line.alert_id].append(line)
    for call in calls:
        if call.counter and not plan.watches(call.counter):
            continue
        if around := _around(call, shown[call.alert_id]):
            # What was released has been dealt with before, and may be again by the time at which it is shown.
            standing = around if call.counter else around[-1:]
            if any(one.rings for one in around) or any(_need_not(one, call, plan, evidence) for one in standing):
                continue
            told = ", ".join(f"{line.event_type or 'listed'} {line.sequence} {line.state}" for line in around)
            yield f"{plan.name} did not ring for {call.what} (event {call.sequence} of {call.alert_id}): {told}"


def _around(call: _Call, lines: Sequence[ShownLine]) -> list[ShownLine]:
    """Return the lines that may have rung for a call, up to the first whose printer knew of it; empty without that."""
    after = [
        one for one in lines if one.shown_s >= call.begun_s and (one.sequence is None or one.sequence >= call.begun)
    ]
    before = list(takewhile(lambda one: not call.is_told_by(one), after))
    return after[: len(before) + 1] if len(before) < len(after) else []


def _need_not(line: ShownLine, call: _Call, plan: PcPlan, evidence: Evidence) -> bool:
    """Whether the alert stood so when the line was printed that it may be silent there."""
    if line.state not in OPEN_STATES or line.orders_ended:
        return True
    if not call.counter or not plan.counters:  # released, and taken up again; or a PC that cannot know who works where
        return line.state != "NEW"
    return line.state == "CLAIMED" and plan.name in _holders(line, evidence)


def _holders(line: ShownLine, evidence: Evidence) -> set[str]:
    """Return the PCs at which the alert may have been claimed: a line says how it stood at its event, or later."""
    claims = [one for one in evidence.events if one.alert_id == line.alert_id and one.type in CLAIMING]
    earlier = [one for one in claims if line.sequence is not None and one.sequence <= line.sequence]
    return {evidence.taken_at.get(one.sequence, "") for one in claims[max(0, len(earlier) - 1) :]}
