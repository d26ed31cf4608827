"""One stream of a port's reports: sends events within the centre's window, and answers who asks for a picture."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import grpc
import structlog

from cekalwatch.server.alerts.deliveries import DeliveryTrail
from cekalwatch.server.alerts.fanout import Fanout
from cekalwatch.server.audit.alert_entries import shown_objects
from cekalwatch.server.audit.entry import Action, Actor, Party, Thing
from cekalwatch.server.auth.limits import TokenBucket
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError
from cekalwatch.server.domain.ports import HeldAlerts
from cekalwatch.server.grpc_api.convert import ports as convert
from cekalwatch.server.grpc_api.convert.common import uuid as read_uuid
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.ports.reported import ReportedLog
from cekalwatch.v1 import port_pb2
from cekalwatch.v1 import port_service_pb2 as pb

MISSED_KEEP_ALIVES = 3
LOOK_S = 0.5
"""How often it is looked whether the stream should go on."""
HELD_EVERY_S = 3600.0
HELD_AT_ONCE = 1000
PICTURES_PER_S = 1.0
MAX_PICTURES = 30.0
"""Pictures that may be asked for at once; after these, so many a second."""
MAX_ASKED_BY = 180
MAX_WINDOW = 1000
PERIOD_S = (0.1, 60.0)
"""Within which the centre may choose how often it wants a sign of life."""

log = structlog.get_logger()

Call = grpc.aio.StreamStreamCall[pb.ReportAlertsRequest, pb.ReportAlertsResponse]


@dataclass(frozen=True)
class ReportedParts:
    """What a port reports of, and where it records that it does."""

    fanout: Fanout
    alerts: AlertStore
    reported: ReportedLog
    trail: AuditTrail
    deliveries: DeliveryTrail
    clock: Clock
    records_kept: timedelta
    """Younger alerts are never erased, so that the centre is not told which of them are held."""


class ReportStream:
    """The state of one stream, after the centre has said where to begin."""

    def __init__(self, call: Call, parts: ReportedParts, told: port_pb2.ReportStart, centre: Actor) -> None:
        """`centre` is who gets what is reported, for the audit trail."""
        self._call = call
        self._parts = parts
        self._centre = centre
        self._period_s = min(max(told.heartbeat_period.ToNanoseconds() / 1e9, PERIOD_S[0]), PERIOD_S[1])
        self._window = min(max(told.window, 1), MAX_WINDOW)
        self._outgoing: asyncio.Queue[pb.ReportAlertsRequest] = asyncio.Queue()
        self._unacknowledged: deque[int] = deque()
        self._room = asyncio.Event()
        self._pictures = TokenBucket(PICTURES_PER_S, MAX_PICTURES, asyncio.get_running_loop().time())
        self._held_due_s = 0.0

    async def run(
        self,
        after: int,
        goes_on: Callable[[], bool],
        counted: Callable[[int], None],
        stored: Callable[[datetime], None],
    ) -> None:
        """Report the events after `after` until `goes_on` says no, the log ends, or the call does.

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
            await self._call.write(await self._outgoing.get())

    async def _read(self, stored: Callable[[datetime], None]) -> None:
        while True:
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
                    self._outgoing.put_nowait(await self._picture(answer.picture_request))
                case _:
                    pass

    async def _tell_events(self, after: int) -> None:
        previous = after
        async with aclosing(self._parts.fanout.follow(after, lambda _: True, self._period_s)) as events:
            async for item in events:
                # In this task, so that no event is between what is held and what was reported before.
                await self._tell_held()
                if item is None:
                    continue
                await self._parts.deliveries.note(self._centre, item.details, item.event.sequence)
                while len(self._unacknowledged) >= self._window:
                    self._room.clear()
                    await self._room.wait()
                self._unacknowledged.append(item.event.sequence)
                self._outgoing.put_nowait(convert.report(previous, item))
                previous = item.event.sequence

    async def _tell_held(self) -> None:
        """Tell which of the old alerts are still held, so that the centre erases what was erased here."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._held_due_s:
            return
        self._held_due_s = now_s + HELD_EVERY_S
        up_to, after = _key_of(self._parts.clock.now() - self._parts.records_kept), None
        while True:
            found = await asyncio.to_thread(self._parts.reported.alert_ids, after, up_to, HELD_AT_ONCE)
            last = len(found) < HELD_AT_ONCE
            self._outgoing.put_nowait(convert.held(HeldAlerts(after, up_to if last else found[-1], tuple(found))))
            if last:
                return
            after = found[-1]

    async def _live(self, goes_on: Callable[[], bool], counted: Callable[[int], None]) -> None:
        loop, due_s = asyncio.get_running_loop(), 0.0
        while goes_on():
            if loop.time() >= due_s:
                due_s = loop.time() + self._period_s
                waiting = await asyncio.to_thread(self._parts.reported.waiting)
                counted(waiting)
                self._outgoing.put_nowait(convert.waiting(waiting))
            await asyncio.sleep(min(LOOK_S, self._period_s))

    async def _picture(self, asked: port_pb2.PictureRequest) -> pb.ReportAlertsRequest:
        """Return the picture that somebody at the centre opens, once that is recorded here."""
        alert_id, who = read_uuid(asked.alert_id), asked.asked_by
        if alert_id is None or not (0 < len(who) <= MAX_ASKED_BY and who.isprintable()):
            return convert.picture(asked.request_id, b"", port_pb2.PICTURE_REFUSAL_NOT_KEPT)
        if self._pictures.take(1, asyncio.get_running_loop().time(), 0) is None:
            log.warning("centre_asks_too_often")
            return convert.picture(asked.request_id, b"", port_pb2.PICTURE_REFUSAL_NOT_NOW)
        by, parts = Actor(Party.CENTRE, who), self._parts
        try:
            alert = await asyncio.to_thread(parts.alerts.get, alert_id)
            jpeg = await asyncio.to_thread(parts.alerts.probe, alert_id)
            await parts.trail.note(by, Action.ALERT_VIEWED, shown_objects([alert]), pictures=1)
        except CekalwatchError as error:
            await parts.trail.note(by, Action.ALERT_VIEWED, [Thing.ALERT.key(alert_id)], error.code, pictures=1)
            return convert.picture(asked.request_id, b"", port_pb2.PICTURE_REFUSAL_NOT_KEPT)
        except (StorageError, ValueError) as error:  # damaged rows raise the latter
            log.error("picture_not_given", alert_id=str(alert_id), error=type(error).__name__)  # noqa: TRY400
            return convert.picture(asked.request_id, b"", port_pb2.PICTURE_REFUSAL_NOT_NOW)
        if not jpeg:
            return convert.picture(asked.request_id, b"", port_pb2.PICTURE_REFUSAL_NOT_KEPT)
        return convert.picture(asked.request_id, jpeg)


def _key_of(moment: datetime) -> UUID:
    """Return the first key of that millisecond: keys of alerts are UUIDs of version 7 (RFC 9562, 5.7)."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)
