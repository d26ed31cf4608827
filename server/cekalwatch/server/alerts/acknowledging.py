"""Takes agents' acknowledgements: those that come at the same moment cost one commit, and not one each."""

from __future__ import annotations

from collections.abc import Sequence

from cekalwatch.server.concurrency.batching import BatchWorker
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError
from cekalwatch.server.storage.alerts.store import AlertStore

MAX_AT_ONCE = 256


class Acknowledgements:
    """Moves agents forward in the event log; one thread writes."""

    def __init__(self, store: AlertStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._writing: BatchWorker[tuple[str, int], int] = BatchWorker(
            "acknowledge", self._write, threads=1, most=MAX_AT_ONCE
        )

    async def take(self, agent_id: str, sequence: int) -> int:
        """Return where the agent stands, once that is committed; raises POSITION_UNKNOWN beyond the log."""
        return await self._writing.do((agent_id, sequence))

    def close(self) -> None:
        """Write what is waiting, and end the thread."""
        self._writing.close()

    def _write(self, positions: list[tuple[str, int]]) -> Sequence[int | CekalwatchError]:
        return self._store.acknowledge(positions, self._clock.now())
