"""Erases people who are no longer banned, some time after their last order ended, or moved to another key (domain rule
9).

They left the gallery when it ended. If a source still has such a record, it is not imported again unless it changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

import structlog

from cekalwatch.server.audit.alert_entries import deletion_entry
from cekalwatch.server.audit.entry import Actor, AuditEntry
from cekalwatch.server.domain.orders.ban_order import SubjectFile
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.retention import ended_by
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.watchlist.removing import SubjectDeletion
from cekalwatch.server.storage.watchlist.store import WatchlistStore

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class SubjectEraser:
    """Erases in the name of `actor`. Methods block: call them from a worker thread."""

    watchlist: WatchlistStore
    checkpoints: Checkpoints
    clock: Clock
    actor: Actor
    kept_for: timedelta

    def due(self) -> Iterator[str]:
        """Return the keys of the subjects whose last order ended that long ago, or moved to another key."""
        everybody = chain.from_iterable(self.watchlist.everybody())
        return (file.subject.subject_id for file in everybody if self._ended(file))

    def erase(self) -> int:
        """Erase them, each with an entry in the audit trail, and return how many."""
        gone = sum(map(self._erase, self.due()))
        if gone:
            log.info("retention_swept", subjects=gone)
        return gone

    def _erase(self, subject_id: str) -> bool:
        now = self.clock.now()

        def note(gone: SubjectDeletion) -> AuditEntry:
            days = self.kept_for.days
            return deletion_entry(self.actor, now, subject_id, gone.order_ids, **gone.counts, ended_days=days)

        # A new order may have come, and another server may have been first.
        return self.watchlist.erase_subject(subject_id, self._ended, note)

    def _ended(self, file: SubjectFile) -> bool:
        """Whether a subject's last order ended or moved so long ago."""
        return ended_by(file, self.clock.now() - self.kept_for, self.checkpoints)
