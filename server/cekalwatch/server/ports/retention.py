"""Removes the records of ports' alerts that must not be kept any longer, with entries in the audit trail.

A port says itself what it has erased; this is for what it does not say, being away or gone.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, stamp
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.storage.ports.store import PortStore

log = structlog.get_logger()


class PortRecordSweeper:
    """Sweeps in the name of `actor`. It blocks: call it from a worker thread."""

    def __init__(self, store: PortStore, clock: Clock, actor: Actor, kept_for: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._actor = actor
        self._kept_for = kept_for

    def sweep(self) -> int:
        """Remove the records that are due, and return how many went."""
        now = self._clock.now()
        before = now - self._kept_for

        def note(alerts: int) -> AuditEntry:
            details: dict[str, int | str] = {"port_alerts": alerts, "alerts_before": stamp(before)}
            return AuditEntry(now, self._actor, Action.RETENTION_SWEPT, details=details)

        if gone := self._store.remove_records(before, note):
            log.info("retention_swept", port_alerts=gone, alerts_before=stamp(before))
        return gone
