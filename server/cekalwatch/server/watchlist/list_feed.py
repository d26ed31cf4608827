"""What ports follow: where the list stands, which port may follow it, and who does. It belongs to the event loop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

import structlog

from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.storage.watchlist.list_feed import ListFeedStore

MAX_PORTS = 1000
"""Ports that are remembered."""
_IDENTITY = re.compile(r"[0-9a-f]{16}")
_VERSION = re.compile(r"[0-9]{1,18}")

log = structlog.get_logger()


@dataclass(frozen=True)
class ListPosition:
    """After which subject's change a reader goes on."""

    identity: str
    """Of the list."""
    version: int = 0
    subject_id: str = ""

    @property
    def text(self) -> str:
        """The position as a port keeps it."""
        return f"{self.identity}.{self.version}.{self.subject_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `text` returned; raises LIST_POSITION_UNKNOWN."""
        identity, _, rest = text.partition(".")
        version, separator, subject_id = rest.partition(".")
        if not separator or not _IDENTITY.fullmatch(identity) or not _VERSION.fullmatch(version):
            raise CekalwatchError(Code.LIST_POSITION_UNKNOWN)
        return cls(identity, int(version), subject_id)


@dataclass(frozen=True)
class PortProgram:
    """A program of a port that calls."""

    site: str
    name: str
    run_id: str
    """A key made at its start."""
    model_version: str = ""
    version: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Of the port's certificate, which one program has."""
        return self.site, self.name


@dataclass(frozen=True)
class PortState:
    """What is known of a port since this server started."""

    program: PortProgram
    streams: int = 0
    since: datetime | None = None
    """When it began to follow, or ended."""


class ListFeed:
    """Tells ports that the list has changed."""

    def __init__(self, store: ListFeedStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._version = -1
        self._changed = asyncio.Event()
        self._ended = False
        self._ports: dict[tuple[str, str], PortState] = {}

    @property
    def ports(self) -> tuple[PortState, ...]:
        """The ports that follow, and those that did."""
        return tuple(self._ports[key] for key in sorted(self._ports))

    def admit(self, port: PortProgram) -> None:
        """Raise PORT_FOLLOWED_ELSEWHERE while another program follows with the port's certificate."""
        known = self._ports.get(port.key)
        if known and known.streams and known.program.run_id != port.run_id:
            raise CekalwatchError(Code.PORT_FOLLOWED_ELSEWHERE, f"{port.site}/{port.name}")

    @contextmanager
    def followed_by(self, port: PortProgram) -> Iterator[None]:
        """Count a stream of that port for the time of the block; raises PORT_FOLLOWED_ELSEWHERE."""
        self.admit(port)
        known = self._ports.get(port.key)
        if known is None and len(self._ports) >= MAX_PORTS:
            gone = [key for key, one in self._ports.items() if not one.streams]
            for key in gone[:1]:
                del self._ports[key]
        streams = known.streams if known else 0
        if not streams:
            log.info("port_follows", site=port.site, name=port.name, model_version=port.model_version)
        self._ports[port.key] = PortState(port, streams + 1, self._clock.now())
        try:
            yield
        finally:
            left = self._ports[port.key]
            self._ports[port.key] = replace(left, streams=left.streams - 1, since=self._clock.now())
            if left.streams == 1:
                log.info("port_left", site=port.site, name=port.name)

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
        """Look whether the list has changed, in one round, if anybody waits for that."""
        if self._version >= 0 and not any(one.streams for one in self._ports.values()):
            self._version = -1  # read again when somebody comes
            return
        version = await asyncio.to_thread(self._store.version)
        if version != self._version:
            self._version = version
            self._wake()

    def end(self) -> None:
        """Let every stream end."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
