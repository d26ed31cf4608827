"""Removes data after its retention time; each sweep is recorded in the audit trail.

Events are removed by age. Images of alerts are removed some time after the decision: soon after an alert was cleared,
which domain rule 8 limits to 24 h, later when it was confirmed; those of alerts that nobody settles some time after
they were raised. Probes of alerts whose subject was deleted are removed at once. Records of alerts go last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind, stamp
from cekalwatch.server.domain.retention import RetentionPolicy
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.alerts.handling_store import HandlingStore
from cekalwatch.server.storage.alerts.retention_store import RetentionStore
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.ports.store import PortStore

log = structlog.get_logger()


@dataclass(frozen=True)
class ImageReport:
    """How many images of cleared and of confirmed alerts a sweep removed."""

    cleared: int
    confirmed: int


@dataclass(frozen=True)
class SweepReport:
    """The result of a sweep: the number of removed events, all older than `events_before`."""

    events: int
    events_before: datetime


@dataclass(frozen=True)
class DueReport:
    """Numbers of images of unsettled alerts, and of records of alerts, that are due for removal."""

    unsettled_images: int
    alerts: int


class RetentionSweeper:
    """Sweeps in the name of `actor`. Methods block: call them from a worker thread."""

    def __init__(
        self,
        alerts: AlertStore,
        handling: HandlingStore,
        retention: RetentionStore,
        clock: Clock,
        actor: Actor,
        policy: RetentionPolicy,
    ) -> None:
        self._alerts = alerts
        self._handling = handling
        self._retention = retention
        self._clock = clock
        self._actor = actor
        self._policy = policy

    def sweep(self) -> SweepReport:
        """Remove events that are due, together with the entry in the audit trail."""
        now = self._clock.now()
        before = now - self._policy.events

        def note(events: int) -> AuditEntry:
            details: dict[str, int | str] = {"events": events, "events_before": stamp(before)}
            return AuditEntry(now, self._actor, Action.RETENTION_SWEPT, details=details)

        report = SweepReport(self._alerts.prune_events(before, note), before)
        log.info("retention_swept", events=report.events, events_before=stamp(before))
        return report

    def sweep_probes(self) -> int:
        """Remove probes that arrived after their subject was deleted, with an audit entry; return how many."""
        now = self._clock.now()

        def note(probes: int) -> AuditEntry:
            return AuditEntry(now, self._actor, Action.RETENTION_SWEPT, details={"probes": probes})

        if gone := self._retention.remove_left_probes(note):
            log.info("retention_swept", probes=gone)
        return gone

    def sweep_images(self) -> ImageReport:
        """Remove images that are due, together with the entry in the audit trail."""
        now = self._clock.now()

        def note(cleared: int, confirmed: int) -> AuditEntry:
            details: dict[str, int | str] = {"cleared_images": cleared, "confirmed_images": confirmed}
            return AuditEntry(now, self._actor, Action.RETENTION_SWEPT, details=details)

        report = ImageReport(
            *self._handling.remove_probes(now - self._policy.cleared_images, now - self._policy.confirmed_images, note)
        )
        if report != ImageReport(0, 0):
            log.info("retention_swept", cleared_images=report.cleared, confirmed_images=report.confirmed)
        return report

    def due(self) -> DueReport:
        """Return what `sweep_unsettled_images` and `sweep_records` would remove now."""
        now = self._clock.now()
        return DueReport(
            self._retention.unsettled_images(now - self._policy.unsettled_images),
            self._retention.records(now - self._policy.records),
        )

    def sweep_unsettled_images(self) -> int:
        """Remove the images of alerts that were not settled in time, with an audit entry; return how many."""
        now = self._clock.now()

        def note(images: int) -> AuditEntry:
            return AuditEntry(now, self._actor, Action.RETENTION_SWEPT, details={"unsettled_images": images})

        if gone := self._retention.remove_unsettled_images(now - self._policy.unsettled_images, note):
            log.info("retention_swept", unsettled_images=gone)
        return gone

    def sweep_records(self) -> int:
        """Remove the records of alerts that are due, with audit entries; return how many."""
        now = self._clock.now()
        before = now - self._policy.records

        def note(alerts: int) -> AuditEntry:
            details: dict[str, int | str] = {"alerts": alerts, "alerts_before": stamp(before)}
            return AuditEntry(now, self._actor, Action.RETENTION_SWEPT, details=details)

        if gone := self._retention.remove_records(before, note):
            log.info("retention_swept", alerts=gone, alerts_before=stamp(before))
        return gone


class PortRecordSweeper:
    """Removes the records of ports' alerts after their retention time here, as `actor`.

    No port's word shortens it. It blocks: call it from a worker thread.
    """

    def __init__(self, store: PortStore, clock: Clock, actor: Actor, kept_for: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._actor = actor
        self._kept_for = kept_for

    def sweep(self) -> int:
        """Remove the records that are due, and return how many."""
        now = self._clock.now()
        before = now - self._kept_for

        def note(alert_ids: Sequence[str]) -> AuditEntry:
            details: dict[str, int | str] = {"port_alerts": len(alert_ids), "alerts_before": stamp(before)}
            named = tuple(map(ObjectKind.ALERT.key, alert_ids))
            return AuditEntry(now, self._actor, Action.RETENTION_SWEPT, named, details=details)

        if gone := self._store.remove_records(before, note):
            log.info("retention_swept", port_alerts=gone, alerts_before=stamp(before))
        return gone
