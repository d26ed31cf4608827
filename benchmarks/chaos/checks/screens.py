"""What each PC shows last of an alert is how it stands, and it keeps pictures of unsettled alerts alone (domain rules
1, 6, 7 and 8).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from benchmarks.chaos.evidence import Evidence, StoredSighting
from benchmarks.chaos.machines.officers_pc import ShownLine
from benchmarks.chaos.sites.plans import PcPlan
from cekalwatch.contract.values.adjudication import PENDING, UNSETTLED, Outcome, Reason


def wrong(evidence: Evidence) -> list[str]:
    """Say what is shown otherwise, and whose pictures are still there."""
    newest, stands = _newest(evidence), _stands(evidence)
    seen_at: dict[str, set[str]] = defaultdict(set)
    for sighting in evidence.sightings.values():
        seen_at[sighting.alert_id].add(sighting.counter)
    found: list[str] = []
    for plan, lines in evidence.shown.items():
        for line in {one.alert_id: one for one in lines}.values():
            # An alert that was never at its counters went up once, and later events of it need not come.
            if line.alert_id in stands and any(map(plan.watches, seen_at[line.alert_id])):
                found += _differences(plan, line, stands[line.alert_id])
    for alert_id, last in newest.items():
        if evidence.alerts[alert_id].late is not last.late:
            found.append(
                f"alert {alert_id} says {_late(not last.late)}, and its newest sighting was {_late(last.late)}"
            )
    return found + list(_pictures(evidence))


def owed(evidence: Evidence) -> frozenset[str]:
    """Return the hits whose reference number is owed."""
    provisional = set()
    for alert_id, findings in evidence.findings.items():
        confirmed = [one for one in findings if one.outcome == Outcome.CONFIRMED]
        if confirmed and confirmed[-1].reason == Reason.CENTRAL_SYSTEM_DOWN:
            provisional.add(alert_id)
    return frozenset(one for one in provisional if evidence.alerts[one].state == "CONFIRMED")


def _newest(evidence: Evidence, *, live: bool = False) -> dict[str, StoredSighting]:
    """Return the newest sighting of each alert that has one."""
    by_time = sorted(evidence.sightings.values(), key=lambda one: one.captured_at)
    return {one.alert_id: one for one in by_time if not (live and one.late)}


def _stands(evidence: Evidence) -> dict[str, dict[str, object]]:
    """Return what a screen must say of each alert, by the fields of `ShownLine`."""
    places, provisional = _newest(evidence) | _newest(evidence, live=True), owed(evidence)
    return {
        alert.alert_id: {
            "state": alert.state,
            "late": alert.late,
            "orders_ended": alert.orders_ended,
            "reference_owed": alert.alert_id in provisional,
            "counter": places[alert.alert_id].counter,
        }
        for alert in evidence.alerts.values()
        if alert.alert_id in places
    }


def _differences(plan: PcPlan, line: ShownLine, stands: Mapping[str, object]) -> Iterator[str]:
    if line.look_needed and line.told:
        yield f"{plan.name} says of alert {line.alert_id} what comes after a first look"
    for name, value in stands.items():
        if name == "state" and line.look_needed and value in PENDING:  # how it was judged comes after the look
            continue
        if getattr(line, name) != value:
            yield f"{plan.name} shows {name} {getattr(line, name)} of alert {line.alert_id}, and it is {value}"


def _pictures(evidence: Evidence) -> Iterator[str]:
    for plan, alert_ids in evidence.pictures.items():
        for alert_id in sorted(alert_ids):
            alert = evidence.alerts.get(alert_id)
            if alert is None or alert.state not in UNSETTLED:
                yield f"{plan.name} keeps pictures of alert {alert_id}, which is {alert.state if alert else 'unknown'}"


def _late(late: bool) -> str:
    return "late" if late else "live"
