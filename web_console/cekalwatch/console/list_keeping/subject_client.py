"""The calls with which people look at the list, as plain values. Protobuf stops here; errors stay grpc.RpcError."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.console.list_keeping.lookalike_client import lookalike
from cekalwatch.console.list_keeping.subjects import (
    ListedOrder,
    ListedSubject,
    Photograph,
    StatusChange,
    SubjectEvent,
    SubjectHistory,
    SubjectQuery,
)
from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.codec.safe_text import safe_text
from cekalwatch.contract.codec.watchlist import OFFICERS_ORDER, OFFICERS_SUBJECT, ORDER_KINDS, ORDER_STATUSES
from cekalwatch.contract.values.watchlist import WatchlistProblem
from cekalwatch.v1 import watchlist_pb2
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1.watchlist_service_pb2_grpc import WatchlistServiceStub

MAX_REASON = 1000
MAX_ADDRESS = 500
_PROBLEMS = ProtoEnum(pb.SubjectProblem, "SUBJECT_PROBLEM", WatchlistProblem)


class SubjectClient(ServiceClient[WatchlistServiceStub]):
    """A list manager's calls. It may be used from several threads."""

    stub = WatchlistServiceStub

    def page(self, wanted: SubjectQuery, size: int, token: str = "") -> tuple[list[ListedSubject], str]:
        """Return at most `size` subjects, and the token of the next page; empty: there is none.

        A page may be empty though there is a next one: the server searches so many subjects at a time.
        """
        query = pb.SubjectFilter(text=wanted.text, agency=wanted.agency)
        if wanted.status:
            query.status = ORDER_STATUSES.number(wanted.status)
        if wanted.kind:
            query.kind = ORDER_KINDS.number(wanted.kind)
        if wanted.problem:
            query.problem = _PROBLEMS.number(wanted.problem)
        request = pb.ListSubjectsRequest(page_size=size, page_token=token, filter=query, on_day=wanted.day)
        answer = self._call(lambda stub: stub.ListSubjects, request)
        return [_subject(one) for one in answer.subjects], str(answer.next_page_token)

    def one(self, key: str) -> ListedSubject:
        """Return one subject, with the pictures of its best photographs: one view of it."""
        request = pb.GetSubjectRequest(subject_id=key, include_photos=True)
        return _subject(self._call(lambda stub: stub.GetSubject, request).subject)

    def picture(self, key: str, reference_id: str) -> bytes:
        """Return the picture of one of a subject's reference faces; empty when there is none."""
        request = pb.GetSubjectRequest(subject_id=key, photo_references=[reference_id])
        answer = self._call(lambda stub: stub.GetSubject, request)
        return next((bytes(one.jpeg) for one in answer.subject.references if one.reference_id == reference_id), b"")

    def history(self, key: str) -> SubjectHistory:
        """Return what happened to a subject."""
        answer = self._call(lambda stub: stub.GetSubjectHistory, pb.GetSubjectHistoryRequest(subject_id=key))
        return SubjectHistory(tuple(map(_event, answer.events)), tuple(map(_change, answer.status_changes)))


def _subject(entry: pb.SubjectEntry) -> ListedSubject:
    unsearched = set(entry.unsearched_references)
    return ListedSubject(
        key=entry.subject.subject_id,
        subject=OFFICERS_SUBJECT.read(entry.subject),
        address=safe_text(entry.subject.address, MAX_ADDRESS),
        occupation=safe_text(entry.subject.occupation),
        orders=tuple(map(_order, entry.orders)),
        photographs=tuple(_photograph(one, searched=one.reference_id not in unsearched) for one in entry.references),
        lookalikes=tuple(map(lookalike, entry.look_alikes)),
        elsewhere=tuple((safe_text(one.order_id), one.subject_id) for one in entry.elsewhere),
    )


def _order(one: watchlist_pb2.BanOrder) -> ListedOrder:
    return ListedOrder(
        order=OFFICERS_ORDER.read(one),
        reason=safe_text(one.reason, MAX_REASON),
        received_on=safe_text(one.received_on),
        extends=safe_text(one.extends_order_id),
        revoked_at=_moment(one.revoked_time) if one.HasField("revoked_time") else None,
        withdrawn_at=_moment(one.withdrawn_time) if one.HasField("withdrawn_time") else None,
        last_day=safe_text(one.last_day),
        broken_rules=tuple(map(safe_text, one.broken_rules)),
        flags=tuple(map(safe_text, one.flags)),
    )


def _photograph(one: watchlist_pb2.ReferenceFace, *, searched: bool) -> Photograph:
    return Photograph(
        reference_id=one.reference_id,
        eye_distance_px=one.eye_distance_px,
        yaw_degrees=one.figures.yaw_degrees,
        pitch_degrees=one.figures.pitch_degrees,
        sharpness=one.figures.sharpness,
        brightness=one.figures.brightness,
        detector_score=one.figures.detector_score,
        warnings=tuple(map(safe_text, one.warnings)),
        also_under=tuple(one.also_under),
        searched=searched,
        jpeg=bytes(one.jpeg),
    )


def _event(one: pb.SubjectEvent) -> SubjectEvent:
    return SubjectEvent(
        at=_moment(one.event_time),
        action=safe_text(one.action),
        orders=tuple(map(safe_text, one.order_ids)),
        outcome=safe_text(one.outcome),
        actor=safe_text(one.actor),
        changed=tuple(map(safe_text, one.changed_fields)),
    )


def _change(one: pb.OrderStatusChange) -> StatusChange:
    return StatusChange(
        order_id=safe_text(one.order_id),
        at=_moment(one.change_time) if one.HasField("change_time") else None,
        status=ORDER_STATUSES.member(one.status),
        remarks=tuple(map(safe_text, (*one.broken_rules, *one.flags))),
    )


def _moment(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC)
