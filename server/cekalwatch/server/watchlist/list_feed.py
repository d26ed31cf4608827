"""The list for ports: its position, the ports that follow it, and the limits of repeated reading.

It runs on the event loop. The servers of a centre share their following ports through the database.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

import structlog

from cekalwatch.server.concurrency.token_bucket import TokenBuckets
from cekalwatch.server.domain.ports import Following, Port, PortProgram
from cekalwatch.server.foundation.clock import Clock, lately
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.ports.followings import FollowingStore
from cekalwatch.server.storage.watchlist.list_feed import ListFeedStore

TELL_EVERY = timedelta(seconds=5)
"""The period of writing the following ports to the database."""
_IDENTITY = re.compile(r"[0-9a-f]{16}")
_VERSIONS = re.compile(r"([0-9]{1,18})(?:/([0-9]{1,18}))?")

log = structlog.get_logger()


@dataclass(frozen=True)
class ListPosition:
    """The change after which a reader continues."""

    identity: str
    """Of the list."""
    version: int = 0
    subject_id: str = ""
    known: int = 0
    """While the list is read again: up to which change the reader had been given all."""

    @property
    def text(self) -> str:
        """The position as a port keeps it."""
        known = f"/{self.known}" if self.known else ""
        return f"{self.identity}.{self.version}{known}.{self.subject_id}"

    @property
    def again(self) -> Self:
        """The list's beginning, for a reader that has read up to here.

        Other subjects may have changed together with the last one, without having been sent.
        """
        return replace(self, version=0, subject_id="", known=max(0, self.version - 1))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `text` returned; raises LIST_POSITION_UNKNOWN."""
        identity, _, rest = text.partition(".")
        versions, separator, subject_id = rest.partition(".")
        found = _VERSIONS.fullmatch(versions)
        if not separator or not found or not _IDENTITY.fullmatch(identity):
            raise CekalwatchError(Code.LIST_POSITION_UNKNOWN)
        return cls(identity, int(found[1]), subject_id, int(found[2] or 0))


@dataclass(frozen=True)
class _Followed:
    """A port that follows here."""

    program: PortProgram
    streams: int
    since: datetime

    def told_by(self, server: str) -> Following:
        """Return it as a report of the server of that name."""
        return Following(**vars(self.program), server=server, since=self.since)


class ListFeed:
    """Notifies ports of changes of the list."""

    def __init__(self, store: ListFeedStore, followings: FollowingStore, clock: Clock, server: str) -> None:
        """`server` is how the others call this one."""
        self._store = store
        self._followings = followings
        self._clock = clock
        self._server = server
        self._version = -1
        self._changed = asyncio.Event()
        self._ended = False
        self._ports: dict[Port, _Followed] = {}
        self._told_at: datetime | None = None

    async def admit(self, port: PortProgram) -> None:
        """Raise PORT_FOLLOWED_ELSEWHERE while another program follows with the port's certificate, at any server."""
        self._admit_here(port)
        known = await asyncio.to_thread(self._followings.of, port.port)
        if known and known.server != self._server and known.run_id != port.run_id and known.goes_on(self._clock.now()):
            raise CekalwatchError(Code.PORT_FOLLOWED_ELSEWHERE, f"{port.port}, at {known.server}")

    def _admit_here(self, port: PortProgram) -> None:
        known = self._ports.get(port.port)
        if known and known.program.run_id != port.run_id:
            raise CekalwatchError(Code.PORT_FOLLOWED_ELSEWHERE, str(port.port))

    @asynccontextmanager
    async def followed_by(self, port: PortProgram) -> AsyncIterator[None]:
        """Count a stream of that port for the time of the block; raises PORT_FOLLOWED_ELSEWHERE."""
        await self.admit(port)
        self._admit_here(port)  # another change may have come in the meantime
        known = self._ports.get(port.port)
        if known is None:
            log.info("port_follows", **vars(port.port), model_version=port.model_version)
        streams, since = (known.streams, known.since) if known else (0, self._clock.now())
        self._ports[port.port] = _Followed(port, streams + 1, since)
        try:
            await self._tell()
            yield
        finally:
            left = self._ports[port.port]
            if left.streams > 1:
                self._ports[port.port] = replace(left, streams=left.streams - 1)
            else:
                del self._ports[port.port]
                log.info("port_left", **vars(port.port))
                await asyncio.to_thread(self._followings.left, left.told_by(self._server), self._clock.now())

    async def news(self, period_s: float) -> AsyncGenerator[str]:
        """Yield the list's state now, when it changes, and after `period_s` seconds without a change; until the end."""
        if self._version < 0:
            await self.follow()
        while not self._ended:
            changed = self._changed
            yield f"{self._store.identity}.{self._version}"
            with suppress(TimeoutError):
                async with asyncio.timeout(period_s):
                    await changed.wait()

    async def follow(self) -> None:
        """Check for a change of the list, in one round, if anybody waits for one, and notify them."""
        if self._version >= 0 and not self._ports:
            self._version = -1  # read again for the next caller
            return
        if self._told_at is None or not lately(self._told_at, self._clock.now(), TELL_EVERY):
            await self._tell()
        version = await asyncio.to_thread(self._store.version)
        if version != self._version:
            self._version = version
            self._wake()

    async def _tell(self) -> None:
        now = self._told_at = self._clock.now()
        followings = [one.told_by(self._server) for one in self._ports.values()]
        await asyncio.to_thread(self._followings.tell, followings, now)

    def end(self) -> None:
        """Let every stream end."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


AGAIN_PER_S = 20.0
AGAIN_AT_ONCE = 10_000.0
"""Pages, and subjects with requested photographs: the burst, and the sustained rate (per second)."""
FETCHES_EACH = 2.0
"""How often a port may ask for the photographs of a subject that is new to it, in addition."""
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
        """Wait until a port may read the list after the state `after`; raises RATE_EXCEEDED."""
        if after < self._reached[port]:
            await self._wait(port)

    def given(self, port: Port, reached: int, subjects: int) -> None:
        """Record that a port received a page of that many subjects, which ends at the state `reached`."""
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
