"""Lets all that judges orders here do so by the law as the database has it: its rows, and the list of agencies."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law

log = structlog.get_logger()


class LawFollower:
    """Replaces the law of `checkpoints` when it has changed in the database. It blocks."""

    def __init__(self, checkpoints: Checkpoints, version: Callable[[], int], read: Callable[[], Law]) -> None:
        """`version` is the watchlist's change counter, which rises with each change of what `read` returns."""
        self._checkpoints = checkpoints
        self._version = version
        self._read = read
        self._seen: int | None = None

    def follow(self) -> None:
        """Apply what has changed. Raises StorageError."""
        # Read first, so that a later change is read again.
        version = self._version()
        if version == self._seen:
            return
        law = self._read()
        if law != self._checkpoints.law:
            self._checkpoints.law = law
            log.info("law_changed", rows=len(law.table.rows), agencies=len(law.agencies.known))
        self._seen = version
