"""The accountability report of a site: passages, findings, list and threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cekalwatch.contract.values.reports import FieldReport, MeasuredGroups
from cekalwatch.server.alerts.daily_stats import DailyStats
from cekalwatch.server.domain.alerts.field_report import FieldSpan, field_report
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.learning.learned_threshold import LearnedThreshold


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

    def of(self, site: str, begin: datetime, end: datetime) -> FieldReport:
        """Return the report of the captures of one site from the hour of `begin` on and before `end`.

        It begins later where records are kept no longer, and ends now at the latest; the report says when.
        """
        now = self.clock.now()
        until = min(end, now)
        oldest = whole_hour(now - self.records_kept) + timedelta(hours=1)
        since = min(max(whole_hour(begin), oldest), until)
        sums = self.days.sums(site, since, until)
        learned = [one.figures for version in sorted(sums.versions) if (one := self.learned(version))]
        return field_report(FieldSpan(since, until, site), sums, self.listed(), now, learned, self.groups)


def whole_hour(moment: datetime) -> datetime:
    """Return the beginning of the hour of UTC in which a moment is."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
