"""The calls with which people look at the list. Errors stay grpc.RpcError."""

from __future__ import annotations

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.contract.codec.listed_subjects import LISTED_SUBJECT, SUBJECT_TIMELINE, WATCHLIST_FILTER
from cekalwatch.contract.values.listed_subjects import ListedSubject, SubjectTimeline, WatchlistFilter
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1.watchlist_service_pb2_grpc import WatchlistServiceStub


class SubjectClient(ServiceClient[WatchlistServiceStub]):
    """A list manager's calls. It may be used from several threads."""

    stub = WatchlistServiceStub

    def page(self, wanted: WatchlistFilter, day: str, size: int, token: str = "") -> tuple[list[ListedSubject], str]:
        """Return at most `size` subjects as they are on `day`, and the token of the next page; empty: there is none.

        The day is ISO 8601, empty: now. A page may be empty though there is a next one: the server searches so many
        subjects at a time.
        """
        query = WATCHLIST_FILTER.write(wanted)
        request = pb.ListSubjectsRequest(page_size=size, page_token=token, filter=query, on_day=day)
        answer = self._call(lambda stub: stub.ListSubjects, request)
        return list(LISTED_SUBJECT.read_all(answer.subjects)), str(answer.next_page_token)

    def one(self, key: str) -> ListedSubject:
        """Return one subject, with the pictures of its best photographs: one view of it."""
        request = pb.GetSubjectRequest(subject_id=key, include_photos=True)
        return LISTED_SUBJECT.read(self._call(lambda stub: stub.GetSubject, request).subject)

    def picture(self, key: str, reference_id: str) -> bytes:
        """Return the picture of one of a subject's reference faces; empty when there is none."""
        request = pb.GetSubjectRequest(subject_id=key, photo_references=[reference_id])
        answer = self._call(lambda stub: stub.GetSubject, request)
        return next((bytes(one.jpeg) for one in answer.subject.references if one.reference_id == reference_id), b"")

    def history(self, key: str) -> SubjectTimeline:
        """Return what happened to a subject."""
        request = pb.GetSubjectHistoryRequest(subject_id=key)
        return SUBJECT_TIMELINE.read(self._call(lambda stub: stub.GetSubjectHistory, request))
