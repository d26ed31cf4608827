"""The part of WatchlistService that is about look-alikes. It converts, calls and converts back."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from cekalwatch.server.audit.entry import Action, Thing
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.convert.watchlist import lookalikes as convert
from cekalwatch.server.grpc_api.convert.watchlist.subjects import DEFAULT_PAGE
from cekalwatch.server.grpc_api.paging import page_size
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.watchlist.lookalikes import LookalikeReview
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1 import watchlist_service_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class LookalikeMethods(watchlist_service_pb2_grpc.WatchlistServiceServicer):
    """What list managers ask and say of look-alikes."""

    def __init__(self, review: LookalikeReview, trail: AuditTrail) -> None:
        self._review = review
        self._trail = trail

    async def ListLookAlikes(self, request: pb.ListLookAlikesRequest, context: Context) -> pb.ListLookAlikesResponse:
        """Return a page of pairs, the most alike first."""
        after, limit = convert.place(request.page_token), page_size(request.page_size, default=DEFAULT_PAGE)
        found = await asyncio.to_thread(self._review.page, convert.wanted(request), after, limit)
        page = convert.lookalike_page(found)
        shown = sorted({one.subject_id for pair in page.pairs for one in (pair.first, pair.second)})
        objects = list(map(Thing.SUBJECT.key, shown))
        await self._trail.note(current_caller().actor, Action.SUBJECTS_LISTED, objects, subjects=len(shown))
        return page

    async def JudgeLookAlikes(self, request: pb.JudgeLookAlikesRequest, context: Context) -> pb.JudgeLookAlikesResponse:
        """Keep what a list manager found about a pair."""
        who = current_caller()
        pair, judgement, mark = convert.pair(request), convert.judgement(request), convert.mark(request)
        person = who.signed_in().person
        found = await asyncio.to_thread(self._review.judge, pair, judgement, mark, person, who.actor)
        return pb.JudgeLookAlikesResponse(look_alike=convert.lookalike_message(found, pair.other(request.subject_id)))
