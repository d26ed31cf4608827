"""Between the synchronisation's rows and the domain."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from cekalwatch.contract.values.orders import OrderFlag, OrderRule
from cekalwatch.contract.values.syncs import MAX_DETAIL, SyncCounts, SyncRefusal, SyncRemark, SyncRun
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.domain.errors import Code
from cekalwatch.server.domain.syncs import MAX_REFUSALS, MAX_REMARKS, ShrunkenList, SyncState
from cekalwatch.server.storage.sync.tables import SyncRunRow, SyncStateRow

_STATE_COLUMNS = tuple(field.name for field in fields(SyncState) if field.name != "waiting")


def state_of(row: SyncStateRow) -> SyncState:
    """Read the state."""
    waiting = ShrunkenList(row.waiting_run_id, row.waiting_missing, row.waiting_held) if row.waiting_run_id else None
    return SyncState(**{name: getattr(row, name) for name in _STATE_COLUMNS}, waiting=waiting)


def run_values(run: SyncRun) -> dict[str, Any]:
    """Write a run, without its key and its beginning."""
    refusals = [[one.order_id, one.reason, one.field] for one in run.refusals[:MAX_REFUSALS]]
    remarks = [[one.order_id, one.broken_rules, one.also_under, one.flags] for one in run.remarks[:MAX_REMARKS]]
    return {
        **asdict(run.counts),
        "ended_at": run.ended_at,
        "whole": run.whole,
        "resumed": run.resumed,
        "outcome": str(run.outcome),
        "reason": str(run.reason or ""),
        "detail": run.detail[:MAX_DETAIL],
        "refusals": json.dumps(refusals),
        "remarks": json.dumps(remarks),
        "missing": run.missing,
        "held": run.held,
    }


def run_of(row: SyncRunRow) -> SyncRun:
    """Read a run."""
    if row.run_id is None:
        raise ValueError("a run that was stored has a key")
    return SyncRun(
        run_id=row.run_id,
        source=row.source,
        started_at=row.started_at,
        ended_at=row.ended_at,
        whole=row.whole,
        resumed=row.resumed,
        counts=SyncCounts(**{name: getattr(row, name) for name in SyncCounts.__dataclass_fields__}),
        outcome=SyncOutcome(row.outcome),
        reason=Code(row.reason) if row.reason else None,
        detail=row.detail,
        refusals=tuple(SyncRefusal(key, Code(reason), field) for key, reason, field in json.loads(row.refusals)),
        remarks=tuple(
            SyncRemark(key, tuple(map(OrderRule, rules)), tuple(others), tuple(map(OrderFlag, flags)))
            for key, rules, others, flags in json.loads(row.remarks)
        ),
        missing=row.missing,
        held=row.held,
    )
