"""How long to wait before connecting again.

gRPC's retries end once a stream has begun, so both clients reconnect by themselves: exponential backoff with full
jitter (AWS Architecture Blog, "Exponential Backoff and Jitter", 2015), so that a port's clients do not all come back
at the same moment.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass
class Backoff:
    """Waiting times in seconds: uniform between 0 and `first_s`, which doubles with each failure up to `most_s`."""

    first_s: float = 0.5
    most_s: float = 15.0
    random: random.Random = field(default_factory=random.Random)
    _failures: int = 0

    def next_delay_s(self) -> float:
        """Count one more failure and return how long to wait, in seconds."""
        ceiling = min(self.most_s, self.first_s * 2 ** min(self._failures, 30))
        self._failures += 1
        return self.random.uniform(0, ceiling)

    def reset(self) -> None:
        """Forget the failures, after a connection that worked."""
        self._failures = 0
