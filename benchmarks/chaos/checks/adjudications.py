"""No step of a person that had an answer is lost or half done, and each alert lives as alerts may."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from benchmarks.chaos.checks.alerts import FINDING_EVENTS
from benchmarks.chaos.evidence import Evidence
from cekalwatch.contract.values.adjudication import Outcome, Reason

AFTER = {
    "": {"RAISED"},
    "NEW": {"CLAIMED", "ESCALATED"},
    "CLAIMED": {"RELEASED", "ADJUDICATED", "CLEARED", "ESCALATED", "TAKEN_OVER"},
    "JUDGED": {"UNDONE", "CONFIRMED", "CLEARED", "CLOSED", "ESCALATED", "TAKEN_OVER"},
    "CONFIRMED": {"FOLLOWED_UP", "CLOSED", "ESCALATED", "REFERENCE_ENTERED", "TAKEN_BACK"},
    "CLEARED": {"CLOSED"},
    "CLOSED": set(),
}
BRINGS_TO = {
    "RAISED": "NEW",
    "CLAIMED": "CLAIMED",
    "TAKEN_OVER": "CLAIMED",
    "RELEASED": "NEW",
    "UNDONE": "CLAIMED",
    "ADJUDICATED": "JUDGED",
    "CONFIRMED": "CONFIRMED",
    "CLEARED": "CLEARED",
    "TAKEN_BACK": "CLEARED",
    "CLOSED": "CLOSED",
}
BESIDE = {"SIGHTED", "LOOKED", "ORDERS_ENDED", "ORDERS_RESUMED", "CANDIDATE_LAPSED", "LIST_CHANGED"}
"""Happens to an alert wherever it stands."""


def wrong(evidence: Evidence) -> list[str]:
    """Say what is."""
    return [*_answers(evidence), *_lives(evidence), *_audit(evidence)]


def _answers(evidence: Evidence) -> Iterator[str]:
    for answer in evidence.answers:
        what = f"{answer.person} was told that {answer.step} of alert {answer.alert_id} made it {answer.version}"
        alert = evidence.alerts.get(answer.alert_id)
        if alert is None:
            yield f"{what}, and there is no such alert"
        elif alert.version < answer.version:
            yield f"{what}, and it is {alert.version}"
        elif answer.outcome and answer.outcome not in {
            finding.outcome for finding in evidence.findings.get(answer.alert_id, ())
        }:
            yield f"{what}, and nobody has found {answer.outcome}"


def _lives(evidence: Evidence) -> Iterator[str]:
    lives: dict[str, list[str]] = defaultdict(list)
    staged = {one.alert_id for one in evidence.alerts.values() if one.exercise}  # they close wherever they stand
    for event in evidence.events:
        lives[event.alert_id].append(event.type)
    for alert_id, kinds in lives.items():
        stands = ""
        for kind in kinds:
            if kind in BESIDE:
                continue
            if kind == "CLOSED" and stands == "CONFIRMED":
                yield from _owed(alert_id, kinds, evidence)
            also = {"CLOSED"} if alert_id in staged else {"CLEARED"} if "ORDERS_ENDED" in kinds else set()
            if kind not in AFTER[stands] | also:
                yield f"alert {alert_id} had {kind} while it was {stands}: {kinds}"
                break
            stands = BRINGS_TO.get(kind, stands)
        judged = sum(kind in FINDING_EVENTS for kind in kinds)
        if judged != len(evidence.findings.get(alert_id, ())):
            yield f"alert {alert_id} has {judged} events of findings and {len(evidence.findings.get(alert_id, ()))}"


def _owed(alert_id: str, kinds: list[str], evidence: Evidence) -> Iterator[str]:
    """Say what a hit owed when it was closed: word to its agency, unless its orders had ended, or a reference."""
    if not {"FOLLOWED_UP", "ORDERS_ENDED"} & set(kinds):
        yield f"hit {alert_id} was closed before an agency was told: {kinds}"
    found = [one for one in evidence.findings.get(alert_id, ()) if one.outcome == Outcome.CONFIRMED]
    if found and found[-1].reason == Reason.CENTRAL_SYSTEM_DOWN:
        yield f"hit {alert_id} was closed while its reference was owed: {kinds}"


def _audit(evidence: Evidence) -> Iterator[str]:
    due = [event.sequence for event in evidence.events if event.type not in {"RAISED", "SIGHTED"}]
    known = set(evidence.audited)
    yield from (f"event {sequence} has no entry in the audit trail" for sequence in due if sequence not in known)
    if len(known) != len(evidence.audited):
        yield f"{len(evidence.audited) - len(known)} events have two entries in the audit trail"
