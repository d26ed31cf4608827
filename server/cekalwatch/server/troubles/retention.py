"""Removes troubles that were over long ago; each sweep is recorded in the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import structlog

from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, stamp
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.storage.troubles.store import TroubleStore

log = structlog.get_logger()


@dataclass(frozen=True)
class TroubleSweeper:
    """Sweeps in the name of `actor`; blocks."""

    store: TroubleStore
    clock: Clock
    actor: Actor
    keep: timedelta

    def sweep(self) -> int:
        """Remove what is due, and return how many."""
        now = self.clock.now()
        before = now - self.keep

        def note(troubles: int) -> AuditEntry:
            details: dict[str, int | str] = {"troubles": troubles, "troubles_before": stamp(before)}
            return AuditEntry(now, self.actor, Action.RETENTION_SWEPT, details=details)

        if gone := self.store.remove(before, note):
            log.info("retention_swept", troubles=gone)
        return gone
