"""The audit trail as the server's parts write to it: entries of the same moment are committed together.

One thread writes, so that an alert which goes to many agents at once costs one commit and not one for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cekalwatch.server.audit.entry import OK, Action, Actor, AuditEntry
from cekalwatch.server.concurrency.batching import BatchWorker
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.storage.audit.store import AuditStore

MAX_AT_ONCE = 64


class AuditTrail:
    """Writes entries on one thread; it is called from the event loop."""

    def __init__(self, store: AuditStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._writing: BatchWorker[AuditEntry, None] = BatchWorker("audit", self._write, threads=1, most=MAX_AT_ONCE)

    async def note(
        self, actor: Actor, action: Action, objects: Iterable[str] = (), outcome: str = OK, **details: int | str
    ) -> None:
        """Return when the entry is committed; raises StorageError when it cannot be.

        Whoever gives out personal data waits for this first: what is not recorded is not given out.
        """
        await self.enter(AuditEntry(self._clock.now(), actor, action, tuple(objects), outcome, details))

    async def enter(self, entry: AuditEntry) -> None:
        """Return when `entry` is committed, as `note` does."""
        await self._writing.do(entry)

    def close(self) -> None:
        """Write what is waiting, and end the thread."""
        self._writing.close()

    def _write(self, entries: list[AuditEntry]) -> Sequence[None]:
        self._store.append(*entries)
        return [None] * len(entries)
