"""When a name may be tried again after wrong passwords: at once, until there were five; then later and later. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class LockOut:
    """The figures of the lock-out."""

    free_tries: int = 5
    """Wrong passwords in a row until the name is locked."""
    first: timedelta = timedelta(seconds=30)
    """How long it is locked then; each further one doubles it."""
    longest: timedelta = timedelta(minutes=15)
    forgotten_after: timedelta = timedelta(hours=24)
    """After so long without a wrong one, the count begins anew."""

    def after(self, failures: int) -> timedelta | None:
        """Return for how long a name is locked after so many wrong passwords; None: it is not."""
        if failures < self.free_tries:
            return None
        # Beyond 2^20 it is the longest anyhow, and a timedelta would overflow.
        return min(self.first * (1 << min(failures - self.free_tries, 20)), self.longest)


@dataclass(frozen=True)
class Tries:
    """What is counted of one name."""

    failures: int
    failed_at: datetime
    locked_until: datetime | None

    def locked(self, now: datetime) -> bool:
        """Whether the name may not be tried now."""
        return self.locked_until is not None and now < self.locked_until

    @classmethod
    def next(cls, before: Tries | None, now: datetime, rule: LockOut) -> Tries:
        """Return the count with one more wrong password."""
        forgotten = before is None or now - before.failed_at >= rule.forgotten_after
        failures = 1 if forgotten or before is None else before.failures + 1
        pause = rule.after(failures)
        return cls(failures, now, now + pause if pause else None)
