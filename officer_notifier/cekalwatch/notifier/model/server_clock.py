"""What the server's clock shows now, as far as this PC knows: a PC whose clock is wrong must not misjudge a claim."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class ServerClock:
    """Goes on from the server's last word by a clock that nobody sets; until there is one, by this PC's clock."""

    def __init__(
        self,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._heard: tuple[datetime, float] | None = None

    def heard(self, server_time: datetime) -> None:
        """Take the server's word for the time."""
        self._heard = (server_time, self._monotonic())

    def __call__(self) -> datetime:
        """Return the time."""
        if self._heard is None:
            return self._now()
        server_time, at = self._heard
        return server_time + timedelta(seconds=self._monotonic() - at)
