"""TroubleService: what is wrong with cameras and sources. It converts, calls and converts back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc

from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.grpc_api import alert_requests as read
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.convert import troubles as convert
from cekalwatch.server.grpc_api.paging import page_size
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.health.alarms.feed import AlarmFeed
from cekalwatch.server.storage.troubles.store import TroubleStore
from cekalwatch.v1 import trouble_service_pb2 as pb
from cekalwatch.v1 import trouble_service_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class TroubleServicer(trouble_service_pb2_grpc.TroubleServiceServicer):
    """Serves notifier agents and diagnostics."""

    def __init__(
        self, feed: AlarmFeed, board: AlarmBoard, store: TroubleStore, clock: Clock, keep_alive_period_s: float
    ) -> None:
        self._feed = feed
        self._board = board
        self._store = store
        self._clock = clock
        self._keep_alive_period_s = keep_alive_period_s

    async def WatchTroubles(
        self, request: pb.WatchTroublesRequest, context: Context
    ) -> AsyncIterator[pb.WatchTroublesResponse]:
        """Send what is wrong now, and then every change, until the server stops."""
        site = current_caller().narrow_site(read.site(request.site))
        async with aclosing(self._feed.watch(site, self._keep_alive_period_s)) as news:
            async for one in news:
                yield convert.watch_response(one, self._clock.now())

    async def AcknowledgeTrouble(
        self, request: pb.AcknowledgeTroubleRequest, context: Context
    ) -> pb.AcknowledgeTroubleResponse:
        """Record that the person who calls has seen a trouble."""
        trouble_id, who = convert.trouble_id(request.trouble_id), current_caller()
        person = who.signed_in().person
        found = await asyncio.to_thread(self._board.acknowledge, trouble_id, person, who.actor, who.sees)
        return pb.AcknowledgeTroubleResponse(trouble=convert.trouble_message(found))

    async def ListTroubles(self, request: pb.ListTroublesRequest, context: Context) -> pb.ListTroublesResponse:
        """Return a page of troubles, newest first."""
        site = current_caller().narrow_site(read.site(request.site))
        before, begin_from = convert.trouble_page_token(request.page_token), convert.begin_from(request)
        limit = page_size(request.page_size, default=convert.DEFAULT_PAGE)
        found = await asyncio.to_thread(self._store.page, site, before, limit, begin_from)
        return convert.trouble_page(found, limit)
