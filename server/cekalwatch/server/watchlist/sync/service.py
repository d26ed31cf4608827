"""What people ask of the synchronisation: to begin it, to accept a shrunken list, and its status. Blocks."""

from __future__ import annotations

from cekalwatch.contract.values.syncs import SyncRun, SyncStatus
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.people import TwoPeople, TwoPersonAction
from cekalwatch.server.domain.syncs import SyncState
from cekalwatch.server.storage.sync.store import SyncStore
from cekalwatch.server.watchlist.sync.schedule import SyncScheduler


def accept_shrink(store: SyncStore, clock: Clock, run_id: int, people: TwoPeople, actor: Actor) -> None:
    """Let the next run end what the list of that run has lost; raises SHRINK_NOT_WAITING."""
    if people.action is not TwoPersonAction.ACCEPT_SHRUNKEN_LIST:
        raise ValueError(f"these people came for {people.action}")
    both = tuple(ObjectKind.PERSON.key(person.person_id) for person in (people.first, people.second))

    def note(state: SyncState) -> AuditEntry:
        details = {"run": run_id, "missing": state.accepted}
        return AuditEntry(clock.now(), actor, Action.SHRINK_ACCEPTED, both, details=details)

    store.accept(run_id, note)


class SyncService:
    """Answers, whether there is a source or not."""

    def __init__(self, store: SyncStore, scheduler: SyncScheduler | None, clock: Clock) -> None:
        self._store = store
        self._scheduler = scheduler
        self._clock = clock

    def start(self, actor: Actor, *, from_start: bool = False) -> int:
        """Begin a run and return its key; raises SYNC_NOT_CONFIGURED or SYNC_RUNNING."""
        if self._scheduler is None:
            raise CekalwatchError(Code.SYNC_NOT_CONFIGURED)
        return self._scheduler.start(actor, from_start=from_start)

    def accept(self, run_id: int, people: TwoPeople, actor: Actor) -> int | None:
        """Accept the shrunken list that the run `run_id` found, and return the key of the run that begins.

        None when one is under way: it, or the one after, ends the orders. Raises SHRINK_NOT_WAITING,
        SYNC_NOT_CONFIGURED.
        """
        if self._scheduler is None:
            raise CekalwatchError(Code.SYNC_NOT_CONFIGURED)
        accept_shrink(self._store, self._clock, run_id, people, actor)
        try:
            return self._scheduler.start(actor)
        except CekalwatchError as error:
            if error.code is not Code.SYNC_RUNNING:
                raise
            return None

    def status(self) -> SyncStatus:
        """Return the status."""
        state, runs = self._store.state(), self._store.runs(2)
        waiting = self._store.runs(1, state.waiting.run_id + 1) if state.waiting else []
        return SyncStatus(
            source=self._scheduler.source if self._scheduler else "",
            running=next((run for run in runs[:1] if run.outcome is SyncOutcome.RUNNING), None),
            last=next((run for run in runs if run.outcome is not SyncOutcome.RUNNING), None),
            next_run_at=state.next_run_at if self._scheduler else None,
            waiting=next(iter(waiting), None),
        )

    def runs(self, limit: int, before: int | None) -> list[SyncRun]:
        """Return the newest runs, those before the run `before` if given."""
        return self._store.runs(limit, before)
