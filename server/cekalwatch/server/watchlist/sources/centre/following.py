"""Follows a centre: receives changes and age of its list; a synchronisation then reads the list.

It runs on the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import grpc
import structlog

from cekalwatch.contract.calls.ports import FOLLOW_LIST
from cekalwatch.contract.codec.law import AGENCY_LIST, understood_rows
from cekalwatch.contract.values.agencies import AgencyList
from cekalwatch.contract.values.law import LawRow
from cekalwatch.server.concurrency.token_bucket import RateLimiter
from cekalwatch.server.watchlist.sources.centre.centre import PortCaller, told_code
from cekalwatch.server.watchlist.sources.centre.records import told_sources
from cekalwatch.server.watchlist.sources.source import SourceUnavailable
from cekalwatch.v1 import list_feed_service_pb2 as pb
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.calls import is_told, told_by
from cekalwatch.wire.dialer import Dialer

SILENCE_S = 35.0
"""The silence of the centre that counts as a lost line: three and a half of its signs of life by default."""
MOST_PAUSE_S = 5.0
"""Between two attempts to reach the centre."""
REFUSED_PAUSE_S = 15.0
"""The same after it refused this server."""
NEWS_PER_S = 10.0
MAX_NEWS = 100.0
"""Messages of the centre over all streams: a burst size and a sustained rate (per second). The centre checks twice a
second whether its list has changed."""
HASTEN_PERIOD_S = 2.0
"""Minimum time from the beginning of a run to the next one that a change starts: an import at the centre changes the
list many times a second."""

log = structlog.get_logger()


class CentreFollower:
    """Keeps a stream to the centre open, and starts runs as soon as there is something to read."""

    def __init__(
        self,
        caller: PortCaller,
        hasten: Callable[[], bool],
        note_sources: Callable[[Mapping[str, datetime | None]], None],
        note_agencies: Callable[[AgencyList], None] = lambda _: None,
        note_law: Callable[[Sequence[LawRow]], None] = lambda _: None,
        backoff: Backoff | None = None,
    ) -> None:
        """`hasten` begins a run and returns whether it could; `note_sources` stores the age of the centre's list, and
        `note_agencies` and `note_law` its agencies and its law.

        All block.
        """
        self._caller = caller
        self._hasten = hasten
        self._note_sources = note_sources
        self._note_agencies = note_agencies
        self._note_law = note_law
        self._agencies: AgencyList | None = None
        self._law: Sequence[LawRow] | None = None
        self._backoff = backoff or Backoff(most_s=MOST_PAUSE_S)
        self._dialer: Dialer | None = None
        self._pace: RateLimiter | None = None
        self._state = ""
        self._told: Mapping[str, datetime | None] | None = None
        self._due = False
        self._hastened_s = -HASTEN_PERIOD_S
        self._why_lost: str | None = ""
        """None while the centre answers; otherwise the reason, empty before the first attempt."""

    async def follow(self) -> None:
        """Follow until the stream ends, and wait a little then."""
        try:
            dialer = self._dialer
            if dialer is None:
                self._dialer = dialer = await asyncio.to_thread(self._caller.dialer)
        except SourceUnavailable as error:
            self._lost(str(error))
            await asyncio.sleep(REFUSED_PAUSE_S)
            return
        why, refused = await self._stream(dialer)
        if why:
            dialer.lost()
            self._lost(why)
            await asyncio.sleep(REFUSED_PAUSE_S if refused else self._backoff.next_delay_s())

    async def hasten(self) -> None:
        """Begin a run if there is something to read, in one round."""
        if not self._due or time.monotonic() - self._hastened_s < HASTEN_PERIOD_S:
            return
        self._due, begun = False, False
        try:
            begun = await asyncio.to_thread(self._hasten)
        finally:
            if begun:
                self._hastened_s = time.monotonic()
            else:
                self._due = True  # after the running one

    async def _stream(self, dialer: Dialer) -> tuple[str, bool]:
        """Follow one stream to its end; return why it ended, and whether the centre refused this server.

        Empty if it must be reopened at once.
        """
        self._pace = pace = self._pace or RateLimiter(NEWS_PER_S, MAX_NEWS)
        async with dialer.aio_channel() as channel:
            call = FOLLOW_LIST(port=self._caller.message()).on(channel)
            try:
                while True:
                    await pace.keep()
                    async with asyncio.timeout(SILENCE_S):
                        message = await call.read()
                    if message is grpc.aio.EOF:
                        return "it ended the stream", False
                    dialer.reached()
                    await self._take(message)
                    if dialer.outdated:
                        return "", False
            except TimeoutError:
                return "it is silent", False
            except grpc.aio.AioRpcError as error:
                code = told_code(error)
                told = is_told(error) and error.code() is not grpc.StatusCode.UNAVAILABLE
                return f"{code}: {told_by(error)}" if code else told_by(error), told
            finally:
                call.cancel()

    async def _take(self, message: pb.FollowListResponse) -> None:
        if self._why_lost is not None:
            self._why_lost, self._due = None, True
            self._backoff.reset()
            log.info("centre_followed", source=self._caller.settings.name)
        if message.state != self._state:
            self._state, self._due = message.state, True
        told = told_sources(message.freshness)
        if told != self._told:
            await asyncio.to_thread(self._note_sources, told)
            self._told = told
        if message.HasField("agencies") and (agencies := AGENCY_LIST.read(message.agencies)) != self._agencies:
            await asyncio.to_thread(self._note_agencies, agencies)
            self._agencies = agencies
        if message.HasField("law") and (law := understood_rows(message.law)) != self._law:
            await asyncio.to_thread(self._note_law, law)
            self._law = law

    def _lost(self, why: str) -> None:
        """Report the lost line, and let a run find and record the reason."""
        if self._why_lost is None or (self._why_lost != why and why):
            log.warning("centre_lost", source=self._caller.settings.name, reason=why)
            self._due = True
        self._why_lost = why
