"""Messages of looking at the watchlist: filters, subjects, what happened to them, and look-alikes."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Collection, Iterator
from datetime import date, datetime, time, tzinfo

from cekalwatch.contract.codec.listed_subjects import (
    KEEPING,
    LISTED_SUBJECT,
    LOOKALIKE,
    LOOKALIKE_PAIR,
    STATUS_CHANGE,
    SUBJECT_EVENT,
)
from cekalwatch.contract.codec.watchlist import LOOKALIKE_JUDGEMENTS, ORDER
from cekalwatch.contract.engine.scalars import Refused
from cekalwatch.contract.values.watchlist import (
    Lookalike,
    LookalikeJudgement,
    LookalikePair,
    OrderKeeping,
    OrderStatusChange,
    SubjectEvent,
)
from cekalwatch.server.audit.entry import Link, ObjectKind
from cekalwatch.server.domain.lookalikes import SubjectPair
from cekalwatch.server.domain.orders.ban_order import PLAUSIBLE_YEARS
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.messages import ANSWER_FRAME_BYTES, FIELD_FRAME_BYTES, fitting, require, text
from cekalwatch.server.storage.audit.store import CHANGED
from cekalwatch.server.watchlist.browser import SubjectHistory, SubjectView, WatchlistPage
from cekalwatch.server.watchlist.lookalikes import FoundLookalikes, Place
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.wire.bounds import MAX_MESSAGE_BYTES, MAX_WORD

DEFAULT_PAGE = 50
MAX_PICTURES = 3
"""Pictures of at most 60 kB that fit into one message."""
NOON = time(12)
EVENT_BYTES = MAX_MESSAGE_BYTES * 2 // 3
"""Of an answer with a history; the other third has room for the statuses of MAX_ORDERS orders."""


def subject_key(value: str) -> str:
    """Read a subject's key; raises SUBJECT_NOT_FOUND, since no subject has a key of another form."""
    if not 1 <= len(value) <= MAX_WORD or not value.isprintable():
        raise CekalwatchError(Code.SUBJECT_NOT_FOUND)
    return value


def subject_page_token(token: str) -> str:
    """Read the token of a page of subjects; raises PAGE_TOKEN_INVALID."""
    if len(token) > MAX_WORD or not token.isprintable():
        raise CekalwatchError(Code.PAGE_TOKEN_INVALID)
    return token


def on_day(value: str, now: datetime, zone: tzinfo) -> datetime:
    """Read the day of a list request: its noon by the clock of `zone`, or `now`; raises Refused."""
    if not value:
        return now
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise Refused("on_day") from None
    require(day.year in PLAUSIBLE_YEARS, "on_day")
    return datetime.combine(day, NOON, zone)


def photo_references(keys: Collection[str]) -> frozenset[str]:
    """Read the keys of the reference faces whose pictures are wanted; raises Refused."""
    require(len(keys) <= MAX_PICTURES, "photo_references")
    return frozenset(text(key, "photo_references") for key in keys)


def subject_page(page: WatchlistPage) -> pb.ListSubjectsResponse:
    """Write a page of subjects, as far as they fit into a message."""
    subjects = fitting(LISTED_SUBJECT.write(view.listed) for view in page.subjects)
    whole = len(subjects) == len(page.subjects)
    token = page.more_after if whole else subjects[-1].subject.subject_id
    return pb.ListSubjectsResponse(subjects=subjects, next_page_token=token)


def one_subject(view: SubjectView) -> pb.GetSubjectResponse:
    """Write one subject, with the orders of the same person under other keys as far as the message has room."""
    entry = LISTED_SUBJECT.write(view.listed)
    room = MAX_MESSAGE_BYTES - ANSWER_FRAME_BYTES - entry.ByteSize()
    for order in view.elsewhere:
        message = ORDER.write(order.shown)
        room -= message.ByteSize() + FIELD_FRAME_BYTES
        if room < 0:
            break
        entry.elsewhere.append(message)
    return pb.GetSubjectResponse(subject=entry)


def add_picture(answer: pb.GetSubjectResponse, reference_id: str, jpeg: bytes) -> None:
    """Add the picture of a reference face if the message has room for it."""
    if answer.ByteSize() + len(jpeg) + ANSWER_FRAME_BYTES <= MAX_MESSAGE_BYTES:
        for reference in answer.subject.references:
            if reference.reference_id == reference_id:
                reference.jpeg = jpeg


def add_lookalike(answer: pb.GetSubjectResponse, one: Lookalike) -> None:
    """Add a look-alike of the subject if the message has room for it."""
    message = LOOKALIKE.write(one)
    if answer.ByteSize() + message.ByteSize() + ANSWER_FRAME_BYTES <= MAX_MESSAGE_BYTES:
        answer.subject.look_alikes.append(message)


def add_keeping(answer: pb.GetSubjectResponse, one: OrderKeeping) -> None:
    """Add who keeps an order if the message has room for it."""
    message = KEEPING.write(one)
    if answer.ByteSize() + message.ByteSize() + ANSWER_FRAME_BYTES <= MAX_MESSAGE_BYTES:
        answer.subject.keeping.append(message)


def history(found: SubjectHistory) -> pb.GetSubjectHistoryResponse:
    """Write a subject's history: the newest events that fit, oldest first; raises SUBJECT_NOT_FOUND for none."""
    if found.empty:
        raise CekalwatchError(Code.SUBJECT_NOT_FOUND)
    newest = fitting(map(_event, reversed(found.events)), EVENT_BYTES)
    changes = fitting(_changes(found), MAX_MESSAGE_BYTES - ANSWER_FRAME_BYTES - EVENT_BYTES)
    return pb.GetSubjectHistoryResponse(events=reversed(newest), status_changes=changes)


def _event(link: Link) -> pb.SubjectEvent:
    orders = ObjectKind.ORDER.key("")
    return SUBJECT_EVENT.write(
        SubjectEvent(
            at=datetime.fromisoformat(link.at),
            action=link.action,
            order_ids=tuple(one.removeprefix(orders) for one in json.loads(link.objects) if one.startswith(orders)),
            outcome=link.outcome,
            actor=link.actor,
            changed_fields=tuple(str(json.loads(link.details).get(CHANGED, "")).split()),
        )
    )


def _changes(found: SubjectHistory) -> Iterator[pb.OrderStatusChange]:
    for order_id, changes in found.status_changes.items():
        for one in changes:
            found_then = one.judgement
            yield STATUS_CHANGE.write(
                OrderStatusChange(
                    found_then.status, found_then.broken_rules, found_then.flags, order_id=order_id, at=one.at
                )
            )


MAX_TOKEN = 1000


def judged_pair(request: pb.JudgeLookAlikesRequest) -> SubjectPair:
    """Read which two subjects are judged; raises SUBJECT_NOT_FOUND, and Refused for the same subject twice."""
    keys = subject_key(request.subject_id), subject_key(request.other_subject_id)
    require(keys[0] != keys[1], "other_subject_id")
    return SubjectPair.of(*keys)


def found_judgement(request: pb.JudgeLookAlikesRequest) -> LookalikeJudgement:
    """Read the judgement; raises Refused."""
    found = LOOKALIKE_JUDGEMENTS.member(request.judgement)
    if found is None:
        raise Refused("judgement")
    return found


def wanted(request: pb.ListLookAlikesRequest) -> LookalikeJudgement | None:
    """Read which pairs are wanted, None: any; raises Refused."""
    found = LOOKALIKE_JUDGEMENTS.member(request.judgement)
    require(found or not request.judgement, "judgement")
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
