"""How often a port may have again what it was given of the list: each time is an entry in the audit trail.

What is new to it, it may read as fast as it can; so begins a port with a hundred thousand subjects. It is called from
the event loop, and counts since the start of this server.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from cekalwatch.server.concurrency.token_bucket import TokenBuckets
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.ports import Port

AGAIN_PER_S = 20.0
AGAIN_AT_ONCE = 10_000.0
"""Pages, and subjects whose photographs are asked for: so many at once, and after these so many a second."""
FETCHES_EACH = 2.0
"""How often the photographs of a subject may be asked for that is new to a port, beside these."""
MAX_WAIT_S = 5.0
MAX_PORTS = 1000


class ListAllowance:
    """Of all ports; `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._again: TokenBuckets[Port] = TokenBuckets(AGAIN_PER_S, AGAIN_AT_ONCE, MAX_PORTS)
        self._reached: Counter[Port] = Counter()
        """The newest state of the list of which each was given something."""
        self._fetches: Counter[Port] = Counter()
        """Subjects whose photographs each may ask for since they were new to it."""

    async def page(self, port: Port, after: int) -> None:
        """Wait until a port may have what follows the state `after`; raises RATE_EXCEEDED."""
        if after < self._reached[port]:
            await self._wait(port)

    def given(self, port: Port, reached: int, subjects: int) -> None:
        """Note that a port was given a page of so many subjects, which ends at the state `reached`."""
        if reached > self._reached[port]:
            self._reached[port] = reached
            self._fetches[port] += int(subjects * FETCHES_EACH)

    async def photographs(self, port: Port) -> None:
        """Wait until a port may have the photographs of a subject; raises RATE_EXCEEDED."""
        if self._fetches[port] > 0:
            self._fetches[port] -= 1
        else:
            await self._wait(port)

    async def _wait(self, port: Port) -> None:
        now_s = self._monotonic()
        wait_s = self._again.of(port, now_s).take(1, now_s, MAX_WAIT_S)
        if wait_s is None:
            raise CekalwatchError(Code.RATE_EXCEEDED, f"{port} reads the list again and again")
        await asyncio.sleep(wait_s)
