"""The figures of a shift: what became of the alerts raised in it, as of now. They hold no personal data.

The median times and the false alerts of each camera show a supervisor what to change: staff, a camera's place, the
threshold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from cekalwatch.contract.values.adjudication import OFFICERS_OUTCOMES, UNSETTLED, Escalation, Outcome
from cekalwatch.contract.values.reports import ShiftReport, Tally
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.alerts.false_alerts import list_at
from cekalwatch.server.storage.alerts.handling_store import RaisedAlert


def shift_report(raised: Sequence[RaisedAlert]) -> ShiftReport:
    """Return the figures of these alerts."""
    alerts = [one.alert for one in raised]
    claims = [one.first_claimed_at - one.alert.raised_at for one in raised if one.first_claimed_at]
    decisions = [
        finding.at - alert.raised_at
        for alert in alerts
        for finding in alert.handling.findings
        if finding.outcome in OFFICERS_OUTCOMES
    ]
    return ShiftReport(
        raised=len(alerts),
        cleared=sum(map(_cleared, alerts)),
        confirmed=sum(map(_confirmed, alerts)),
        open=sum(alert.state in UNSETTLED for alert in alerts),
        escalated=sum(alert.handling.escalation > Escalation.COUNTER for alert in alerts),
        median_claim_s=median(time.total_seconds() for time in claims) if claims else 0.0,
        median_decision_s=median(time.total_seconds() for time in decisions) if decisions else 0.0,
        cameras=_tallies((alert.camera.camera_id, alert) for alert in alerts),
        lists=_tallies((list_at(alert.camera.direction), alert) for alert in alerts),
    )


def _tallies(keyed: Iterable[tuple[str, Alert]]) -> tuple[Tally, ...]:
    """Count by key, most cleared alerts first; keys without a decision are left out."""
    cleared: Counter[str] = Counter()
    confirmed: Counter[str] = Counter()
    for key, alert in keyed:
        cleared[key] += _cleared(alert)
        confirmed[key] += _confirmed(alert)
    found = [Tally(str(key), cleared[key], confirmed[key]) for key in cleared if cleared[key] + confirmed[key]]
    return tuple(sorted(found, key=lambda tally: (-tally.cleared, tally.key)))


def _cleared(alert: Alert) -> bool:
    return alert.state not in UNSETTLED and not _confirmed(alert)


def _confirmed(alert: Alert) -> bool:
    return any(finding.outcome is Outcome.CONFIRMED for finding in alert.handling.findings)
