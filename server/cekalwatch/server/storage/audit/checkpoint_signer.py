"""Signs checkpoints of the audit trail when they are due."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from cekalwatch.server.audit.checkpoints import Checkpoint, SigningKey
from cekalwatch.server.audit.entry import stamp
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.storage.audit.store import AuditStore

EVERY_ENTRIES = 1000
EVERY = timedelta(hours=1)

log = structlog.get_logger()


class CheckpointSigner:
    """Signs for one server. Methods block; one caller at a time."""

    def __init__(self, store: AuditStore, key: SigningKey, clock: Clock) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        newest = store.newest_checkpoint(key.public_key)
        self._sequence = newest.sequence if newest else 0
        self._at: datetime | None = datetime.fromisoformat(newest.at) if newest else None

    def sign_if_due(self) -> None:
        """Sign when an hour has passed or 1,000 entries have come since this server's last checkpoint."""
        sequence, _ = self._store.head()
        if sequence - self._sequence >= EVERY_ENTRIES or self._at is None or self._clock.now() - self._at >= EVERY:
            self.sign()

    def sign(self) -> Checkpoint | None:
        """Return a checkpoint at the trail's end, made now unless there is one; None when the trail is empty.

        It goes to the log as well, which offices keep elsewhere.
        """
        sequence, last_hash = self._store.head()
        if not sequence:
            return None
        if sequence != self._sequence:
            now = self._clock.now()
            checkpoint = self._key.sign(sequence, last_hash, stamp(now))
            if self._store.add_checkpoint(checkpoint):
                log.info("audit_checkpoint", **checkpoint.__dict__)
            self._sequence, self._at = sequence, now
        return self._store.newest_checkpoint(self._key.public_key)
