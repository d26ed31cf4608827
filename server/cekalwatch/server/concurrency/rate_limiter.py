"""Holds up who reads the messages of a stream that come too fast. What is not read yet waits with who sends it."""

from __future__ import annotations

import asyncio
import math

from cekalwatch.server.concurrency.token_bucket import TokenBucket


class RateLimiter:
    """So many messages at once, and after these so many a second; begun and used on the event loop."""

    def __init__(self, per_s: float, at_once: float) -> None:
        self._bucket = TokenBucket(per_s, at_once, asyncio.get_running_loop().time())

    async def keep(self) -> None:
        """Wait until one more message may be dealt with."""
        await asyncio.sleep(self._bucket.take(1, asyncio.get_running_loop().time(), math.inf) or 0)
