"""The part of WatchlistService that is about the synchronisation. It converts, calls and converts back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import grpc

from cekalwatch.contract.codec.syncs import SYNC_RUN, SYNC_STATUS
from cekalwatch.contract.values.syncs import SyncRun
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.paging import page, page_size
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.server.watchlist.sync.service import SyncService
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1 import watchlist_service_pb2_grpc

DEFAULT_PAGE = 50
_MAX_DIGITS = 18
"""Of a number that fits into 64 bits."""
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
        status = await asyncio.to_thread(self._syncs.status)
        return SYNC_STATUS.write(replace(status, freshness=self._freshness.now()))

    async def ListSyncRuns(self, request: pb.ListSyncRunsRequest, context: Context) -> pb.ListSyncRunsResponse:
        """Return a page of runs, newest first."""
        before = run_page_token(request.page_token)
        limit = page_size(request.page_size, default=DEFAULT_PAGE)
        return run_page(await asyncio.to_thread(self._syncs.runs, limit, before), limit)


def run_page_token(token: str) -> int | None:
    """Read the token of a page of runs; raises PAGE_TOKEN_INVALID."""
    if not token:
        return None
    if len(token) > _MAX_DIGITS or not (token.isascii() and token.isdecimal()):
        raise CekalwatchError(Code.PAGE_TOKEN_INVALID)
    return int(token)


def run_page(runs: Sequence[SyncRun], limit: int) -> pb.ListSyncRunsResponse:
    """Write a page of runs, as far as they fit into a message."""
    messages, more = page(map(SYNC_RUN.write, runs), len(runs), limit)
    token = str(messages[-1].run_id) if messages and more else ""
    return pb.ListSyncRunsResponse(runs=messages, next_page_token=token)
