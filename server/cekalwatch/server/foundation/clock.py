"""The clock that is injected into parts, so that tests can set the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Returns the time."""

    def now(self) -> datetime:
        """Return the current moment, aware, in UTC."""

    def elapsed_s(self) -> float:
        """Return the seconds since an arbitrary moment, which setting the clock does not change."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the machine's time."""
        return datetime.now(UTC)

    def elapsed_s(self) -> float:
        """Return the seconds of the machine's monotonic clock."""
        return time.monotonic()


def lately(moment: datetime, now: datetime, within: timedelta) -> bool:
    """Whether an event happened within that time.

    A moment that lies further ahead than that was noted by a clock that was wrong, and says nothing: what rests on it
    would otherwise stand until that clock's time has come.
    """
    return abs(now - moment) <= within
