"""The progress of a run, as it and its store exchange it."""

from __future__ import annotations

from dataclasses import dataclass

from cekalwatch.contract.values.syncs import SyncRun
from cekalwatch.server.domain.syncs import SyncState


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
    """What is known of an order that a source offers."""

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
    """Whether it is remembered that the source has it, or had it: who has left is found by that."""


@dataclass(frozen=True)
class SeenOrder:
    """An order of the source, as it is to be remembered."""

    order_id: str
    fingerprint: str
    problem: str = ""


@dataclass(frozen=True)
class PageEnd:
    """The end of a page: where to go on, and what the page adds to the reading."""

    cursor: str
    items: int
    refused: int
    keyless: bool


@dataclass(frozen=True)
class LeftOrder:
    """An order that has left the source."""

    order_id: str
    held: bool
    """Whether it stands in the watchlist; else its record was never good enough to get there."""
