"""Lets all that judges orders here do so by the law as the database has it: today, the list of agencies. It blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from cekalwatch.server.domain.orders.agencies import Agencies
from cekalwatch.server.domain.orders.law import Checkpoints

log = structlog.get_logger()


class LawFollower:
    """Replaces the law of `checkpoints` when it has changed in the database."""

    def __init__(self, checkpoints: Checkpoints, version: Callable[[], int], agencies: Callable[[], Agencies]) -> None:
        """`version` is the watchlist's change counter, which rises with each change of `agencies`."""
        self._checkpoints = checkpoints
        self._version = version
        self._agencies = agencies
        self._seen: int | None = None

    def follow(self) -> None:
        """Apply what has changed. Raises StorageError."""
        # Read first, so that a later change is read again.
        version = self._version()
        if version == self._seen:
            return
        agencies, law = self._agencies(), self._checkpoints.law
        if agencies != law.agencies:
            self._checkpoints.law = replace(law, agencies=agencies)
            log.info("law_changed", agencies=len(agencies.known))
        self._seen = version
