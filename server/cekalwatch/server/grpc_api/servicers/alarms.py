"""TroubleService: alarms of cameras, sources and servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime
from uuid import UUID

from cekalwatch.contract.codec.alarms import ALARM, NEWS
from cekalwatch.contract.engine.scalars import timestamp
from cekalwatch.contract.values.alarms import OpenAlarms
from cekalwatch.server.domain.alarms import StoredAlarm
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api import alert_requests as read
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.messages import optional_moment, page, page_size, uuid
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.health.alarms.feed import AlarmFeed, StoredAlarms
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.v1 import trouble_service_pb2 as pb
from cekalwatch.v1 import trouble_service_pb2_grpc

DEFAULT_PAGE = 20


class AlarmServicer(trouble_service_pb2_grpc.TroubleServiceServicer):
    """Serves notifier agents and diagnostics."""

    def __init__(
        self, feed: AlarmFeed, board: AlarmBoard, store: AlarmStore, clock: Clock, keep_alive_period_s: float
    ) -> None:
        self._feed = feed
        self._board = board
        self._store = store
        self._clock = clock
        self._keep_alive_period_s = keep_alive_period_s

    async def WatchTroubles(
        self, request: pb.WatchTroublesRequest, context: Context
    ) -> AsyncIterator[pb.WatchTroublesResponse]:
        """Send the present alarms, and then every change, until the server stops."""
        site = current_caller().narrow_site(read.site(request.site))
        async with aclosing(self._feed.watch(site, self._keep_alive_period_s)) as news:
            async for one in news:
                yield _written(one, self._clock.now())

    async def AcknowledgeTrouble(
        self, request: pb.AcknowledgeTroubleRequest, context: Context
    ) -> pb.AcknowledgeTroubleResponse:
        """Record that the caller acknowledges an alarm."""
        alarm_id, who = _alarm_id(request.trouble_id), current_caller()
        person = who.signed_in().person
        found = await asyncio.to_thread(self._board.acknowledge, alarm_id, person, who.actor, who.sees)
        return pb.AcknowledgeTroubleResponse(trouble=ALARM.write(found.shown))

    async def ListTroubles(self, request: pb.ListTroublesRequest, context: Context) -> pb.ListTroublesResponse:
        """Return a page of alarms, newest first."""
        site = current_caller().narrow_site(read.site(request.site))
        before, begin_from = _page_token(request.page_token), optional_moment(request, "begin_from")
        limit = page_size(request.page_size, default=DEFAULT_PAGE)
        found = await asyncio.to_thread(self._store.page, site, before, limit, begin_from)
        alarms, more = page((ALARM.write(one.shown) for one in found), len(found), limit)
        return pb.ListTroublesResponse(troubles=alarms, next_page_token=alarms[-1].trouble_id if more else "")


def _written(news: StoredAlarms | StoredAlarm | None, now: datetime) -> pb.WatchTroublesResponse:
    match news:
        case None:
            return pb.WatchTroublesResponse(server_time=timestamp(now))
        case StoredAlarm():
            return NEWS.write(news.shown)
        case _:
            return NEWS.write(OpenAlarms(tuple(one.shown for one in news)))


def _alarm_id(value: str) -> UUID:
    """Read an alarm's key; raises TROUBLE_NOT_FOUND for another form."""
    if found := uuid(value):
        return found
    raise CekalwatchError(Code.TROUBLE_NOT_FOUND)


def _page_token(token: str) -> UUID | None:
    found = uuid(token)
    if token and found is None:
        raise CekalwatchError(Code.PAGE_TOKEN_INVALID)
    return found
