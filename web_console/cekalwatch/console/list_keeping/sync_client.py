"""The calls about the list's synchronisation, as plain values. Protobuf stops here; errors stay grpc.RpcError."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.codec.safe_text import safe_text
from cekalwatch.contract.codec.watchlist import FRESHNESS
from cekalwatch.contract.values.watchlist import Freshness, SyncOutcome
from cekalwatch.office.client.session_client import JointRequest
from cekalwatch.v1 import session_pb2, sync_pb2
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1.watchlist_service_pb2_grpc import WatchlistServiceStub

MAX_DETAIL = 300
_OUTCOMES = ProtoEnum(sync_pb2.SyncOutcome, "SYNC_OUTCOME", SyncOutcome)
_MAX_RUN_ID = 2**63 - 2


@dataclass(frozen=True)
class Counts:
    """What became of the records of a run; see `SyncCounts` of the contract."""

    read: int
    added: int
    changed: int
    unchanged: int
    ended: int
    refused: int
    kept: int
    photographs_refused: int
    flagged: int
    doubtful: int
    renewed: int


@dataclass(frozen=True)
class RefusedRecord:
    """A record that was refused, or a photograph of one that was not."""

    order_id: str
    reason: str
    """A code of the server's error catalogue."""
    field: str


@dataclass(frozen=True)
class Remark:
    """An order that a person must look at: the rules that it breaks, why it is flagged, and look-alikes' keys."""

    order_id: str
    broken_rules: tuple[str, ...]
    flags: tuple[str, ...]
    also_under: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """One synchronisation."""

    run_id: int
    source: str
    began_at: datetime
    ended_at: datetime | None
    whole: bool
    resumed: bool
    counts: Counts
    outcome: SyncOutcome | None
    """None: one that only a newer server knows."""
    reason: str
    detail: str
    refusals: tuple[RefusedRecord, ...]
    remarks: tuple[Remark, ...]
    missing: int
    held: int


@dataclass(frozen=True)
class SyncStatus:
    """How the synchronisation stands."""

    source: str
    """Empty when the server's settings name none."""
    running: Run | None
    next_at: datetime | None
    waiting: Run | None
    """The run whose shrunken list waits to be accepted."""
    freshness: Freshness


class SyncClient(ServiceClient[WatchlistServiceStub]):
    """A list manager's calls. It may be used from several threads."""

    stub = WatchlistServiceStub

    def status(self) -> SyncStatus:
        """Return how it stands."""
        answer = self._call(lambda stub: stub.GetSyncStatus, pb.GetSyncStatusRequest())
        return SyncStatus(
            source=safe_text(answer.source),
            running=_run(answer.running) if answer.HasField("running") else None,
            next_at=_moment(answer.next_run_time) if answer.HasField("next_run_time") else None,
            waiting=_run(answer.waiting) if answer.HasField("waiting") else None,
            freshness=FRESHNESS.read(answer.freshness),
        )

    def runs(self, size: int, token: str = "") -> tuple[list[Run], str]:
        """Return at most `size` runs, newest first, and the token of the next page; empty: there is none."""
        answer = self._call(lambda stub: stub.ListSyncRuns, pb.ListSyncRunsRequest(page_size=size, page_token=token))
        return [_run(one) for one in answer.runs], str(answer.next_page_token)

    def run(self, run_id: int) -> Run | None:
        """Return one run; None when it is not kept."""
        if not 0 < run_id <= _MAX_RUN_ID:
            return None
        found, _ = self.runs(1, str(run_id + 1))
        return next((one for one in found if one.run_id == run_id), None)

    def start(self, *, from_start: bool) -> None:
        """Begin a run; with `from_start` it reads the whole list."""
        self._call(lambda stub: stub.SyncNow, pb.SyncNowRequest(from_start=from_start))

    @staticmethod
    def acceptance(run_id: int) -> JointRequest:
        """Return what two people sign for who let the next run end what the list of that run has lost."""
        request = pb.AcceptShrunkenListRequest(run_id=run_id)
        return JointRequest(session_pb2.TWO_PERSON_ACTION_ACCEPT_SHRUNKEN_LIST, request)

    def accept(self, acceptance: JointRequest, word: str) -> None:
        """Accept a shrunken list, with the word of a second person."""
        self._call(lambda stub: stub.AcceptShrunkenList, acceptance.request, word)


def _run(one: sync_pb2.SyncRun) -> Run:
    return Run(
        run_id=one.run_id,
        source=safe_text(one.source),
        began_at=_moment(one.start_time),
        ended_at=_moment(one.end_time) if one.HasField("end_time") else None,
        whole=one.whole,
        resumed=one.resumed,
        counts=Counts(**{name: getattr(one.counts, name) for name in Counts.__dataclass_fields__}),
        outcome=_OUTCOMES.member(one.outcome),
        reason=safe_text(one.reason),
        detail=safe_text(one.detail, MAX_DETAIL),
        refusals=tuple(
            RefusedRecord(safe_text(refused.order_id), safe_text(refused.reason), safe_text(refused.field))
            for refused in one.refusals
        ),
        remarks=tuple(
            Remark(
                safe_text(remark.order_id),
                *(tuple(map(safe_text, found)) for found in (remark.broken_rules, remark.flags, remark.also_under)),
            )
            for remark in one.remarks
        ),
        missing=one.missing,
        held=one.held,
    )


def _moment(message: Timestamp) -> datetime:
    return message.ToDatetime(UTC)
