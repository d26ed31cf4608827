"""Alarms of cameras, sources and servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cekalwatch.contract.calls import alarms as calls
from cekalwatch.contract.codec.alarms import ALARM, NEWS
from cekalwatch.contract.engine.scalars import timestamp
from cekalwatch.contract.values.alarms import Alarm, OpenAlarms
from cekalwatch.server.domain.alarms import StoredAlarm
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api import alert_requests as read
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.messages import optional_moment, page, page_size, uuid
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.health.alarms.feed import AlarmFeed, StoredAlarms
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.v1 import trouble_service_pb2 as pb

DEFAULT_PAGE = 20


@dataclass(frozen=True)
class AlarmCalls:
    """Serves notifier agents and diagnostics."""

    feed: AlarmFeed
    board: AlarmBoard
    store: AlarmStore
    clock: Clock
    keep_alive_period_s: float

    def served(self) -> tuple[Served, ...]:
        """Return the calls."""
        return (
            Served(calls.WATCH_TROUBLES, self._watch),
            serve(calls.ACKNOWLEDGE_TROUBLE, self._acknowledge),
            serve(calls.LIST_TROUBLES, self._list),
        )

    async def _watch(self, request: pb.WatchTroublesRequest, _: Context) -> AsyncIterator[pb.WatchTroublesResponse]:
        """Send the present alarms, and then every change, until the server stops."""
        site = current_caller().narrow_site(read.site(request.site))
        async with aclosing(self.feed.watch(site, self.keep_alive_period_s)) as news:
            async for one in news:
                yield _written(one, self.clock.now())

    def _acknowledge(self, request: pb.AcknowledgeTroubleRequest) -> Alarm:
        alarm_id, who = _alarm_id(request.trouble_id), current_caller()
        return self.board.acknowledge(alarm_id, who.signed_in().person, who.actor, who.sees).shown

    def _list(self, request: pb.ListTroublesRequest) -> pb.ListTroublesResponse:
        site = current_caller().narrow_site(read.site(request.site))
        before, begin_from = _page_token(request.page_token), optional_moment(request, "begin_from")
        limit = page_size(request.page_size, default=DEFAULT_PAGE)
        found = self.store.page(site, before, limit, begin_from)
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
