"""Tables of the synchronisation: its position, the last seen state of each order, and a record of every run.

They contain only keys and codes, nothing personal, so nothing is sealed. They decide who leaves the list, so they are
signed, except for whose turn it is. The end reads and writes their rows.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from cekalwatch.contract.values.imports import MAX_DETAIL, SyncCounts, SyncRefusal, SyncRemark, SyncRun
from cekalwatch.contract.values.orders import OrderFlag, OrderRule
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.domain.syncs import MAX_REFUSALS, MAX_REMARKS, ShrunkenList, SyncState
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.storage.columns import moment, moment_or_none
from cekalwatch.server.storage.integrity.signed_row import SignedRow

STATE = 1
"""Key of the row of the state."""


class SyncScheduleRow(SQLModel, table=True):
    """One row, made by a migration, which every run locks: who synchronises now, and when somebody does next."""

    __tablename__ = "sync_schedule"

    id: int = Field(primary_key=True)
    lease: str
    """Random key of the present run; empty without one."""
    lease_until: datetime | None = moment_or_none()
    next_run_at: datetime | None = moment_or_none()


class SyncStateRow(SignedRow, table=True):
    """One row, made by the first run."""

    __tablename__ = "sync_state"

    id: int = Field(primary_key=True)
    source: str
    """Name of the source that the rest is about."""
    cursor: str
    reading_from: str
    """The cursor with which the reading began: the next one begins there again while a record waits to be good."""
    reading: int
    reading_open: bool
    reading_whole: bool
    reading_expected: int
    reading_items: int
    reading_refused: int
    keyless: bool
    waiting_run_id: int
    """The run that found a shrunken list, 0 when none waits for a person."""
    waiting_missing: int
    waiting_held: int
    accepted: int


class SyncOrderRow(SignedRow, table=True):
    """An order that the source has, or had when it was seen last."""

    __tablename__ = "sync_order"

    order_id: str = Field(primary_key=True)
    fingerprint: str
    """Of the record that was imported; empty where the next run must try again."""
    seen_reading: int = Field(index=True)
    gone: bool
    """Whether a delta of the open reading says that it has left the source."""
    erased: bool = False
    """Whether its subject was erased, since its last order had ended long ago: an unchanged record stays out."""
    problem: str
    """Why its record was refused last, as REASON:field, so that the audit trail says it once; empty when it is good."""


class SyncRunRow(SignedRow, table=True):
    """A run; see `SyncRun` of the domain."""

    __tablename__ = "sync_run"
    __table_args__ = ({"sqlite_autoincrement": True},)

    run_id: int = Field(primary_key=True)
    source: str
    started_at: datetime = moment(index=True)
    ended_at: datetime | None = moment_or_none()
    whole: bool
    resumed: bool
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
    outcome: str
    reason: str
    detail: str
    refusals: str
    """JSON list of [order key, reason, field]."""
    remarks: str
    """JSON list of [order key, broken rules, other subjects with such a face]."""
    missing: int
    held: int


_STATE_COLUMNS = tuple(field.name for field in fields(SyncState) if field.name not in {"waiting", "next_run_at"})


def new_state(reading: int) -> SyncStateRow:
    """Return the row before the first run, or in place of a changed one, after which readings have higher numbers."""
    return SyncStateRow(
        id=STATE,
        source="",
        cursor="",
        reading_from="",
        reading=reading,
        reading_open=False,
        reading_whole=True,
        reading_expected=0,
        reading_items=0,
        reading_refused=0,
        keyless=False,
        waiting_run_id=0,
        waiting_missing=0,
        waiting_held=0,
        accepted=0,
    )


def state_of(row: SyncStateRow, next_run_at: datetime | None = None) -> SyncState:
    """Read the state."""
    waiting = ShrunkenList(row.waiting_run_id, row.waiting_missing, row.waiting_held) if row.waiting_run_id else None
    return SyncState(**{name: getattr(row, name) for name in _STATE_COLUMNS}, next_run_at=next_run_at, waiting=waiting)


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
