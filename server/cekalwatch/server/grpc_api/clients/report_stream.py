"""One stream of a port's reports: sends events within the centre's window, and answers requests for pictures."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime

import grpc
import structlog

from cekalwatch.contract.codec.alerts import ALERT, EVENT_TYPES
from cekalwatch.contract.codec.federation import PORT_MESSAGE
from cekalwatch.contract.engine.scalars import timestamp
from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.contract.values.federation import PictureRefusal, PortPicture, SignOfLife
from cekalwatch.server.alerts.fanout import DetailedEvent, Fanout
from cekalwatch.server.audit.alert_entries import shown_objects
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, ObjectKind
from cekalwatch.server.concurrency.token_bucket import RateLimiter, TokenBucket
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.grpc_api.messages import uuid as read_uuid
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.audit.trail import AuditTrail, DeliveryTrail
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.ports.followings import ReportedLog
from cekalwatch.v1 import alert_pb2, port_pb2, watchlist_pb2
from cekalwatch.v1 import port_service_pb2 as pb

PICTURES_PER_S = 1.0
MAX_PICTURES = 30.0
"""Requests for pictures by all servers of the centre: the burst, and the sustained rate (per second)."""
MAX_ASKED_BY = 180
LOG_PERIOD_S = 60.0
"""How often it is logged that too much is asked."""


class PictureGiver:
    """Answers over any stream of this server to its centre. It belongs to the event loop."""

    def __init__(self, alerts: AlertStore, trail: AuditTrail) -> None:
        self._alerts = alerts
        self._trail = trail
        self._pace: TokenBucket | None = None
        self._log_s = float("-inf")

    async def answer(self, asked: port_pb2.PictureRequest) -> pb.ReportAlertsRequest:
        """Return the picture that somebody at the centre opens, once that is recorded here."""
        alert_id, who = read_uuid(asked.alert_id), asked.asked_by
        if alert_id is None or not (0 < len(who) <= MAX_ASKED_BY and who.isprintable()):
            return _answer(asked, PictureRefusal.NOT_KEPT)
        now_s = asyncio.get_running_loop().time()
        if self._bucket().take(1, now_s, 0) is None:
            if now_s - self._log_s >= LOG_PERIOD_S:
                self._log_s = now_s
                log.warning("centre_asks_too_often")
            return _answer(asked, PictureRefusal.NOT_NOW)
        by, alerts, trail = Actor(ActorKind.CENTRE, who), self._alerts, self._trail
        try:
            alert = await asyncio.to_thread(alerts.get, alert_id)
            jpeg = await asyncio.to_thread(alerts.probe, alert_id)
            await trail.note(by, Action.ALERT_VIEWED, shown_objects([alert]), pictures=1)
        except CekalwatchError as error:
            await trail.note(by, Action.ALERT_VIEWED, [ObjectKind.ALERT.key(alert_id)], error.code, pictures=1)
            return _answer(asked, PictureRefusal.NOT_KEPT)
        except (StorageError, ValueError) as error:  # damaged rows raise the latter
            log.error("picture_not_given", alert_id=str(alert_id), error=type(error).__name__)  # noqa: TRY400
            return _answer(asked, PictureRefusal.NOT_NOW)
        if not jpeg:
            return _answer(asked, PictureRefusal.NOT_KEPT)
        return PORT_MESSAGE.write(PortPicture(asked.request_id, jpeg))

    def _bucket(self) -> TokenBucket:
        self._pace = self._pace or TokenBucket(PICTURES_PER_S, MAX_PICTURES, asyncio.get_running_loop().time())
        return self._pace


def _answer(asked: port_pb2.PictureRequest, refusal: PictureRefusal) -> pb.ReportAlertsRequest:
    return PORT_MESSAGE.write(PortPicture(asked.request_id, refusal=refusal))


MISSED_KEEP_ALIVES = 3
LOOK_S = 0.5
"""The period of checks whether the stream should continue."""
MAX_WINDOW = 1000
MAX_WAITING = 2 * MAX_WINDOW
"""Messages that wait to be sent to a centre that does not read."""
MAX_PICTURES_WAITING = 8
"""Pictures among these; a centre asks for this many at once."""
ANSWERS_PER_S = 200.0
MAX_ANSWERS = 2_000.0
"""Messages of the centre: the burst, and the sustained rate (per second). A receipt may come for each event."""
PERIOD_S = (0.1, 60.0)
"""Within which the centre may choose how often it wants a sign of life."""

log = structlog.get_logger()

Call = grpc.aio.StreamStreamCall[pb.ReportAlertsRequest, pb.ReportAlertsResponse]


@dataclass(frozen=True)
class ReportedParts:
    """The source of a port's reports, and the place of their record."""

    fanout: Fanout
    alerts: AlertStore
    reported: ReportedLog
    trail: AuditTrail
    deliveries: DeliveryTrail
    clock: Clock
    list_at: Callable[[], datetime | None]
    """When the list was last updated from the centre; None means never."""


class ReportStream:
    """The state of one stream, after the centre has said where to begin."""

    def __init__(
        self,
        call: Call,
        parts: ReportedParts,
        pictures: PictureGiver,
        told: port_pb2.ReportStart,
        centre: Actor,
        pace: RateLimiter,
    ) -> None:
        """`centre` is the receiver of the reports in the audit trail. `pace` limits the messages read from the
        centre."""
        self._call = call
        self._parts = parts
        self._centre = centre
        self._pictures = pictures
        self._pace = pace
        self._period_s = period_of(told)
        self._window = min(max(told.window, 1), MAX_WINDOW)
        self._outgoing: asyncio.Queue[pb.ReportAlertsRequest] = asyncio.Queue(MAX_WAITING)
        self._pictures_waiting = 0
        self._unacknowledged: deque[int] = deque()
        self._room = asyncio.Event()

    async def run(
        self,
        after: int,
        goes_on: Callable[[], bool],
        counted: Callable[[int], None],
        stored: Callable[[datetime], None],
    ) -> None:
        """Report the events after `after` until `goes_on` returns False, or the log or the call ends.

        `counted` is told how many events wait, `stored` when the centre stored some. Raises what the call raises, and
        TimeoutError when the centre is silent.
        """
        work = (self._write(), self._read(stored), self._tell_events(after), self._live(goes_on, counted))
        tasks = [asyncio.create_task(one) for one in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            message = await self._outgoing.get()
            await self._call.write(message)
            self._pictures_waiting -= bool(message.picture.probe_jpeg)

    async def _read(self, stored: Callable[[datetime], None]) -> None:
        while True:
            await self._pace.keep()
            async with asyncio.timeout(MISSED_KEEP_ALIVES * self._period_s):
                answer = await self._call.read()
            if not isinstance(answer, pb.ReportAlertsResponse):  # the end
                return
            match answer.WhichOneof("message"):
                case "receipt":
                    now = self._parts.clock.now()
                    await asyncio.to_thread(self._parts.reported.acknowledge, answer.receipt.sequence, now)
                    while self._unacknowledged and self._unacknowledged[0] <= answer.receipt.sequence:
                        self._unacknowledged.popleft()
                    self._room.set()
                    stored(now)
                case "picture_request":
                    await self._outgoing.put(await self._picture(answer.picture_request))
                case _:
                    pass

    async def _picture(self, asked: port_pb2.PictureRequest) -> pb.ReportAlertsRequest:
        """Return the answer to a request, unless the centre has not read the previous answer."""
        if self._pictures_waiting >= MAX_PICTURES_WAITING:
            return PORT_MESSAGE.write(PortPicture(asked.request_id, refusal=PictureRefusal.NOT_NOW))
        answer = await self._pictures.answer(asked)
        self._pictures_waiting += bool(answer.picture.probe_jpeg)
        return answer

    async def _tell_events(self, after: int) -> None:
        previous = after
        async with aclosing(self._parts.fanout.follow(after, lambda _: True, self._period_s)) as events:
            async for item in events:
                if item is None or item.event.type is AlertEventType.LOOKED or item.details.alert.exercise_id:
                    continue  # of no concern to the centre
                await self._parts.deliveries.note(self._centre, item.details.alert, item.event.sequence)
                while len(self._unacknowledged) >= self._window:
                    self._room.clear()
                    await self._room.wait()
                self._unacknowledged.append(item.event.sequence)
                await self._outgoing.put(report(previous, item))
                previous = item.event.sequence

    async def _live(self, goes_on: Callable[[], bool], counted: Callable[[int], None]) -> None:
        loop, due_s = asyncio.get_running_loop(), 0.0
        while goes_on():
            if loop.time() >= due_s:
                due_s = loop.time() + self._period_s
                waiting = await asyncio.to_thread(self._parts.reported.waiting)
                counted(waiting)
                with suppress(asyncio.QueueFull):  # the centre has not read the last ones
                    self._outgoing.put_nowait(PORT_MESSAGE.write(SignOfLife(waiting, self._parts.list_at())))
            await asyncio.sleep(min(LOOK_S, self._period_s))


def centre_pace() -> RateLimiter:
    """Return how fast a centre is read, whatever it sends, and over however many streams after each other."""
    return RateLimiter(ANSWERS_PER_S, MAX_ANSWERS)


def period_of(told: port_pb2.ReportStart) -> float:
    """Return how often the centre wants a sign of life, in seconds, within bounds."""
    return min(max(told.heartbeat_period.ToNanoseconds() / 1e9, PERIOD_S[0]), PERIOD_S[1])


def report(previous: int, item: DetailedEvent) -> pb.ReportAlertsRequest:
    """Write an event for the centre: its subjects and orders are known there, and only their keys leave the port."""
    alert = ALERT.write(item.details.whole.without_looks)
    alert.subject.CopyFrom(watchlist_pb2.Subject(subject_id=item.details.alert.subject_id))
    del alert.orders[:]
    alert.orders.extend(watchlist_pb2.BanOrder(order_id=key) for key in item.details.alert.order_ids)
    for candidate in alert.candidates:
        candidate.ClearField("name")
    event = item.event
    told = port_pb2.ReportedEvent(
        previous_sequence=previous,
        event=alert_pb2.AlertEvent(
            sequence=event.sequence,
            type=EVENT_TYPES.number(event.type),
            event_time=timestamp(event.occurred_at),
            alert=alert,
            capture_id=event.capture_id,
        ),
    )
    return pb.ReportAlertsRequest(event=told)
