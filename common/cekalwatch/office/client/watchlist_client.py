"""The calls about the list: subjects, look-alikes and synchronisation. Errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from cekalwatch.contract.codec.imports import CORRECTION, SYNC_RUN, SYNC_STATUS
from cekalwatch.contract.codec.law import AGENCY, AGENCY_LIST, LAW_PREVIEW, LAW_ROW
from cekalwatch.contract.codec.listed_subjects import (
    AMENDMENT_REASONS,
    LISTED_SUBJECT,
    LOOKALIKE_PAGE,
    SUBJECT_TIMELINE,
    WATCHLIST_FILTER,
)
from cekalwatch.contract.codec.watchlist import LOOKALIKE_JUDGEMENTS, REVOCATION_GROUNDS
from cekalwatch.contract.values.agencies import AgencyList, ListedAgency
from cekalwatch.contract.values.imports import CellCorrection, SyncRun, SyncStatus
from cekalwatch.contract.values.law import LawPreview, LawRow
from cekalwatch.contract.values.orders import RevocationGround
from cekalwatch.contract.values.watchlist import (
    AmendmentReason,
    ListedSubject,
    LookalikeJudgement,
    LookalikePage,
    SubjectTimeline,
    WatchlistFilter,
)
from cekalwatch.office.client.service_client import ServiceClient
from cekalwatch.office.client.session_client import JointRequest
from cekalwatch.v1 import session_pb2
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1.watchlist_service_pb2_grpc import WatchlistServiceStub


class SubjectClient(ServiceClient[WatchlistServiceStub]):
    """The calls about subjects of the list. It may be used from several threads."""

    stub = WatchlistServiceStub

    def page(self, wanted: WatchlistFilter, day: str, size: int, token: str = "") -> tuple[list[ListedSubject], str]:
        """Return at most `size` subjects with their state on `day`, and the token of the next page; empty without one.

        The day is ISO 8601, empty: now. A page may be empty though there is a next one: the server searches a limited
        number of subjects at a time.
        """
        query = WATCHLIST_FILTER.write(wanted)
        request = pb.ListSubjectsRequest(page_size=size, page_token=token, filter=query, on_day=day)
        answer = self._call(lambda stub: stub.ListSubjects, request)
        return list(LISTED_SUBJECT.read_all(answer.subjects)), str(answer.next_page_token)

    def one(self, key: str, pictures: Sequence[str] = ()) -> ListedSubject:
        """Return one subject, with these pictures, or those of its best photographs: one view of it."""
        request = pb.GetSubjectRequest(subject_id=key, include_photos=not pictures, photo_references=pictures)
        return LISTED_SUBJECT.read(self._call(lambda stub: stub.GetSubject, request).subject)

    def picture(self, key: str, reference_id: str) -> bytes:
        """Return the picture of one of a subject's reference faces; empty when there is none."""
        request = pb.GetSubjectRequest(subject_id=key, photo_references=[reference_id])
        answer = self._call(lambda stub: stub.GetSubject, request)
        return next((bytes(one.jpeg) for one in answer.subject.references if one.reference_id == reference_id), b"")

    def faces(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the small picture of each of these subjects that has one, at most 20; one view of all."""
        answer = self._call(lambda stub: stub.ListSubjectFaces, pb.ListSubjectFacesRequest(subject_ids=keys))
        return {one.subject_id: bytes(one.jpeg) for one in answer.faces}

    def amend(self, amendment: JointRequest, word: str) -> None:
        """Amend an order, with the word of a second person."""
        self._call(lambda stub: stub.AmendOrder, amendment.request, word)

    def history(self, key: str) -> SubjectTimeline:
        """Return what happened to a subject."""
        request = pb.GetSubjectHistoryRequest(subject_id=key)
        return SUBJECT_TIMELINE.read(self._call(lambda stub: stub.GetSubjectHistory, request))


@dataclass(frozen=True)
class AmendedOrder:
    """An order as it was seen, and why it is amended."""

    subject_id: str
    order_id: str
    mark: str
    reason: AmendmentReason

    def correction(self, cells: Mapping[str, str]) -> JointRequest:
        """Return what two people sign to store other facts; `cells` are those of a list's row, by column."""
        corrected = [CORRECTION.write(CellCorrection("", field, value)) for field, value in cells.items()]
        return self._joint(correction=pb.OrderCorrection(cells=corrected))

    def ending(self, ground: RevocationGround, reference: str) -> JointRequest:
        """Return what two people sign to revoke the order now."""
        return self._joint(ending=pb.OrderEnding(ground=REVOCATION_GROUNDS.number(ground), reference=reference))

    def erasure(self) -> JointRequest:
        """Return what two people sign to remove the order."""
        return self._joint(erasure=pb.OrderErasure())

    def _joint(self, **act: Message) -> JointRequest:
        request = pb.AmendOrderRequest(
            subject_id=self.subject_id,
            order_id=self.order_id,
            seen_mark=self.mark,
            reason=AMENDMENT_REASONS.number(self.reason),
            **act,  # type: ignore[arg-type]  # one of three messages
        )
        return JointRequest(session_pb2.TWO_PERSON_ACTION_AMEND_ORDER, request)


class LookalikeClient(ServiceClient[WatchlistServiceStub]):
    """The calls about look-alikes. It may be used from several threads."""

    stub = WatchlistServiceStub

    def page(self, judgement: LookalikeJudgement | None, size: int, token: str = "") -> LookalikePage:
        """Return at most `size` pairs with this judgement; None means any."""
        request = pb.ListLookAlikesRequest(page_size=size, page_token=token)
        if judgement:
            request.judgement = LOOKALIKE_JUDGEMENTS.number(judgement)
        return LOOKALIKE_PAGE.read(self._call(lambda stub: stub.ListLookAlikes, request))

    def judge(self, key: str, other: str, judgement: LookalikeJudgement, mark: str) -> None:
        """Record the judgement of two subjects that were shown with this mark."""
        found = LOOKALIKE_JUDGEMENTS.number(judgement)
        request = pb.JudgeLookAlikesRequest(subject_id=key, other_subject_id=other, judgement=found, mark=mark)
        self._call(lambda stub: stub.JudgeLookAlikes, request)


class AgencyClient(ServiceClient[WatchlistServiceStub]):
    """The calls about agencies. It may be used from several threads."""

    stub = WatchlistServiceStub

    def all(self) -> tuple[AgencyList, bool]:
        """Return all agencies, by code, and whether a centre keeps them."""
        answer = self._call(lambda stub: stub.ListAgencies, pb.ListAgenciesRequest())
        return AGENCY_LIST.read(answer.list), bool(answer.of_centre)

    def put(self, agency: ListedAgency, seen: str) -> None:
        """Add an agency, or replace the one with its code, if that still has the mark `seen`; empty for none."""
        self._call(lambda stub: stub.PutAgency, pb.PutAgencyRequest(agency=AGENCY.write(agency), seen_mark=seen))

    def remove(self, code: str, seen: str) -> None:
        """Remove an agency that still has the mark `seen`."""
        self._call(lambda stub: stub.RemoveAgency, pb.RemoveAgencyRequest(code=code, seen_mark=seen))


class LawClient(ServiceClient[WatchlistServiceStub]):
    """The calls about the law. It may be used from several threads."""

    stub = WatchlistServiceStub

    def rows(self) -> tuple[tuple[LawRow, ...], bool]:
        """Return the rows of the law, by kind and day, and whether a centre keeps them."""
        answer = self._call(lambda stub: stub.GetLaw, pb.GetLawRequest())
        return LAW_ROW.read_all(answer.rows), bool(answer.of_centre)

    def preview(self, row: LawRow) -> LawPreview:
        """Return which orders change when a row is added."""
        request = pb.PreviewLawRowRequest(row=LAW_ROW.write(row))
        return LAW_PREVIEW.read(self._call(lambda stub: stub.PreviewLawRow, request).preview)

    @staticmethod
    def addition(row: LawRow) -> JointRequest:
        """Return what two people sign to add a row."""
        return JointRequest(session_pb2.TWO_PERSON_ACTION_CHANGE_LAW, pb.AddLawRowRequest(row=LAW_ROW.write(row)))

    def add(self, addition: JointRequest, word: str) -> None:
        """Add a row, with the word of a second person."""
        self._call(lambda stub: stub.AddLawRow, addition.request, word)


_MAX_RUN_ID = 2**63 - 2


class SyncClient(ServiceClient[WatchlistServiceStub]):
    """The calls about synchronisations. It may be used from several threads."""

    stub = WatchlistServiceStub

    def status(self) -> SyncStatus:
        """Return the state of the synchronisation."""
        return SYNC_STATUS.read(self._call(lambda stub: stub.GetSyncStatus, pb.GetSyncStatusRequest()))

    def runs(self, size: int, token: str = "") -> tuple[list[SyncRun], str]:
        """Return at most `size` runs, newest first, and the token of the next page, or an empty text."""
        answer = self._call(lambda stub: stub.ListSyncRuns, pb.ListSyncRunsRequest(page_size=size, page_token=token))
        return list(SYNC_RUN.read_all(answer.runs)), str(answer.next_page_token)

    def run(self, run_id: int) -> SyncRun | None:
        """Return one run; None when it is no longer stored."""
        if not 0 < run_id <= _MAX_RUN_ID:
            return None
        found, _ = self.runs(1, str(run_id + 1))
        return next((one for one in found if one.run_id == run_id), None)

    def start(self, *, from_start: bool) -> None:
        """Begin a run; with `from_start` it reads the whole list."""
        self._call(lambda stub: stub.SyncNow, pb.SyncNowRequest(from_start=from_start))

    @staticmethod
    def acceptance(run_id: int) -> JointRequest:
        """Return what two people sign so that the next run withdraws the orders that the list of that run lost."""
        request = pb.AcceptShrunkenListRequest(run_id=run_id)
        return JointRequest(session_pb2.TWO_PERSON_ACTION_ACCEPT_SHRUNKEN_LIST, request)

    def accept(self, acceptance: JointRequest, word: str) -> None:
        """Accept a shrunken list, with the word of a second person."""
        self._call(lambda stub: stub.AcceptShrunkenList, acceptance.request, word)
