"""The part of WatchlistService that is about look-alikes. It converts, calls and converts back."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import math
from dataclasses import replace
from typing import Any

import grpc

from cekalwatch.contract.codec.listed_subjects import LOOKALIKE, LOOKALIKE_PAIR
from cekalwatch.contract.codec.watchlist import LOOKALIKE_JUDGEMENTS
from cekalwatch.contract.values.listed_subjects import LookalikePair
from cekalwatch.contract.values.watchlist import LookalikeJudgement
from cekalwatch.server.audit.entry import Action, ObjectKind
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.lookalikes import SubjectPair
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.fields import text
from cekalwatch.server.grpc_api.paging import fitting, page_size
from cekalwatch.server.grpc_api.servicers.watchlist.subjects import DEFAULT_PAGE, subject_key
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.watchlist.lookalikes import FoundLookalikes, LookalikeReview, Place
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1 import watchlist_service_pb2_grpc

MAX_TOKEN = 1000
Context = grpc.aio.ServicerContext[Any, Any]


class LookalikeMethods(watchlist_service_pb2_grpc.WatchlistServiceServicer):
    """What list managers ask and say of look-alikes."""

    def __init__(self, review: LookalikeReview, trail: AuditTrail) -> None:
        self._review = review
        self._trail = trail

    async def ListLookAlikes(self, request: pb.ListLookAlikesRequest, context: Context) -> pb.ListLookAlikesResponse:
        """Return a page of pairs, the most alike first."""
        after, limit = place(request.page_token), page_size(request.page_size, default=DEFAULT_PAGE)
        found = await asyncio.to_thread(self._review.page, wanted(request), after, limit)
        page = lookalike_page(found)
        shown = sorted({one.subject_id for pair in page.pairs for one in (pair.first, pair.second)})
        objects = list(map(ObjectKind.SUBJECT.key, shown))
        await self._trail.note(current_caller().actor, Action.SUBJECTS_LISTED, objects, subjects=len(shown))
        return page

    async def JudgeLookAlikes(self, request: pb.JudgeLookAlikesRequest, context: Context) -> pb.JudgeLookAlikesResponse:
        """Keep what a list manager found about a pair."""
        who = current_caller()
        pair, judgement, mark = judged_pair(request), found_judgement(request), text(request.mark, "mark")
        person = who.signed_in().person
        found = await asyncio.to_thread(self._review.judge, pair, judgement, mark, person, who.actor)
        found = replace(found, subject_id=pair.other(request.subject_id))
        return pb.JudgeLookAlikesResponse(look_alike=LOOKALIKE.write(found))


def judged_pair(request: pb.JudgeLookAlikesRequest) -> SubjectPair:
    """Read which two are judged; raises SUBJECT_NOT_FOUND, and ARGUMENT_INVALID for a subject beside itself."""
    keys = subject_key(request.subject_id), subject_key(request.other_subject_id)
    if keys[0] == keys[1]:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "other_subject_id")
    return SubjectPair.of(*keys)


def found_judgement(request: pb.JudgeLookAlikesRequest) -> LookalikeJudgement:
    """Read what was found; raises ARGUMENT_INVALID."""
    found = LOOKALIKE_JUDGEMENTS.member(request.judgement)
    if found is None:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "judgement")
    return found


def wanted(request: pb.ListLookAlikesRequest) -> LookalikeJudgement | None:
    """Read which pairs are wanted, None: any; raises ARGUMENT_INVALID."""
    found = LOOKALIKE_JUDGEMENTS.member(request.judgement)
    if found is None and request.judgement:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "judgement")
    return found


def place(token: str) -> Place | None:
    """Read the token of a page of look-alikes; raises PAGE_TOKEN_INVALID."""
    if not token:
        return None
    try:
        if len(token) > MAX_TOKEN:
            raise ValueError("too long")
        likeness, first, second = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
        if not (isinstance(likeness, float) and math.isfinite(likeness)):
            raise ValueError("no likeness")
        return likeness, SubjectPair(subject_key(first), subject_key(second))
    except (ValueError, TypeError, binascii.Error, CekalwatchError):
        raise CekalwatchError(Code.PAGE_TOKEN_INVALID) from None


def lookalike_page(found: FoundLookalikes) -> pb.ListLookAlikesResponse:
    """Write a page of look-alikes, as far as they fit into a message."""
    pairs = fitting(map(LOOKALIKE_PAIR.write, found.pairs))
    more = found.more or len(pairs) < len(found.pairs)
    token = _token(found.pairs[len(pairs) - 1]) if more and pairs else ""
    return pb.ListLookAlikesResponse(pairs=pairs, next_page_token=token, waiting=found.waiting)


def _token(one: LookalikePair) -> str:
    likeness = -1.0 if one.lookalike.likeness is None else one.lookalike.likeness
    last = [likeness, one.first.subject_id, one.second.subject_id]
    return base64.urlsafe_b64encode(json.dumps(last).encode()).decode()
