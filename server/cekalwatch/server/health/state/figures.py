"""Figures of the database for metrics, read at intervals, so that requests cannot keep the database busy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.health.state.status import DatabaseStatus, StatusService
from cekalwatch.server.storage.alerts.handling_store import HandlingStore, OpenAlerts
from cekalwatch.server.storage.sync.store import SyncStore

CURRENT_FOR = timedelta(seconds=30)
"""Older figures are left out: no figure is better than a wrong one."""


@dataclass(frozen=True)
class DatabaseFigures:
    """The figures of one moment."""

    read_at: datetime
    status: DatabaseStatus
    alerts: tuple[OpenAlerts, ...]
    runs: Mapping[SyncOutcome, tuple[int, datetime]]
    """Number of recorded synchronisations with each outcome, and when the last of them ended."""
    shrunk: bool
    """Whether a list that lost many orders waits for two people."""
    more: tuple[tuple[str, float, tuple[str, ...]], ...]
    """The samples of extensions: metric, value, labels."""


@dataclass
class FigureReader:
    """Reads the figures and keeps them; any thread may take them."""

    status: StatusService
    handling: HandlingStore
    syncs: SyncStore
    more: Callable[[datetime], Iterable[tuple[str, float, tuple[str, ...]]]]
    """Reads the samples of extensions at a moment."""
    clock: Clock
    _newest: DatabaseFigures | None = field(default=None, init=False)

    def read(self) -> None:
        """Read the figures again; it blocks. Raises StorageError."""
        read_at = self.clock.now()
        self._newest = DatabaseFigures(
            read_at,
            self.status.read(),
            tuple(self.handling.open_alerts()),
            self.syncs.ended(),
            self.syncs.state().waiting is not None,
            tuple(self.more(read_at)),
        )

    @property
    def newest(self) -> DatabaseFigures:
        """The figures that were read last. Raises RuntimeError before the first."""
        if self._newest is None:
            raise RuntimeError("nothing was read yet")
        return self._newest

    @property
    def current(self) -> DatabaseFigures | None:
        """The same; None when they are older than `CURRENT_FOR`, since the database does not answer."""
        newest = self.newest
        return newest if self.clock.now() - newest.read_at <= CURRENT_FOR else None
