"""The part of WatchlistService that is about the synchronisation. It converts, calls and converts back."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.convert.watchlist import sync as convert
from cekalwatch.server.grpc_api.paging import page_size
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.server.watchlist.sync.service import SyncService
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1 import watchlist_service_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class SyncMethods(watchlist_service_pb2_grpc.WatchlistServiceServicer):
    """What list managers ask of the synchronisation."""

    def __init__(self, syncs: SyncService, freshness: FreshnessGauge) -> None:
        self._syncs = syncs
        self._freshness = freshness

    async def SyncNow(self, request: pb.SyncNowRequest, context: Context) -> pb.SyncNowResponse:
        """Start a synchronisation, and return the key of its run."""
        run_id = await asyncio.to_thread(self._syncs.start, current_caller().actor, from_start=request.from_start)
        return pb.SyncNowResponse(run_id=run_id)

    async def AcceptShrunkenList(
        self, request: pb.AcceptShrunkenListRequest, context: Context
    ) -> pb.AcceptShrunkenListResponse:
        """Accept that a list has shrunk, as two people."""
        who = current_caller()
        run_id = await asyncio.to_thread(self._syncs.accept, request.run_id, who.two_people(), who.actor)
        return pb.AcceptShrunkenListResponse(run_id=run_id or 0)

    async def GetSyncStatus(self, request: pb.GetSyncStatusRequest, context: Context) -> pb.GetSyncStatusResponse:
        """Return the state of the synchronisation."""
        return convert.status_message(await asyncio.to_thread(self._syncs.status), self._freshness.now())

    async def ListSyncRuns(self, request: pb.ListSyncRunsRequest, context: Context) -> pb.ListSyncRunsResponse:
        """Return a page of runs, newest first."""
        before = convert.run_page_token(request.page_token)
        limit = page_size(request.page_size, default=convert.DEFAULT_PAGE)
        return convert.run_page(await asyncio.to_thread(self._syncs.runs, limit, before), limit)
