"""Reports a port's alert events to its centre, for as long as this server holds the lease.

The port opens the stream, and the centre says where to continue: the centre keeps the position.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import grpc
import structlog

from cekalwatch.contract.calls.ports import REPORT_ALERTS
from cekalwatch.contract.codec.federation import PORT_MESSAGE
from cekalwatch.contract.values.federation import LogPosition, LogStart, PortHello, SignOfLife, StartReason
from cekalwatch.contract.values.status import Reporting
from cekalwatch.program.version import version
from cekalwatch.server.audit.entry import Actor, ActorKind
from cekalwatch.server.cluster.jobs import LeaderLease
from cekalwatch.server.concurrency.token_bucket import RateLimiter
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.clients.report_stream import (
    LOOK_S,
    MISSED_KEEP_ALIVES,
    Call,
    PictureGiver,
    ReportedParts,
    ReportStream,
    centre_pace,
    period_of,
)
from cekalwatch.server.watchlist.sources.centre.centre import PortCaller, told_code
from cekalwatch.server.watchlist.sources.source import SourceUnavailable
from cekalwatch.v1 import port_pb2
from cekalwatch.v1 import port_service_pb2 as pb
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.calls import is_told
from cekalwatch.wire.dialer import Dialer

ANSWER_S = 10.0
"""For the centre's first answer."""
MAX_PAUSE_S = 5.0
"""Between two attempts."""
REFUSED_PAUSE_S = 15.0
"""Between two attempts while the centre lets this port do nothing: each costs it something."""
REFUSED = frozenset(
    {
        Code.CERTIFICATE_REVOKED,
        Code.CERTIFICATE_EXPIRED,
        Code.IDENTITY_INVALID,
        Code.METHOD_NOT_ALLOWED,
        Code.SITE_NOT_ALLOWED,
        Code.ARGUMENT_INVALID,
    }
)
"""Answers of the centre that stay the same until somebody does something."""
UNREACHABLE = "UNREACHABLE"
CERTIFICATE_REFUSED = "CERTIFICATE_REFUSED"

log = structlog.get_logger()


class AlertReporter:
    """Reports for all servers of the port, while `leader` is this one's. It runs on the event loop."""

    def __init__(self, caller: PortCaller, parts: ReportedParts, pictures: PictureGiver, leader: LeaderLease) -> None:
        """`caller` opens the connection with the first round."""
        self._caller = caller
        self._dialer: Dialer | None = None
        self._pace: RateLimiter | None = None
        self._parts = parts
        self._pictures = pictures
        self._leader = leader
        self._backoff = Backoff(most_s=MAX_PAUSE_S)
        self._centre = Actor(ActorKind.CENTRE, ",".join(caller.settings.addresses)[:150])
        self._state: Reporting | None = None

    @property
    def state(self) -> Reporting | None:
        """The state of the reports; None while another server of the port reports."""
        return self._state

    async def report(self) -> None:
        """Report over one stream, until it ends, and pause: one round of a loop. Raises StorageError."""
        if self._leader.lease is None:
            self._state = None
            await asyncio.sleep(LOOK_S)
            return
        self._state = self._state or Reporting(connected=False, since=self._parts.clock.now())
        problem = await self._round()
        self._counted(await asyncio.to_thread(self._parts.reported.waiting))
        self._lost(problem)
        if problem in REFUSED:
            await asyncio.sleep(REFUSED_PAUSE_S)
        else:
            await asyncio.sleep(self._backoff.next_delay_s() if problem else LOOK_S)

    async def _round(self) -> str:
        if self._dialer is None or self._dialer.material is None:
            # Opened again while there is no certificate: in plaintext nobody says which port they are.
            try:
                self._dialer = await asyncio.to_thread(self._caller.dialer)
            except SourceUnavailable as error:
                return error.code
            if self._dialer.material is None:
                self._state = None
                return ""
        problem = await self._stream(self._dialer)
        self._dialer.lost()
        return problem

    async def _stream(self, dialer: Dialer) -> str:
        """Report over one stream; return why it ended, empty: in order."""
        async with dialer.aio_channel() as channel:
            call: Call = REPORT_ALERTS.on(channel)()
            try:
                await self._follow(call, dialer)
            except TimeoutError:
                return UNREACHABLE
            except grpc.aio.AioRpcError as error:
                return await _problem(error, dialer)
            except asyncio.InvalidStateError:  # something was written after the end, of which nobody has read
                pass
            finally:
                if not call.done():
                    call.cancel()
            return await _end_of(call, dialer)

    async def _follow(self, call: Call, dialer: Dialer) -> None:
        async with asyncio.timeout(ANSWER_S):
            await call.write(PORT_MESSAGE.write(PortHello(version())))
            answer = await call.read()
        if not isinstance(answer, pb.ReportAlertsResponse) or answer.WhichOneof("message") != "start":
            return
        begin = await self._start(answer.start)
        await call.write(PORT_MESSAGE.write(begin))
        dialer.reached()
        self._backoff.reset()
        reason = begin.reason.value if begin.reason else "GOES_ON"
        log.info("reports_begun", address=dialer.address, after=begin.after, start=reason)
        if self._state:
            self._state = replace(self._state, connected=True, since=self._parts.clock.now(), problem="")
        self._pace = self._pace or centre_pace()
        stream = ReportStream(call, self._parts, self._pictures, answer.start, self._centre, self._pace)
        await stream.run(
            begin.after, lambda: self._leader.lease is not None and not dialer.outdated, self._counted, self._stored
        )

    async def _start(self, told: port_pb2.ReportStart) -> LogStart:
        """Return from where this log is reported: from the centre's position, if that is a place in it."""
        fanout, position = self._parts.fanout, told.position
        oldest = await fanout.oldest_position()
        if not told.HasField("position"):
            return LogStart(oldest, StartReason.FIRST)
        try:
            await fanout.start_after(position.sequence)
            same = LogPosition(position.sequence, UUID(position.alert_id), position.event_time.ToDatetime(UTC))
        except CekalwatchError as error:
            too_old = error.code is Code.POSITION_TOO_OLD
            return LogStart(oldest, StartReason.TOO_OLD if too_old else StartReason.OTHER_LOG)
        except (ValueError, OverflowError):
            return LogStart(oldest, StartReason.OTHER_LOG)
        found = await asyncio.to_thread(self._parts.reported.event_at, position.sequence)
        # Events that were pruned up to there can no longer be compared.
        if found != same and position.sequence > oldest:
            return LogStart(oldest, StartReason.OTHER_LOG)
        return LogStart(position.sequence)

    def _counted(self, waiting: int) -> None:
        if self._state:
            self._state = replace(self._state, waiting=waiting)

    def _stored(self, at: datetime) -> None:
        if self._state:
            self._state = replace(self._state, acknowledged_at=at)

    def _lost(self, problem: str) -> None:
        state = self._state
        if state is None or (not state.connected and state.problem == problem):
            return
        if problem:
            log.warning("reports_stopped", problem=problem, waiting=state.waiting)
        since = self._parts.clock.now() if state.connected else state.since
        self._state = replace(state, connected=False, since=since, problem=problem)


async def _end_of(call: Call, dialer: Dialer) -> str:
    """Return why a call ended that raised nothing."""
    code = await call.code()
    if code in {grpc.StatusCode.OK, grpc.StatusCode.CANCELLED}:
        return ""
    metadata, details = await call.trailing_metadata(), await call.details()
    return await _problem(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details), dialer)


async def _problem(error: grpc.aio.AioRpcError, dialer: Dialer) -> str:
    """Return the catalogue's code from the centre, or another reason."""
    if code := told_code(error):
        return code
    if is_told(error):
        return error.code().name
    refused = await asyncio.to_thread(dialer.why_refused)
    if refused:
        log.warning("certificate_refused", problem=refused)
    return CERTIFICATE_REFUSED if refused else UNREACHABLE


"""Between two attempts."""


class PictureLine:
    """Serves for all servers of the port, while `leader` is this one's. It runs on the event loop."""

    def __init__(self, caller: PortCaller, address: str, pictures: PictureGiver, leader: LeaderLease) -> None:
        """`address` is that of the centre's server."""
        self._caller = replace(caller, settings=replace(caller.settings, addresses=(address,)))
        self._pictures = pictures
        self._leader = leader
        self._backoff = Backoff(most_s=MAX_PAUSE_S)
        self._pace: RateLimiter | None = None

    async def serve(self) -> None:
        """Serve over one stream until it ends, and pause: one round of a loop."""
        if self._leader.lease is None:
            await asyncio.sleep(LOOK_S)
            return
        try:
            dialer = await asyncio.to_thread(self._caller.dialer)
        except SourceUnavailable:  # the reports say so
            await asyncio.sleep(REFUSED_PAUSE_S)
            return
        refused = False
        if dialer.material is not None:  # in plaintext nobody says which port they are
            refused = await self._stream(dialer)
        await asyncio.sleep(REFUSED_PAUSE_S if refused else self._backoff.next_delay_s())

    async def _stream(self, dialer: Dialer) -> bool:
        """Serve over one stream, and return whether the centre refused it for good."""
        async with dialer.aio_channel() as channel:
            call: Call = REPORT_ALERTS.on(channel)()
            try:
                async with asyncio.timeout(ANSWER_S):
                    await call.write(PORT_MESSAGE.write(PortHello(version(), pictures_only=True)))
                    answer = await call.read()
                if isinstance(answer, pb.ReportAlertsResponse) and answer.WhichOneof("message") == "start":
                    self._backoff.reset()
                    await self._give(call, period_of(answer.start), dialer)
            except grpc.aio.AioRpcError as error:
                return told_code(error) in REFUSED
            except (TimeoutError, asyncio.InvalidStateError):  # it is silent, or ended while something was written
                pass
            finally:
                if not call.done():
                    call.cancel()
        return False

    async def _give(self, call: Call, period_s: float, dialer: Dialer) -> None:
        """Answer until the call ends, the certificate is renewed, or the lease is another server's."""
        writing = asyncio.Lock()  # gRPC takes one message at a time
        self._pace = pace = self._pace or centre_pace()

        async def answer() -> None:
            while True:
                await pace.keep()
                async with asyncio.timeout(MISSED_KEEP_ALIVES * period_s):
                    message = await call.read()
                if not isinstance(message, pb.ReportAlertsResponse):  # the end
                    return
                if message.WhichOneof("message") == "picture_request":
                    picture = await self._pictures.answer(message.picture_request)
                    async with writing:
                        await call.write(picture)

        async def live() -> None:
            while self._leader.lease is not None and not dialer.outdated:
                async with writing:
                    await call.write(PORT_MESSAGE.write(SignOfLife(0)))
                await asyncio.sleep(period_s)

        tasks = [asyncio.create_task(answer()), asyncio.create_task(live())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
