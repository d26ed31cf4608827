"""The accountability report of a site (passages, findings, list and threshold), and the report of a shift.

They hold no personal data. The median times and the false alerts of each camera of a shift show a supervisor what to
change: staff, a camera's place, the threshold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median

from cekalwatch.contract.values.adjudication import OFFICERS_OUTCOMES, UNSETTLED, Escalation, standing
from cekalwatch.contract.values.reports import FieldReport, MeasuredGroups, PeriodLength, ShiftReport, Tally
from cekalwatch.server.alerts.daily_stats import DailyStats
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.alerts.field_report import FieldSpan, field_period, field_report
from cekalwatch.server.domain.alerts.field_sums import AlertVerdict, list_at, verdict_of
from cekalwatch.server.domain.alerts.handling import Handling
from cekalwatch.server.domain.exercises import EndedExercise, exercise_figures
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.learning.learned_threshold import LearnedThreshold
from cekalwatch.server.storage.alerts.handling_store import RaisedAlert


@dataclass(frozen=True)
class FieldReports:
    """Makes reports. Threads may share it; `of` blocks."""

    days: DailyStats
    listed: Callable[[], int]
    learned: Callable[[str], LearnedThreshold | None]
    """The facts about the threshold of a model version."""
    records_kept: timedelta
    """Settled alerts that were raised before that are gone, while passages are still counted."""
    groups: MeasuredGroups | None
    clock: Clock
    in_force: Callable[[], float]
    """The threshold by which this server decides; it does not block."""
    exercises: Callable[[str, datetime, datetime], Sequence[EndedExercise]]
    """The exercises that ended at a site in a span."""

    def of(self, site: str, begin: datetime, end: datetime, length: PeriodLength | None = None) -> FieldReport:
        """Return the report of the captures of one site from the hour of `begin` on and before `end`.

        With a `length`, it has the figures of each whole day or week too.
        It begins later where records are kept no longer, and ends now at the latest; the report says when.
        """
        now = self.clock.now()
        until = min(end, now)
        oldest = whole_hour(now - self.records_kept) + timedelta(hours=1)
        since = min(max(whole_hour(begin), oldest), until)
        sums = self.days.sums(site, since, until)
        learned = [one.figures for version in sorted(sums.versions) if (one := self.learned(version))]
        report = field_report(FieldSpan(since, until, site), sums, self.listed(), now, learned, self.groups)
        periods = self.days.periods(site, since, until, length) if length else ()
        ended = self.exercises(site, since, until)
        figures = tuple(
            replace(
                field_period(first, last, own),
                exercises=replace(exercise_figures(one for one in ended if first <= one.ended_at < last), places=()),
            )
            for first, last, own in periods
        )
        exercises = exercise_figures(ended)
        return replace(report, threshold_in_force=self.in_force(), periods=figures, exercises=exercises)


def whole_hour(moment: datetime) -> datetime:
    """Return the beginning of the hour of UTC in which a moment is."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def shift_report(raised: Sequence[RaisedAlert]) -> ShiftReport:
    """Return the figures of these alerts."""
    alerts = [one.alert for one in raised]
    claims = [one.first_claimed_at - one.alert.raised_at for one in raised if one.first_claimed_at]
    decisions = [
        finding.found_at - alert.raised_at
        for alert in alerts
        for finding in standing(alert.handling.findings)
        if finding.outcome in OFFICERS_OUTCOMES
    ]
    looks = [look.looked_at - alert.raised_at for alert in alerts for look in alert.handling.looks]
    kept = [one for alert in alerts for one in _looks_kept(alert.handling)]
    return ShiftReport(
        raised=len(alerts),
        cleared=sum(alert.state not in UNSETTLED and not _confirmed(alert) and not _owes(alert) for alert in alerts),
        false_alerts=sum(map(_false, alerts)),
        confirmed=sum(map(_confirmed, alerts)),
        provisional=sum(map(_owes, alerts)),
        open=sum(alert.state in UNSETTLED for alert in alerts),
        escalated=sum(alert.handling.escalation > Escalation.COUNTER for alert in alerts),
        median_claim_s=median(time.total_seconds() for time in claims) if claims else 0.0,
        median_decision_s=median(time.total_seconds() for time in decisions) if decisions else 0.0,
        cameras=_tallies((alert.camera.camera_id, alert) for alert in alerts),
        lists=_tallies((list_at(one), alert) for alert in alerts if (one := alert.camera.direction)),
        looks=len(kept),
        looks_kept=sum(kept),
        median_look_s=median(time.total_seconds() for time in looks) if looks else 0.0,
    )


def _looks_kept(handling: Handling) -> Iterator[bool]:
    """Yield for each judgement that stands and came after a first look whether it confirmed the look."""
    for finding in standing(handling.findings):
        look = handling.look_of(finding.person.person_id, finding.subject_id)
        if look and finding.outcome in OFFICERS_OUTCOMES:
            yield look.finding is finding.outcome


def _tallies(keyed: Iterable[tuple[str, Alert]]) -> tuple[Tally, ...]:
    """Count by key, most false alerts first; keys without a decision are left out."""
    cleared: Counter[str] = Counter()
    confirmed: Counter[str] = Counter()
    for key, alert in keyed:
        cleared[key] += _false(alert)
        confirmed[key] += _confirmed(alert)
    found = [Tally(str(key), cleared[key], confirmed[key]) for key in cleared if cleared[key] + confirmed[key]]
    return tuple(sorted(found, key=lambda tally: (-tally.cleared, tally.key)))


def _false(alert: Alert) -> bool:
    """Whether people found the traveller to be somebody else; one that had left, or an ended order, says nothing."""
    return alert.state not in UNSETTLED and _verdict(alert) is AlertVerdict.FALSE_ALERT


def _confirmed(alert: Alert) -> bool:
    return _verdict(alert) is AlertVerdict.CONFIRMED


def _owes(alert: Alert) -> bool:
    return alert.handling.reference_owed_since is not None


def _verdict(alert: Alert) -> AlertVerdict:
    return verdict_of((one.subject_id or alert.subject_id, one.outcome, one.reason) for one in alert.handling.findings)
