"""Messages of looking at the watchlist: filters, subjects, and what happened to them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date, datetime, time, tzinfo

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.codec.watchlist import ORDER, ORDER_KINDS, ORDER_STATUSES, REFERENCE_FACE, SUBJECT
from cekalwatch.contract.values.subjects import ReferenceFace
from cekalwatch.contract.values.watchlist import EnrolmentWarning, WatchlistProblem
from cekalwatch.server.audit.entry import Link, Thing
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.orders.ban_order import PLAUSIBLE_YEARS
from cekalwatch.server.grpc_api.convert.common import text, timestamp
from cekalwatch.server.grpc_api.paging import ANSWER_FRAME_BYTES, FIELD_FRAME_BYTES, fitting
from cekalwatch.server.storage.audit.store import CHANGED
from cekalwatch.server.watchlist.browser import SubjectHistory, SubjectView, WatchlistPage
from cekalwatch.server.watchlist.selection import WatchlistFilter
from cekalwatch.v1 import watchlist_service_pb2
from cekalwatch.wire.bounds import MAX_MESSAGE_BYTES, MAX_WORD

DEFAULT_PAGE = 50
MAX_PICTURES = 3
"""Pictures of at most 60 kB that fit into one message."""
MAX_SEARCH_TEXT = 200
NOON = time(12)
EVENT_BYTES = MAX_MESSAGE_BYTES * 2 // 3
"""Of an answer with a history; the other third has room for the statuses of MAX_ORDERS orders."""

PROBLEMS = ProtoEnum(watchlist_service_pb2.SubjectProblem, "SUBJECT_PROBLEM", WatchlistProblem)


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


def subject_filter(message: watchlist_service_pb2.SubjectFilter) -> WatchlistFilter:
    """Read a filter; raises ARGUMENT_INVALID."""
    status, kind = ORDER_STATUSES.member(message.status), ORDER_KINDS.member(message.kind)
    problem = PROBLEMS.member(message.problem)
    for field, known, value in (
        ("status", status, message.status),
        ("kind", kind, message.kind),
        ("problem", problem, message.problem),
    ):
        if known is None and value:
            raise CekalwatchError(Code.ARGUMENT_INVALID, field)
    return WatchlistFilter(
        status,
        kind,
        text(message.agency, "agency", MAX_SEARCH_TEXT),
        problem=problem,
        text=text(message.text, "text", MAX_SEARCH_TEXT),
    )


def on_day(value: str, now: datetime, zone: tzinfo) -> datetime:
    """Read the day of a list request: its noon by the clock of `zone`, or `now`; raises ARGUMENT_INVALID."""
    if not value:
        return now
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "on_day") from None
    if day.year not in PLAUSIBLE_YEARS:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "on_day")
    return datetime.combine(day, NOON, zone)


def photo_references(keys: Collection[str]) -> frozenset[str]:
    """Read the keys of the reference faces whose pictures are wanted; raises ARGUMENT_INVALID."""
    if len(keys) > MAX_PICTURES:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "photo_references")
    return frozenset(text(key, "photo_references") for key in keys)


def subject_entry(view: SubjectView) -> watchlist_service_pb2.SubjectEntry:
    """Write a subject with its orders and reference faces."""
    return watchlist_service_pb2.SubjectEntry(
        subject=SUBJECT.write(view.subject),
        orders=[ORDER.write(one.shown) for one in view.orders],
        references=[REFERENCE_FACE.write(_doubtful(face, view)) for face in view.references],
        unsearched_references=sorted(view.stale),
    )


def _doubtful(face: ReferenceFace, view: SubjectView) -> ReferenceFace:
    also_under = view.also_under.get(face.reference_id, ())
    warnings = (*face.warnings, EnrolmentWarning.ALSO_UNDER) if also_under else face.warnings
    return replace(face, warnings=warnings, also_under=also_under)


def subject_page(page: WatchlistPage) -> watchlist_service_pb2.ListSubjectsResponse:
    """Write a page of subjects, as far as they fit into a message."""
    subjects = fitting(map(subject_entry, page.subjects))
    whole = len(subjects) == len(page.subjects)
    token = page.more_after if whole else subjects[-1].subject.subject_id
    return watchlist_service_pb2.ListSubjectsResponse(subjects=subjects, next_page_token=token)


def one_subject(view: SubjectView) -> watchlist_service_pb2.GetSubjectResponse:
    """Write one subject, with the orders of the same person under other keys as far as the message has room."""
    entry = subject_entry(view)
    room = MAX_MESSAGE_BYTES - ANSWER_FRAME_BYTES - entry.ByteSize()
    for order in view.elsewhere:
        message = ORDER.write(order.shown)
        room -= message.ByteSize() + FIELD_FRAME_BYTES
        if room < 0:
            break
        entry.elsewhere.append(message)
    return watchlist_service_pb2.GetSubjectResponse(subject=entry)


def add_picture(answer: watchlist_service_pb2.GetSubjectResponse, reference_id: str, jpeg: bytes) -> None:
    """Add the picture of a reference face if the message has room for it."""
    if answer.ByteSize() + len(jpeg) + ANSWER_FRAME_BYTES <= MAX_MESSAGE_BYTES:
        for reference in answer.subject.references:
            if reference.reference_id == reference_id:
                reference.jpeg = jpeg


def history(found: SubjectHistory) -> watchlist_service_pb2.GetSubjectHistoryResponse:
    """Write a subject's history: the newest events that fit, oldest first; raises SUBJECT_NOT_FOUND for none."""
    if found.empty:
        raise CekalwatchError(Code.SUBJECT_NOT_FOUND)
    newest = fitting(map(_event, reversed(found.events)), EVENT_BYTES)
    changes = fitting(_changes(found), MAX_MESSAGE_BYTES - ANSWER_FRAME_BYTES - EVENT_BYTES)
    return watchlist_service_pb2.GetSubjectHistoryResponse(events=reversed(newest), status_changes=changes)


def _event(link: Link) -> watchlist_service_pb2.SubjectEvent:
    orders = Thing.ORDER.key("")
    details = json.loads(link.details)
    return watchlist_service_pb2.SubjectEvent(
        event_time=timestamp(datetime.fromisoformat(link.at)),
        action=link.action,
        order_ids=[one.removeprefix(orders) for one in json.loads(link.objects) if one.startswith(orders)],
        outcome=link.outcome,
        actor=link.actor,
        changed_fields=str(details.get(CHANGED, "")).split(),
    )


def _changes(found: SubjectHistory) -> Iterator[watchlist_service_pb2.OrderStatusChange]:
    for order_id, changes in found.status_changes.items():
        for one in changes:
            yield watchlist_service_pb2.OrderStatusChange(
                order_id=order_id,
                change_time=timestamp(one.at) if one.at else None,
                status=ORDER_STATUSES.number(one.judgement.status),
                broken_rules=one.judgement.broken_rules,
                flags=one.judgement.flags,
            )
