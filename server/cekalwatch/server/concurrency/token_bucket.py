"""Rate limits: tokens that are refilled at a fixed rate, up to a burst size. The caller passes the time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class TokenBucket:
    """Tokens that come back at a fixed rate, up to a bound; each action takes some."""

    def __init__(self, per_s: float, most: float, now_s: float) -> None:
        self._per_s = per_s
        self._most = most
        self._tokens = most
        self._at_s = now_s

    def take(self, cost: float, now_s: float, most_wait_s: float) -> float | None:
        """Take `cost` tokens, also future ones; return the seconds to wait until they are available.

        None, and nothing is taken, when that would be more than `most_wait_s`.
        """
        self._fill(now_s)
        wait_s = max(0.0, cost - self._tokens) / self._per_s
        if wait_s > most_wait_s:
            return None
        self._tokens -= cost
        return wait_s

    def is_full(self, now_s: float) -> bool:
        """Whether nothing was taken for so long that it is as good as new."""
        self._fill(now_s)
        return self._tokens >= self._most

    def _fill(self, now_s: float) -> None:
        self._tokens = min(self._most, self._tokens + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s


class TokenBuckets(Generic[Key]):
    """A bucket for each key; those that are as good as new are forgotten when there are too many."""

    def __init__(self, per_s: float, most: float, max_known: int) -> None:
        self._per_s = per_s
        self._most = most
        self._max_known = max_known
        self._buckets: dict[Key, TokenBucket] = {}

    def __len__(self) -> int:
        """Return how many keys are known."""
        return len(self._buckets)

    def of(self, key: Key, now_s: float, share: float = 1.0) -> TokenBucket:
        """Return the key's bucket; a new one has `share` times the tokens and the rate."""
        if key not in self._buckets:
            if len(self._buckets) >= self._max_known:
                self._buckets = {one: bucket for one, bucket in self._buckets.items() if not bucket.is_full(now_s)}
            self._buckets[key] = TokenBucket(share * self._per_s, share * self._most, now_s)
        return self._buckets[key]


class RateLimiter:
    """Delays the reader of a stream whose messages arrive too fast: a burst size, and a sustained rate (per second).

    What is not read yet waits with who sends it. It is begun and used on the event loop.
    """

    def __init__(self, per_s: float, at_once: float) -> None:
        self._bucket = TokenBucket(per_s, at_once, asyncio.get_running_loop().time())

    async def keep(self) -> None:
        """Wait until one more message may be dealt with."""
        await asyncio.sleep(self._bucket.take(1, asyncio.get_running_loop().time(), math.inf) or 0)
