"""Tables of the synchronisation: where it stands, what was seen of each order, and a record of every run.

Keys and codes only: nothing here is personal, so nothing is sealed.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from cekalwatch.server.storage.columns import moment, moment_or_none


class SyncStateRow(SQLModel, table=True):
    """One row, made by the first migration, which every run locks."""

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
    lease: str
    """Of the run that is under way: a random key; empty when none is."""
    lease_until: datetime | None = moment_or_none()
    next_run_at: datetime | None = moment_or_none()
    waiting_run_id: int
    """The run that found a shrunken list, 0 when none waits for a person."""
    waiting_missing: int
    waiting_held: int
    accepted: int


class SyncOrderRow(SQLModel, table=True):
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


class SyncRunRow(SQLModel, table=True):
    """A run; see `SyncRun` of the domain."""

    __tablename__ = "sync_run"
    __table_args__ = ({"sqlite_autoincrement": True},)

    run_id: int | None = Field(default=None, primary_key=True)
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
