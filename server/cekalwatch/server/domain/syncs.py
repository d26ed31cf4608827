"""Synchronisations of the watchlist with its source: their state, and when a person must be asked first.

A reading is all that a source gives from its beginning, or from the last change, to its end; it takes several runs when
one is broken off. What is held of an order does not change until the source gives a valid record of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from cekalwatch.contract.values.imports import SyncRun

MAX_REFUSALS = 200
"""Maximum stored refusals of a run, records before photographs; all refused records are counted."""
MAX_REMARKS = 200
"""Maximum stored remarks of a run; all flagged, renewed and doubtful orders are counted."""
PHOTOGRAPHS = "photographs"
"""The field of a refused photograph."""


@dataclass(frozen=True)
class ShrunkenList:
    """A shrunken list that a person must accept, or correct at the source."""

    run_id: int
    missing: int
    held: int


@dataclass(frozen=True)
class SyncState:
    """The state of the synchronisation, between runs and within one."""

    cursor: str = ""
    reading: int = 0
    """Counts the readings; orders remember in which one they were seen last."""
    reading_open: bool = False
    reading_whole: bool = True
    reading_expected: int = 0
    """Number of records that the source stated at the beginning of the reading; 0 if it stated none."""
    reading_items: int = 0
    reading_refused: int = 0
    keyless: bool = False
    """Whether the reading has had a row whose key cannot be read."""
    next_run_at: datetime | None = None
    waiting: ShrunkenList | None = None
    accepted: int = 0
    """Number of orders whose end two people have accepted for the next run."""


@dataclass(frozen=True)
class ShrinkGuard:
    """Limits of a shrunken list, beyond which a person is asked before any order is ended."""

    share: float = 0.2
    """Share of the orders stored from the source."""
    least: int = 10
    """Fewer orders than these are ended without asking, unless nothing at all is left."""

    def stops(self, missing: int, held: int, *, empty: bool, accepted: int = 0) -> bool:
        """Whether `missing` of `held` orders must not be ended yet. `empty`: a whole reading returned no order at all.

        `accepted` is the number that people have seen and let go.
        """
        if missing == 0 or missing <= accepted:
            return False
        return empty or (missing >= self.least and missing > self.share * held)


@dataclass(frozen=True)
class SyncTerms:
    """When runs are made, and what of them is kept: `[watchlist.sync]`. `docs/watchlist-sync.md` explains it."""

    period_seconds: Annotated[float, Field(ge=10, le=604_800)] = 900.0
    """Seconds from the end of one run to the next."""
    jitter: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    """Share of the period by which a run is earlier or later, so that sites do not all ask at once."""
    retry_first_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Longest pause after a failure, in seconds; doubled with each further one, up to `retry_max_seconds`."""
    retry_max_seconds: Annotated[float, Field(gt=0, le=86_400)] = 900.0
    """Longest pause after many failures, in seconds."""
    shrink_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """If a source has lost a larger share of its stored orders, none is ended before two people accept that."""
    shrink_min_orders: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Fewer orders than this are ended without asking, unless nothing is left at all."""
    keep_runs_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    """Days for which the record of a run is stored."""

    @property
    def period(self) -> timedelta:
        """From the end of one run to the next."""
        return timedelta(seconds=self.period_seconds)

    @property
    def keep_runs(self) -> timedelta:
        """Retention time of the record of a run."""
        return timedelta(days=self.keep_runs_days)

    @property
    def guard(self) -> ShrinkGuard:
        """When a person is asked before orders are ended."""
        return ShrinkGuard(self.shrink_share, self.shrink_min_orders)


@dataclass(frozen=True)
class SyncLease:
    """The right to synchronise, for one run."""

    run_id: int
    key: str


@dataclass(frozen=True)
class BegunRun:
    """A run that has begun, and where the one before left off."""

    lease: SyncLease
    run: SyncRun
    state: SyncState


@dataclass(frozen=True)
class KnownOrder:
    """The stored facts about an order that a source offers."""

    fingerprint: str = ""
    problem: str = ""
    seen_reading: int = 0
    stored: bool = False
    """Whether the watchlist has it, ended or not."""
    held: bool = False
    """Whether the watchlist has it, and it was not ended for want of it at the source."""
    erased: bool = False
    """Whether its subject was erased some time after the last order ended."""
    remembered: bool = False
    """Whether it is stored that the source has or had it; orders that left are found by this."""


@dataclass(frozen=True)
class SeenOrder:
    """An order of the source, to be remembered."""

    order_id: str
    fingerprint: str
    problem: str = ""


@dataclass(frozen=True)
class PageEnd:
    """The end of a page: where to continue, and what the page adds to the reading."""

    cursor: str
    items: int
    refused: int
    keyless: bool


@dataclass(frozen=True)
class LeftOrder:
    """An order that has left the source."""

    order_id: str
    held: bool
    """Whether it is on the watchlist; otherwise its record was never valid."""
