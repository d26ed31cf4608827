"""One synchronisation of the watchlist with its source, from where the last one stopped to the source's end.

It can be killed at any moment. A record is imported completely or not at all; only then are its fingerprint and the
position in the source stored. So nothing is left out, and repeated work changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import structlog

from cekalwatch.contract.values.imports import SyncRun
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.audit.entry import OK, Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.domain.syncs import BegunRun, LeftOrder, SyncTerms
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.sync.store import AT_ONCE, SyncStore
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.sources.source import (
    CursorExpired,
    SourceUnavailable,
    WatchlistSource,
)
from cekalwatch.server.watchlist.sync.intake import SyncIntake

log = structlog.get_logger()


class SyncStoppedError(Exception):
    """The server stops; the next run continues."""


@dataclass(frozen=True)
class SyncParts:
    """What every run works with."""

    source: WatchlistSource
    store: SyncStore
    begin_import: Callable[[Actor], ImportRun]
    clock: Clock
    terms: SyncTerms
    give_way: Callable[[], None]
    """Called before each imported record, and after every few hundred skipped ones: lets cameras go first, and raises
    SyncStoppedError when the server stops."""


class _UnreliableReadingError(Exception):
    """The reading has ended, and is not to be relied on."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code


class Synchroniser:
    """Makes runs, one at a time. Blocks."""

    def __init__(self, parts: SyncParts) -> None:
        self._parts = parts
        self._store = parts.store
        self._clock = parts.clock

    def run(self, begun: BegunRun, actor: Actor, next_run_at: Callable[[SyncOutcome], datetime]) -> SyncRun:
        """Carry out the run that has begun, and return its outcome; it raises only for a defect of this class.

        `next_run_at` returns when the next run is due, by the outcome.
        """
        importing = self._parts.begin_import(actor)
        intake = SyncIntake(self._parts.store, importing, self._clock, begun, self._parts.give_way)
        run, from_start = self._outcome(intake, actor, begun)
        if run.outcome is not SyncOutcome.DONE and intake.deleted:
            from_start = True  # subjects deleted at the source are then reported again
        importing.drop()
        run = replace(run, ended_at=self._clock.now())
        told = {SyncOutcome.DONE: OK, SyncOutcome.FAILED: run.reason or Code.INTERNAL}
        ended = run.outcome or SyncOutcome.FAILED
        outcome = str(told.get(ended, ended))
        details: dict[str, int | str] = {"run": run.run_id, "whole": int(run.whole), **asdict(run.counts)}
        if run.outcome is SyncOutcome.SHRUNK:
            details |= {"missing": run.missing, "held": run.held}
        try:
            self._store.finish(
                begun.lease,
                run,
                entry=AuditEntry(self._clock.now(), actor, Action.WATCHLIST_SYNCED, (), outcome, details),
                next_run_at=next_run_at(ended),
                keep_since=self._clock.now() - self._parts.terms.keep_runs,
                from_start=from_start,
            )
        except (CekalwatchError, StorageError) as error:
            # The lease expires, and the next run continues.
            log.error("synchronisation_not_recorded", run=run.run_id, error=str(error))  # noqa: TRY400
            return run
        log.info("watchlist_synchronised", run=run.run_id, outcome=run.outcome, reason=run.reason, **asdict(run.counts))
        return run

    def _outcome(self, intake: SyncIntake, actor: Actor, begun: BegunRun) -> tuple[SyncRun, bool]:
        """Return the run as it ended, and whether the next one must begin from the start."""
        try:
            self._read(intake, begun.state.cursor)
            return self._conclude(intake, actor), False
        except SyncStoppedError:
            return replace(intake.run, outcome=SyncOutcome.BROKEN_OFF), False
        except SourceUnavailable as error:
            log.warning("source_failed", reason=str(error))
            return _failed(intake.run, error.code, str(error)), False
        except CursorExpired:
            detail = "The list changed while it was read."
            return _failed(intake.run, Code.SOURCE_UNAVAILABLE, detail), True
        except _UnreliableReadingError as error:
            return _failed(intake.run, error.code), True
        except CekalwatchError as error:
            return _failed(intake.run, error.code), False
        except StorageError as error:
            log.error("synchronisation_failed", error=str(error))  # noqa: TRY400
            return _failed(intake.run, Code.STORAGE_UNAVAILABLE), False
        except Exception:  # a defect of a source must not end the scheduler without a word
            log.exception("synchronisation_failed")
            return _failed(intake.run, Code.INTERNAL), False

    def _read(self, intake: SyncIntake, cursor: str) -> None:
        """Read from `cursor` to the source's end, or from the beginning if the source no longer knows the cursor."""
        try:
            self._read_from(intake, cursor)
        except CursorExpired:
            if not cursor:
                raise
            log.info("source_cursor_expired")
            self._read_from(intake, "")

    def _read_from(self, intake: SyncIntake, cursor: str) -> None:
        with closing(self._parts.source) as source:
            reading = source.read(cursor)
            intake.open(reading, goes_on=bool(cursor))
            try:
                for page in reading.pages:
                    intake.take(page)
            except (SourceUnavailable, CursorExpired, SyncStoppedError):
                intake.settle()  # what it gave before is good
                raise
            intake.settle()

    def _conclude(self, intake: SyncIntake, actor: Actor) -> SyncRun:
        """Withdraw the orders that have left the source, unless there are too many, and people must decide first."""
        intake.judge_again()
        state, run = self._store.state(), intake.run
        if state.reading != intake.reading:  # somebody else changed the row
            raise _UnreliableReadingError(Code.STORAGE_UNAVAILABLE)
        if run.whole and state.reading_items < intake.expected:
            raise _UnreliableReadingError(Code.SOURCE_INCOMPLETE)
        if run.whole and 0 < state.reading_items == state.reading_refused:
            raise _UnreliableReadingError(Code.SOURCE_UNREADABLE)
        left = self._store.left(state.reading, whole=run.whole)
        if run.whole and state.keyless:
            named = self._store.left(state.reading, whole=False)
            run = replace(run, counts=replace(run.counts, kept=_held(left) - _held(named)))
            left = named
        missing = _held(left)
        held = self._store.held() if missing else 0
        empty = run.whole and state.reading_items == 0
        if self._parts.terms.guard.stops(missing, held, empty=empty, accepted=state.accepted):
            log.warning("watchlist_shrunk", missing=missing, held=held)
            return replace(run, outcome=SyncOutcome.SHRUNK, missing=missing, held=held)
        for start in range(0, len(left), AT_ONCE):
            some = left[start : start + AT_ONCE]
            run = replace(run, counts=replace(run.counts, ended=run.counts.ended + _held(some)))
            self._store.withdraw(intake.lease, self._clock.now(), run, some, lambda keys: self._ended(keys, actor))
        intake.delete_ended()
        return replace(run, outcome=SyncOutcome.DONE)

    def _ended(self, order_ids: Sequence[str], actor: Actor) -> AuditEntry:
        keys = tuple(map(ObjectKind.ORDER.key, order_ids))
        return AuditEntry(self._clock.now(), actor, Action.ORDERS_WITHDRAWN, keys, details={"orders": len(keys)})


def _failed(run: SyncRun, code: Code, detail: str = "") -> SyncRun:
    return replace(run, outcome=SyncOutcome.FAILED, reason=code, detail=detail)


def _held(left: Sequence[LeftOrder]) -> int:
    return sum(one.held for one in left)
