"""Messages of the synchronisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.codec.watchlist import FRESHNESS
from cekalwatch.contract.values.watchlist import Freshness, SyncOutcome
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.syncs import SyncRun
from cekalwatch.server.grpc_api.convert.common import timestamp
from cekalwatch.server.grpc_api.paging import page
from cekalwatch.server.watchlist.sync.service import SyncStatus
from cekalwatch.v1 import sync_pb2, watchlist_service_pb2

DEFAULT_PAGE = 50
OUTCOMES = ProtoEnum(sync_pb2.SyncOutcome, "SYNC_OUTCOME", SyncOutcome)
_MAX_DIGITS = 18
"""Of a number that fits into 64 bits."""


def run_page_token(token: str) -> int | None:
    """Read the token of a page of runs; raises PAGE_TOKEN_INVALID."""
    if not token:
        return None
    if len(token) > _MAX_DIGITS or not (token.isascii() and token.isdecimal()):
        raise CekalwatchError(Code.PAGE_TOKEN_INVALID)
    return int(token)


def run_message(run: SyncRun) -> sync_pb2.SyncRun:
    """Write a run."""
    return sync_pb2.SyncRun(
        run_id=run.run_id,
        source=run.source,
        start_time=timestamp(run.started_at),
        end_time=timestamp(run.ended_at) if run.ended_at else None,
        whole=run.whole,
        resumed=run.resumed,
        counts=sync_pb2.SyncCounts(**asdict(run.counts)),
        outcome=OUTCOMES.number(run.outcome),
        reason=run.reason or "",
        detail=run.detail,
        refusals=[
            sync_pb2.SyncRefusal(order_id=one.order_id, reason=one.reason, field=one.field) for one in run.refusals
        ],
        remarks=[
            sync_pb2.SyncRemark(
                order_id=one.order_id, broken_rules=one.broken_rules, also_under=one.also_under, flags=one.flags
            )
            for one in run.remarks
        ],
        missing=run.missing,
        held=run.held,
    )


def status_message(status: SyncStatus, freshness: Freshness) -> watchlist_service_pb2.GetSyncStatusResponse:
    """Write the state of the synchronisation."""
    return watchlist_service_pb2.GetSyncStatusResponse(
        source=status.source,
        running=run_message(status.running) if status.running else None,
        last=run_message(status.last) if status.last else None,
        next_run_time=timestamp(status.next_run_at) if status.next_run_at else None,
        waiting=run_message(status.waiting) if status.waiting else None,
        freshness=FRESHNESS.write(freshness),
    )


def run_page(runs: Sequence[SyncRun], limit: int) -> watchlist_service_pb2.ListSyncRunsResponse:
    """Write a page of runs, as far as they fit into a message."""
    messages, more = page(map(run_message, runs), len(runs), limit)
    return watchlist_service_pb2.ListSyncRunsResponse(
        runs=messages, next_page_token=str(messages[-1].run_id) if messages and more else ""
    )
