"""Receives the reports of ports, one stream each: stores events in order, and acknowledges stored ones.

It asks a port for a picture when a person opens one. It knows no transport.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

import structlog

from cekalwatch.contract.values.federation import (
    HeldAlerts,
    LogPosition,
    LogStart,
    PictureRefusal,
    PictureRequest,
    PortHello,
    PortPicture,
    ReportKeepAlive,
    ReportReceipt,
    SignOfLife,
)
from cekalwatch.server.audit.device_entries import device
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.concurrency.token_bucket import RateLimiter
from cekalwatch.server.domain.ports import Port, PortReport, RefusedReport
from cekalwatch.server.foundation.clock import Clock, lately
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.ports.store import PortStore
from cekalwatch.wire.identity import DeviceRole, Identity

MISSED_HEARTBEATS = 3
MAX_AT_ONCE = 50
"""Events that are stored together."""
EVENTS_PER_S = 100.0
MAX_EVENTS = 1_000.0
"""A port that was away for days has many at once; after these, they are taken at the rate above."""
MESSAGES_PER_S = 10.0
MAX_MESSAGES = 100.0
SIGNS_A_PERIOD = 2
"""Signs of life and pictures of a stream: a burst size and a sustained rate (per second), and in each period in
which a sign of life is due."""
MAX_PICTURES = 8
"""Pictures that are asked of one port at the same time."""
TELL_EVERY = timedelta(seconds=10)
"""Interval of recording in the database that a port is alive."""

log = structlog.get_logger()


@dataclass(frozen=True)
class ReportTerms:
    """The times and bounds of a stream of reports."""

    heartbeat_period_s: float = 5.0
    handshake_s: float = 10.0
    window: int = 100
    """Events that a port may send beyond the last receipt."""
    picture_s: float = 8.0
    """How long a port may take for a picture."""


@dataclass(frozen=True)
class _Pace:
    """The rates of a port, over all its streams of a kind: one that comes again gets no second burst."""

    events: RateLimiter
    messages: RateLimiter


_Stored = LogStart | PortReport
Inbound = _Stored | HeldAlerts | SignOfLife | PortPicture
Outbound = ReportReceipt | PictureRequest | ReportKeepAlive


class ReportReceiver:
    """The ports that are connected to this server of the centre; only the event loop's thread uses it."""

    def __init__(self, store: PortStore, trail: AuditTrail, clock: Clock, actor: Actor, terms: ReportTerms) -> None:
        """`actor` is this server."""
        self.terms = terms
        self._store = store
        self._trail = trail
        self._clock = clock
        self._actor = actor
        self._paces: dict[tuple[Port, type[_ReportStream]], _Pace] = {}
        self._streams: dict[Port, _ReportStream] = {}
        self._picture_streams: dict[Port, _ReportStream] = {}
        """Of ports that report to another server of the centre, or here as well."""

    async def position(self, port: Port) -> LogPosition | None:
        """Return from where a port should go on; None means from its oldest event."""
        return await asyncio.to_thread(self._store.position, port)

    async def run(
        self, port: Port, hello: PortHello, inbound: AsyncIterator[Inbound]
    ) -> AsyncGenerator[Outbound, None]:
        """Yield the messages for the port, until the stream ends; raises the stream's error.

        A stream of the same port and kind that is open ends with PORT_REPLACED.
        """
        kind, streams = _ReportStream, self._streams
        if hello.pictures_only:
            kind, streams = _PictureStream, self._picture_streams
        if former := streams.get(port):
            former.end(Code.PORT_REPLACED)
        if (pace := self._paces.get((port, kind))) is None:
            messages = RateLimiter(MESSAGES_PER_S + SIGNS_A_PERIOD / self.terms.heartbeat_period_s, MAX_MESSAGES)
            pace = self._paces[port, kind] = _Pace(RateLimiter(EVENTS_PER_S, MAX_EVENTS), messages)
        stream = kind(port, hello.server_version, self._store, self._trail, self._clock, self._actor, self.terms, pace)
        streams[port] = stream
        if not hello.pictures_only:
            log.info("port_connected", port=str(port), version=hello.server_version)
        try:
            async with aclosing(stream.run(inbound)) as outbound:
                async for message in outbound:
                    yield message
        finally:
            last = streams.get(port) is stream
            if last:
                del streams[port]
            if not hello.pictures_only:
                log.info("port_disconnected", port=str(port))
                if last:
                    await asyncio.to_thread(self._store.left, port, self._actor.key)

    async def picture(self, port: Port, alert_id: UUID, asked_by: Actor) -> bytes:
        """Return the probe of an alert, from its port; empty if the port has none. Raises PORT_AWAY."""
        stream = self._streams.get(port) or self._picture_streams.get(port)
        if stream is None:
            raise CekalwatchError(Code.PORT_AWAY, f"{port} is not connected here")
        return await stream.picture(alert_id, asked_by)

    def end(self) -> None:
        """Let every stream end: the server is about to stop."""
        for stream in (*self._streams.values(), *self._picture_streams.values()):
            stream.end()


class _ReportStream:
    """The state of one stream."""

    def __init__(
        self,
        port: Port,
        version: str,
        store: PortStore,
        trail: AuditTrail,
        clock: Clock,
        actor: Actor,
        terms: ReportTerms,
        pace: _Pace,
    ) -> None:
        self._port = port
        self._version = version
        self._store = store
        self._trail = trail
        self._clock = clock
        self._actor = actor
        self._terms = terms
        self._to_store: asyncio.Queue[_Stored | None] = asyncio.Queue(terms.window)
        """None at the end."""
        self._outbound: asyncio.Queue[Outbound | None] = asyncio.Queue()
        """None: look whether the stream has ended."""
        self._started = False
        self._pace = pace
        self._unacknowledged = 0
        self._pictures: dict[int, asyncio.Future[PortPicture]] = {}
        self._numbers = count(1)
        self._ended = False
        self._error: Code | None = None
        self._told_at: datetime | None = None

    def end(self, error: Code | None = None) -> None:
        """End the stream, with an error or in order."""
        self._ended, self._error = True, error
        self._outbound.put_nowait(None)

    async def run(self, inbound: AsyncIterator[Inbound]) -> AsyncGenerator[Outbound, None]:
        await self._tell(SignOfLife(0))
        reading = asyncio.create_task(self._read(inbound))
        storing = asyncio.create_task(self._store_all())
        for task in (reading, storing):
            task.add_done_callback(lambda _: self._outbound.put_nowait(None))
        try:
            while True:
                if reading.done():
                    reading.result()
                if storing.done():
                    storing.result()
                if self._error:
                    raise CekalwatchError(self._error, str(self._port))
                if self._ended or (storing.done() and self._outbound.empty()):
                    return
                if (message := await self._next()) is not None:
                    yield message
        finally:
            for task in (reading, storing):
                task.cancel()
            for answer in self._pictures.values():
                answer.cancel()

    async def picture(self, alert_id: UUID, asked_by: Actor) -> bytes:
        """Ask for a picture; see `ReportReceiver.picture`."""
        if len(self._pictures) >= MAX_PICTURES:
            raise CekalwatchError(Code.PORT_AWAY, f"{self._port} is asked for {MAX_PICTURES} pictures already")
        number = next(self._numbers)
        waiting = self._pictures[number] = asyncio.get_running_loop().create_future()
        self._outbound.put_nowait(PictureRequest(number, alert_id, str(asked_by)))
        try:
            # `wait` does not raise the future's error, so the end of a stream does not cancel the caller.
            await asyncio.wait([waiting], timeout=self._terms.picture_s)
            answer: PortPicture | None = waiting.result() if waiting.done() and not waiting.cancelled() else None
        finally:
            self._pictures.pop(number, None)
        if answer is None or answer.refusal is PictureRefusal.NOT_NOW:
            raise CekalwatchError(Code.PORT_AWAY, f"{self._port} gave no picture")
        return answer.probe_jpeg

    async def _next(self) -> Outbound | None:
        try:
            async with asyncio.timeout(self._terms.heartbeat_period_s):
                return await self._outbound.get()
        except TimeoutError:
            return ReportKeepAlive()

    async def _read(self, inbound: AsyncIterator[Inbound]) -> None:
        while True:
            try:
                async with asyncio.timeout(MISSED_HEARTBEATS * self._terms.heartbeat_period_s):
                    message = await anext(inbound)
            except StopAsyncIteration:
                await self._to_store.put(None)
                return
            except TimeoutError:
                raise CekalwatchError(Code.STREAM_SILENT) from None
            match message:
                case SignOfLife():
                    await self._pace.messages.keep()
                    await self._tell(message)
                case PortPicture():
                    await self._pace.messages.keep()
                    answered = self._pictures.get(message.request_id)
                    if answered is not None and not answered.done():
                        answered.set_result(message)
                case _:
                    await self._take(message)

    async def _take(self, message: _Stored | HeldAlerts) -> None:
        """Wait before storing, so that a port keeps to its rate."""
        if self._started is isinstance(message, LogStart):
            detail = "begins twice" if self._started else "does not say where it begins"
            raise CekalwatchError(Code.REPORT_OUT_OF_ORDER, f"{self._port} {detail}")
        self._started = True
        if isinstance(message, PortReport):
            if self._unacknowledged >= self._terms.window:
                raise CekalwatchError(Code.REPORTS_TOO_MANY, str(self._port))
            self._unacknowledged += 1
        await self._pace.events.keep()
        if not isinstance(message, HeldAlerts):  # which ports before 0.3.0 send: nothing goes at a port's word
            await self._to_store.put(message)

    async def _store_all(self) -> None:
        """Store arriving events in order; events that arrived together in one transaction."""
        following: deque[_Stored | None] = deque()
        while True:
            message = following.popleft() if following else await self._to_store.get()
            now = self._clock.now()
            match message:
                case None:
                    return
                case LogStart():
                    await self._begin(message, now)
                case PortReport():
                    reports = [message]
                    while len(reports) < MAX_AT_ONCE and not self._to_store.empty():
                        further = self._to_store.get_nowait()
                        if not isinstance(further, PortReport):
                            following.append(further)
                            break
                        reports.append(further)
                    new = (self._port, reports, now, self._refused(now))
                    reached = await asyncio.to_thread(self._store.record, *new)
                    self._unacknowledged -= len(reports)
                    self._outbound.put_nowait(ReportReceipt(reached))

    async def _begin(self, start: LogStart, now: datetime) -> None:
        await asyncio.to_thread(self._store.start, self._port, start, now)
        reason = start.reason.value if start.reason else "GOES_ON"
        if start.reason:
            log.warning("port_log_begun", port=str(self._port), after=start.after, reason=reason)
        who = device(Identity(DeviceRole.PORT, self._port.site, self._port.name))
        await self._trail.note(who, Action.PORT_REPORTS_OPENED, after_event=start.after, start=reason)

    def _refused(self, now: datetime) -> Callable[[Sequence[RefusedReport]], AuditEntry]:
        """Return what makes the entry about reports that contradict earlier ones; it describes the first of them."""

        def note(refused: Sequence[RefusedReport]) -> AuditEntry:
            first = refused[0]
            alert, event = first.report.alert, first.report.event
            details: dict[str, int | str] = {
                "port": str(self._port),
                "reports": len(refused),
                "event": event.sequence,
                "type": event.type,
                "facts": ", ".join(first.facts),
                "told": f"{alert.subject_id[:100]} {alert.score:.4f} {alert.state}",
            }
            named = dict.fromkeys(ObjectKind.ALERT.key(one.report.event.alert_id) for one in refused)
            log.warning("port_contradicts", port=str(self._port), reports=len(refused), facts=first.facts)
            return AuditEntry(now, self._actor, Action.PORT_CONTRADICTED, tuple(named), details=details)

        return note

    async def _tell(self, waiting: SignOfLife) -> None:
        now = self._clock.now()
        if self._told_at is None or not lately(self._told_at, now, TELL_EVERY):
            self._told_at = now
            told = (self._port, self._actor.key, waiting.events_waiting, self._version, now, waiting.list_at)
            await asyncio.to_thread(self._store.tell, *told)


class _PictureStream(_ReportStream):
    """The state of one stream over which pictures are asked for, and nothing is reported."""

    async def _take(self, message: _Stored | HeldAlerts) -> None:
        detail = f"{self._port} sends {type(message).__name__} where it gives pictures only"
        raise CekalwatchError(Code.REPORT_OUT_OF_ORDER, detail)

    async def _tell(self, waiting: SignOfLife) -> None:
        """Note nothing: the stream that reports says how the port does."""
