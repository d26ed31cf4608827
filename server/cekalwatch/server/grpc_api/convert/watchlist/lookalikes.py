"""Messages about look-alikes."""

from __future__ import annotations

import base64
import binascii
import json
import math

from cekalwatch.contract.codec.watchlist import LOOKALIKE_JUDGEMENTS, SUBJECT
from cekalwatch.contract.values.watchlist import LookalikeJudgement
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.lookalikes import SubjectPair
from cekalwatch.server.grpc_api.convert.common import text, timestamp
from cekalwatch.server.grpc_api.convert.watchlist.subjects import subject_key
from cekalwatch.server.grpc_api.paging import ANSWER_FRAME_BYTES, fitting
from cekalwatch.server.watchlist.lookalikes import Lookalike, LookalikePage, Place
from cekalwatch.v1 import watchlist_pb2, watchlist_service_pb2
from cekalwatch.wire.bounds import MAX_MESSAGE_BYTES

MAX_TOKEN = 1000
_NOTHING = watchlist_pb2.LOOK_ALIKE_JUDGEMENT_UNSPECIFIED


def pair(request: watchlist_service_pb2.JudgeLookAlikesRequest) -> SubjectPair:
    """Read which two are judged; raises SUBJECT_NOT_FOUND, and ARGUMENT_INVALID for a subject beside itself."""
    keys = subject_key(request.subject_id), subject_key(request.other_subject_id)
    if keys[0] == keys[1]:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "other_subject_id")
    return SubjectPair.of(*keys)


def judgement(request: watchlist_service_pb2.JudgeLookAlikesRequest) -> LookalikeJudgement:
    """Read what was found; raises ARGUMENT_INVALID."""
    found = LOOKALIKE_JUDGEMENTS.member(request.judgement)
    if found is None:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "judgement")
    return found


def mark(request: watchlist_service_pb2.JudgeLookAlikesRequest) -> str:
    """Read what was seen; raises ARGUMENT_INVALID."""
    return text(request.mark, "mark")


def wanted(request: watchlist_service_pb2.ListLookAlikesRequest) -> LookalikeJudgement | None:
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


def _token(one: Lookalike) -> str:
    likeness = -1.0 if one.likeness is None else one.likeness
    return base64.urlsafe_b64encode(json.dumps([likeness, one.pair.first, one.pair.second]).encode()).decode()


def lookalike_message(one: Lookalike, other: str) -> watchlist_service_pb2.LookAlike:
    """Write how the subject `other` stands to the one beside it."""
    judged = one.state.judged
    return watchlist_service_pb2.LookAlike(
        subject_id=other,
        likeness=one.likeness,
        alike=one.alike,
        judgement=LOOKALIKE_JUDGEMENTS.number(one.state.judgement),
        last_judgement=LOOKALIKE_JUDGEMENTS.number(judged.judgement) if judged else _NOTHING,
        judged_by=one.judged_by,
        judged_time=timestamp(judged.judged_at) if judged else None,
        mark=one.state.mark,
    )


def add_lookalike(answer: watchlist_service_pb2.GetSubjectResponse, one: Lookalike) -> None:
    """Add a look-alike of the subject if the message has room for it."""
    message = lookalike_message(one, one.pair.other(answer.subject.subject.subject_id))
    if answer.ByteSize() + message.ByteSize() + ANSWER_FRAME_BYTES <= MAX_MESSAGE_BYTES:
        answer.subject.look_alikes.append(message)


def lookalike_page(page: LookalikePage) -> watchlist_service_pb2.ListLookAlikesResponse:
    """Write a page of look-alikes, as far as they fit into a message."""
    pairs = fitting(
        watchlist_service_pb2.LookAlikePair(
            first=SUBJECT.write(first),
            second=SUBJECT.write(second),
            look_alike=lookalike_message(one, one.pair.second),
        )
        for first, second, one in page.pairs
    )
    more = page.more or len(pairs) < len(page.pairs)
    return watchlist_service_pb2.ListLookAlikesResponse(
        pairs=pairs,
        next_page_token=_token(page.pairs[len(pairs) - 1][2]) if more and pairs else "",
        waiting=page.waiting,
    )
