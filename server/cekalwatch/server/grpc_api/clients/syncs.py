"""Synchronises through a running server, and asks for the status."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cekalwatch.contract.values.orders import OrderFlag, OrderRule
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.syncs import SyncCounts, SyncRefusal, SyncRemark, SyncRun
from cekalwatch.server.grpc_api.clients.server_client import ServerClient
from cekalwatch.server.grpc_api.convert.watchlist.sync import OUTCOMES
from cekalwatch.server.watchlist.sync.service import SyncStatus
from cekalwatch.v1 import sync_pb2, watchlist_service_pb2

CALL_S = 20.0
"""How long an answer may take."""

Answer = TypeVar("Answer")


class RemoteSyncs(ServerClient):
    """The synchronisation of the running server.

    Methods raise CekalwatchError with the code that the server gives, and ProgramError when it cannot be reached.
    """

    def start(self, *, from_start: bool) -> int:
        """Begin a run, and return its key."""
        request = watchlist_service_pb2.SyncNowRequest(from_start=from_start)
        return int(self._ask(self._stub.SyncNow, request).run_id)

    def run(self, run_id: int) -> SyncRun:
        """Return the run as it stands."""
        request = watchlist_service_pb2.ListSyncRunsRequest(page_size=1, page_token=str(run_id + 1))
        return _run(self._ask(self._stub.ListSyncRuns, request).runs[0])

    def status(self) -> tuple[SyncStatus, datetime | None]:
        """Return the status, and when the watchlist was last brought up to date."""
        answer = self._ask(self._stub.GetSyncStatus, watchlist_service_pb2.GetSyncStatusRequest())
        status = SyncStatus(
            source=answer.source,
            running=_run(answer.running) if answer.HasField("running") else None,
            last=_run(answer.last) if answer.HasField("last") else None,
            next_run_at=_moment(answer.next_run_time) if answer.HasField("next_run_time") else None,
            waiting=_run(answer.waiting) if answer.HasField("waiting") else None,
        )
        fresh = answer.freshness
        return status, _moment(fresh.last_success_time) if fresh.HasField("last_success_time") else None

    def _ask(self, method: Callable[..., Answer], request: object) -> Answer:
        try:
            return method(request, timeout=CALL_S)
        except grpc.RpcError as error:
            if code := _code(error):
                raise CekalwatchError(code) from None
            raise ProgramError(
                f"The server at {self._dialer.address} does not answer: {self._reason(error)}", Exit.UNAVAILABLE
            ) from None


def _code(error: grpc.RpcError) -> Code | None:
    """Return the catalogue's code that came with an error."""
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info) and info.reason in set(Code):
            return Code(info.reason)
    return None


def _run(message: sync_pb2.SyncRun) -> SyncRun:
    counts = message.counts
    return SyncRun(
        run_id=message.run_id,
        source=message.source,
        started_at=_moment(message.start_time),
        ended_at=_moment(message.end_time) if message.HasField("end_time") else None,
        whole=message.whole,
        resumed=message.resumed,
        counts=SyncCounts(**{name: getattr(counts, name) for name in SyncCounts.__dataclass_fields__}),
        outcome=OUTCOMES.member(message.outcome) or SyncOutcome.FAILED,
        reason=Code(message.reason) if message.reason else None,
        detail=message.detail,
        refusals=tuple(SyncRefusal(one.order_id, Code(one.reason), one.field) for one in message.refusals),
        remarks=tuple(
            SyncRemark(
                one.order_id,
                tuple(map(OrderRule, one.broken_rules)),
                tuple(one.also_under),
                tuple(map(OrderFlag, one.flags)),
            )
            for one in message.remarks
        ),
        missing=message.missing,
        held=message.held,
    )


def _moment(message: Timestamp) -> datetime:
    return message.ToDatetime(UTC)
