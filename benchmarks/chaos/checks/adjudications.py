"""No step of a person that had an answer is lost or half done, and each alert lives as alerts may."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from benchmarks.chaos.checks.alerts import FINDING_EVENTS
from benchmarks.chaos.evidence import Evidence

AFTER = {
    "": {"RAISED"},
    "NEW": {"CLAIMED", "ESCALATED"},
    "CLAIMED": {"RELEASED", "ADJUDICATED", "CLEARED", "ESCALATED"},
    "JUDGED": {"CONFIRMED", "CLEARED", "CLOSED", "ESCALATED"},
    "CONFIRMED": {"FOLLOWED_UP", "CLOSED"},
    "CLEARED": {"CLOSED"},
    "CLOSED": set(),
}
BRINGS_TO = {
    "RAISED": "NEW",
    "CLAIMED": "CLAIMED",
    "RELEASED": "NEW",
    "ADJUDICATED": "JUDGED",
    "CONFIRMED": "CONFIRMED",
    "CLEARED": "CLEARED",
    "CLOSED": "CLOSED",
}
BESIDE = {"SIGHTED", "ORDERS_ENDED", "ORDERS_RESUMED", "CANDIDATE_LAPSED"}
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
    for event in evidence.events:
        lives[event.alert_id].append(event.type)
    for alert_id, kinds in lives.items():
        stands = ""
        for kind in kinds:
            if kind in BESIDE:
                continue
            if kind not in AFTER[stands]:
                yield f"alert {alert_id} had {kind} while it was {stands}: {kinds}"
                break
            stands = BRINGS_TO.get(kind, stands)
        judged = sum(kind in FINDING_EVENTS for kind in kinds)
        if judged != len(evidence.findings.get(alert_id, ())):
            yield f"alert {alert_id} has {judged} events of findings and {len(evidence.findings.get(alert_id, ()))}"


def _audit(evidence: Evidence) -> Iterator[str]:
    due = [event.sequence for event in evidence.events if event.type not in {"RAISED", "SIGHTED"}]
    known = set(evidence.audited)
    yield from (f"event {sequence} has no entry in the audit trail" for sequence in due if sequence not in known)
    if len(known) != len(evidence.audited):
        yield f"{len(evidence.audited) - len(known)} events have two entries in the audit trail"
