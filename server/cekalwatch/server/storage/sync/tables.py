"""Tables of the synchronisation: its position, the last seen state of each order, and a record of every run.

They contain only keys and codes, nothing personal, so nothing is sealed. They decide who leaves the list, so they are
signed, except for whose turn it is. The end reads and writes their rows.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlmodel import Field, SQLModel

from cekalwatch.contract.values.imports import MAX_DETAIL, SyncRun
from cekalwatch.server.domain.syncs import MAX_REFUSALS, MAX_REMARKS, ShrunkenList, SyncState
from cekalwatch.server.storage.columns import moment, moment_or_none
from cekalwatch.server.storage.integrity.signed_row import SignedRow
from cekalwatch.server.storage.row_codec import RowCodec

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
    source: str = ""
    """Name of the source that the rest is about."""
    cursor: str = ""
    reading_from: str = ""
    """The cursor with which the reading began: the next one begins there again while a record waits to be good."""
    reading: int
    reading_open: bool = False
    reading_whole: bool = True
    reading_expected: int = 0
    reading_items: int = 0
    reading_refused: int = 0
    keyless: bool = False
    waiting_run_id: int = 0
    """The run that found a shrunken list, 0 when none waits for a person."""
    waiting_missing: int = 0
    waiting_held: int = 0
    accepted: int = 0


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
    """JSON list of what they state; of a server before 0.3.0, of [order key, reason, field]."""
    remarks: str
    """JSON list of the same form."""
    missing: int
    held: int


_STATE = RowCodec(SyncState, SyncStateRow, given={"waiting", "next_run_at"})


def new_state(reading: int) -> SyncStateRow:
    """Return the row before the first run, or in place of a changed one, after which readings have higher numbers."""
    return SyncStateRow(id=STATE, reading=reading)


def state_of(row: SyncStateRow, next_run_at: datetime | None = None) -> SyncState:
    """Read the state."""
    waiting = ShrunkenList(row.waiting_run_id, row.waiting_missing, row.waiting_held) if row.waiting_run_id else None
    return _STATE.read(row, next_run_at=next_run_at, waiting=waiting)


_RUNS = RowCodec(SyncRun, SyncRunRow)


def run_row(run: SyncRun) -> SyncRunRow:
    """Write a run, within the bounds of what is kept."""
    refusals, remarks = run.refusals[:MAX_REFUSALS], run.remarks[:MAX_REMARKS]
    return _RUNS.write(replace(run, detail=run.detail[:MAX_DETAIL], refusals=refusals, remarks=remarks))


def run_of(row: SyncRunRow) -> SyncRun:
    return _RUNS.read(row)
