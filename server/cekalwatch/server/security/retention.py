"""Removes what must not be kept any longer, and says what it removed; each sweep is recorded in the audit trail.

What it knows today is the event log, and the probes of alerts whose subject was deleted. Those of other alerts fall due
when an alert is decided, and no state says so yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.security.audit import Action, Actor, AuditEntry, stamp
from cekalwatch.server.storage.alert_store import AlertStore

log = structlog.get_logger()


@dataclass(frozen=True)
class SweepReport:
    """What a sweep removed: how many events of the log, all of them older than `events_before`."""

    events: int
    events_before: datetime


class RetentionSweeper:
    """Sweeps in the name of `actor`. Methods block: call them from a worker thread."""

    def __init__(self, alerts: AlertStore, clock: Clock, actor: Actor, keep_events: timedelta) -> None:
        self._alerts = alerts
        self._clock = clock
        self._actor = actor
        self._keep_events = keep_events

    def sweep(self) -> SweepReport:
        """Remove what is due, together with the audit trail's entry about it."""
        now = self._clock.now()
        before = now - self._keep_events

        def note(events: int) -> AuditEntry:
            details: dict[str, int | str] = {"events": events, "events_before": stamp(before)}
            return AuditEntry(now, self._actor, Action.RETENTION_SWEPT, details=details)

        report = SweepReport(self._alerts.prune_events(before, note), before)
        log.info("retention sweep", events=report.events, events_before=stamp(before))
        return report

    def sweep_probes(self) -> int:
        """Remove probes that came after their subject was deleted, with the audit trail's entry; returns how many."""
        now = self._clock.now()

        def note(probes: int) -> AuditEntry:
            return AuditEntry(now, self._actor, Action.RETENTION_SWEPT, details={"probes": probes})

        if gone := self._alerts.remove_left_probes(note):
            log.info("retention sweep", probes=gone)
        return gone
