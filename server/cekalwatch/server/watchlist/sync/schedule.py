"""The schedule of synchronisations: each period, sooner after a failure, and at once on request.

Servers of one database share the schedule: the first one that takes the lease makes the run. Methods block.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from cekalwatch.contract.values.imports import SyncRun, SyncStatus
from cekalwatch.contract.values.people import TwoPersonAction
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.program.errors import may_be_logged
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, both_keys
from cekalwatch.server.concurrency.priorities import BackgroundThreads
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.domain.syncs import BegunRun, SyncLease, SyncState, SyncTerms
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.integrity.guarded_session import fenced
from cekalwatch.server.storage.sync.store import SyncFence, SyncStore
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.sources.source import WatchlistSource
from cekalwatch.server.watchlist.sync.synchroniser import Synchroniser, SyncParts, SyncStoppedError
from cekalwatch.wire.backoff import Backoff

GIVE_WAY_S = 0.5
"""Maximum time for which a record waits for captures: a busy port must not keep the list out of date."""

RENEW_PERIOD_S = 2.0
"""The period of renewing the lease of the running synchronisation, well within its duration."""

_LOOK_AGAIN_S = 0.01

log = structlog.get_logger()


class NextRun:
    """Says when the next run is due."""

    def __init__(self, terms: SyncTerms, clock: Clock, chance: random.Random | None = None) -> None:
        self._terms = terms
        self._clock = clock
        self._random = chance or random.Random()  # noqa: S311  # nothing secret
        self._backoff = Backoff(terms.retry_first_seconds, terms.retry_max_seconds, self._random)

    def after(self, outcome: SyncOutcome) -> datetime:
        """Return when the run after one that ended so is due."""
        now = self._clock.now()
        if outcome is SyncOutcome.BROKEN_OFF:
            return now
        if outcome is SyncOutcome.FAILED:
            return now + timedelta(seconds=self._backoff.next_delay_s())
        self._backoff.reset()
        return now + self._terms.period * (1 + self._random.uniform(-1, 1) * self._terms.jitter)

    def latest(self) -> datetime:
        """Return when the next run is due at the latest, however the last one ended."""
        longest = max(self._terms.period * (1 + self._terms.jitter), timedelta(seconds=self._terms.retry_max_seconds))
        return self._clock.now() + longest


class SyncYield:
    """Lets captures go before records, and ends a run when the server stops."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        """`waiting` counts the captures that wait to be embedded."""
        self._waiting = waiting
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Let the run under way end at its next record."""
        self._stopped.set()

    def give_way(self) -> None:
        """Wait while captures wait, at most GIVE_WAY_S; raises SyncStoppedError."""
        for _ in range(int(GIVE_WAY_S / _LOOK_AGAIN_S)):
            if self._stopped.is_set() or not self._waiting():
                break
            self._stopped.wait(_LOOK_AGAIN_S)
        if self._stopped.is_set():
            raise SyncStoppedError


class SyncScheduler:
    """Makes runs on a thread of its own. `look` and `start` block for as long as the database takes."""

    def __init__(
        self,
        source: WatchlistSource,
        store: SyncStore,
        begin_import: Callable[[Actor], ImportRun],
        clock: Clock,
        terms: SyncTerms,
        actor: Actor,
        *,
        waiting: Callable[[], int] = lambda: 0,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        """Scheduled runs act as `actor`.

        `waiting` counts the captures that wait to be embedded; `on_end` is called after each run, on its thread.
        """
        self._source = source
        self._store = store
        self._clock = clock
        self._yield = SyncYield(waiting)
        self._next_run = NextRun(terms, clock)
        self._actor = actor
        self._on_end = on_end
        self._synchroniser = Synchroniser(SyncParts(source, store, begin_import, clock, terms, self._yield.give_way))
        self._thread = BackgroundThreads(1, "sync")
        self._under_way: BegunRun | None = None

    @property
    def source(self) -> str:
        """What the source is called."""
        return self._source.name

    def look(self) -> None:
        """Begin a run if one is due."""
        self._begin(hastened=False)

    def hasten(self) -> bool:
        """Begin a run although none is due; False while one is running."""
        return self._begin(hastened=True)

    def _begin(self, *, hastened: bool) -> bool:
        if self._under_way:
            return False  # its lease may have expired, so another server may take over
        now, latest = self._clock.now(), self._next_run.latest()
        begun = self._store.begin(self.source, now, if_due=True, latest=latest, hastened=hastened)
        if begun:
            self._submit(begun, self._actor)
        return begun is not None

    def start(self, actor: Actor, *, from_start: bool = False) -> int:
        """Begin a run that `actor` asks for, and return its key; raises SYNC_RUNNING."""
        now = self._clock.now()
        entry = AuditEntry(now, actor, Action.SYNC_REQUESTED, details={"from_start": int(from_start)})
        begun = self._store.begin(self.source, now, from_start=from_start, entry=entry)
        if begun is None:
            raise RuntimeError("only a run that must be due may not begin")
        self._submit(begun, actor)
        return begun.lease.run_id

    def close(self) -> None:
        """Break off the current run, which the next one continues, and end the thread."""
        self._yield.stop()
        self._thread.shutdown()

    def _submit(self, begun: BegunRun, actor: Actor) -> None:
        self._under_way = begun
        self._thread.submit(self._run, begun, actor)

    def _run(self, begun: BegunRun, actor: Actor) -> None:
        try:
            with self._renewed(begun.lease), fenced(SyncFence(begun.lease)):
                self._synchroniser.run(begun, actor, self._next_run.after)
            self._on_end()
        except Exception as error:  # nobody waits for the thread's errors
            if may_be_logged(error):  # as when the database goes away at the end of a run
                log.error("synchronisation_failed", error=str(error))  # noqa: TRY400  # no traceback
            else:
                log.exception("synchronisation_failed")
        finally:
            if self._under_way is begun:
                self._under_way = None

    @contextmanager
    def _renewed(self, lease: SyncLease) -> Iterator[None]:
        """Renew the lease while the block lasts, however long the source takes to answer."""
        ended = threading.Event()

        def renew() -> bool:
            return not ended.wait(RENEW_PERIOD_S) and self._store.renew(lease, self._clock.now())

        renewing = threading.Thread(
            target=LOOPS.keep_here, args=("renew_synchronisation", renew, ended.wait), name="sync-lease", daemon=True
        )
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()


def accept_shrink(store: SyncStore, clock: Clock, run_id: int, people: TwoPeople, actor: Actor) -> None:
    """Allow the next run to end the orders that were missing in that run; raises SHRINK_NOT_WAITING."""
    if people.action is not TwoPersonAction.ACCEPT_SHRUNKEN_LIST:
        raise ValueError(f"these people came for {people.action}")
    both = both_keys(people)

    def note(state: SyncState) -> AuditEntry:
        details = {"run": run_id, "missing": state.accepted}
        return AuditEntry(clock.now(), actor, Action.SHRINK_ACCEPTED, both, details=details)

    store.accept(run_id, note)


@dataclass(frozen=True, eq=False)
class SyncService:
    """Answers, whether there is a source or not."""

    store: SyncStore
    scheduler: SyncScheduler | None
    clock: Clock

    def start(self, actor: Actor, *, from_start: bool = False) -> int:
        """Begin a run and return its key; raises SYNC_NOT_CONFIGURED or SYNC_RUNNING."""
        if self.scheduler is None:
            raise CekalwatchError(Code.SYNC_NOT_CONFIGURED)
        return self.scheduler.start(actor, from_start=from_start)

    def accept(self, run_id: int, people: TwoPeople, actor: Actor) -> int | None:
        """Accept the shrunken list that the run `run_id` found, and return the key of the run that begins.

        None while a run is in progress: that run, or the next one, ends the orders. Raises SHRINK_NOT_WAITING,
        SYNC_NOT_CONFIGURED.
        """
        if self.scheduler is None:
            raise CekalwatchError(Code.SYNC_NOT_CONFIGURED)
        accept_shrink(self.store, self.clock, run_id, people, actor)
        try:
            return self.scheduler.start(actor)
        except CekalwatchError as error:
            if error.code is not Code.SYNC_RUNNING:
                raise
            return None

    def missing(self, run_id: int) -> frozenset[str]:
        """Return the orders that the list lacks which the run found shrunken; none where it does not wait."""
        state = self.store.state()
        if state.waiting is None or state.waiting.run_id != run_id:
            return frozenset()
        left = self.store.left(state.reading, whole=state.reading_whole and not state.keyless)
        return frozenset(one.order_id for one in left if one.held)

    def status(self) -> SyncStatus:
        """Return the status."""
        state, runs = self.store.state(), self.store.runs(2)
        waiting = self.store.runs(1, state.waiting.run_id + 1) if state.waiting else []
        return SyncStatus(
            source=self.scheduler.source if self.scheduler else "",
            running=next((run for run in runs[:1] if run.outcome is SyncOutcome.RUNNING), None),
            last=next((run for run in runs if run.outcome is not SyncOutcome.RUNNING), None),
            next_run_at=state.next_run_at if self.scheduler else None,
            waiting=next(iter(waiting), None),
        )

    def runs(self, limit: int, before: int | None) -> list[SyncRun]:
        """Return the newest runs, those before the run `before` if given."""
        return self.store.runs(limit, before)
