"""Repeated refusals: the first is reported at once, later ones as a sum for each period, so that none is free.

A refused caller can try again as fast as the network allows. Neither the log nor the audit trail grows with that: each
kind of refusal by each caller has one line or entry per period. The counters here are limited too.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

import structlog

from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, stamp
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.storage.audit.store import AuditStore

PERIOD: Final = timedelta(minutes=1)
"""Time for which repeats are counted before their sum is reported."""
MAX_KINDS: Final = 1000
"""Kinds of refusals by callers that are counted separately; all others are summed together."""
EXPECTED: Final = frozenset({Code.SIGN_IN_NEEDED})
"""Refusals that need no action: a PC asks before anybody has signed in there."""
ANYBODY: Final = "others"
"""Stands for all callers beyond the limit."""

log = structlog.get_logger()

_K = TypeVar("_K", bound=Hashable)


@dataclass(frozen=True)
class Repeated(Generic[_K]):
    """The number of repetitions after a report."""

    key: _K
    times: int
    since: datetime
    until: datetime


@dataclass
class _Count:
    told_at: datetime
    times: int = 0
    since: datetime | None = None
    until: datetime | None = None


class Repeats(Generic[_K]):
    """Distinguishes new refusals from repeated ones; any thread may use it."""

    def __init__(self, clock: Clock, beyond: Callable[[_K], _K]) -> None:
        """`beyond` returns the key for a refusal while MAX_KINDS others are counted."""
        self._clock = clock
        self._beyond = beyond
        self._counts: dict[_K, _Count] = {}
        self._lock = threading.Lock()

    def is_new(self, key: _K) -> bool:
        """Count a refusal, and return whether it must be reported now."""
        now = self._clock.now()
        with self._lock:
            if key not in self._counts and len(self._counts) >= MAX_KINDS:
                key = self._beyond(key)
            count = self._counts.get(key)
            if count is None:
                self._counts[key] = _Count(now)
                return True
            count.times += 1
            count.since, count.until = count.since or now, now
            return False

    def forget(self, key: _K) -> None:
        """Treat the next refusal as new: this one could not be reported."""
        with self._lock:
            self._counts.pop(key, None)

    def due(self, *, at_once: bool = False) -> list[Repeated[_K]]:
        """Return the sums of the finished periods, or of all; refusals without repeats are forgotten.

        Sums stay due until they are `settled`.
        """
        now = self._clock.now()
        with self._lock:
            over = {key: one for key, one in self._counts.items() if at_once or now - one.told_at >= PERIOD}
            for key, one in over.items():
                if not one.times:
                    del self._counts[key]
            return [
                Repeated(key, one.times, one.since or now, one.until or now) for key, one in over.items() if one.times
            ]

    def settle(self, told: list[Repeated[_K]]) -> None:
        """Mark sums as reported; later repeats are still counted."""
        now = self._clock.now()
        with self._lock:
            for one in told:
                if count := self._counts.get(one.key):
                    count.told_at, count.times, count.since = now, count.times - one.times, None


class RefusalLog:
    """The log lines about refused calls, by code and by caller: a device, or an address."""

    def __init__(self, clock: Clock) -> None:
        self._repeats: Repeats[tuple[Code, str]] = Repeats(clock, lambda key: (key[0], ANYBODY))
        self.totals: Counter[Code] = Counter()
        """Number of refused calls since the start, by code."""

    def is_new(self, code: Code, caller: str) -> bool:
        """Count a refusal, and return whether it gets a line of its own."""
        self.totals[code] += 1
        return self._repeats.is_new((code, caller))

    def tell_sums(self, *, at_once: bool = False) -> None:
        """Log the sums of the finished periods."""
        due = self._repeats.due(at_once=at_once)
        for one in due:
            code, caller = one.key
            since, until = stamp(one.since), stamp(one.until)
            if code in EXPECTED:
                log.info("sign_ins_awaited", caller=caller, times=one.times, since=since, until=until)
            else:
                log.warning("calls_refused", code=code, caller=caller, times=one.times, since=since, until=until)
        self._repeats.settle(due)


@dataclass(frozen=True)
class _Kind:
    """The common key of entries that are summed."""

    actor: Actor
    action: Action
    outcome: str
    objects: tuple[str, ...]


def _by_anybody(kind: _Kind) -> _Kind:
    return replace(kind, actor=Actor(kind.actor.party, ANYBODY), objects=())


class RefusalTrail:
    """The audit entries on refusals: sign-ins and sessions. Blocks."""

    def __init__(self, audit: AuditStore, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._repeats: Repeats[_Kind] = Repeats(clock, _by_anybody)

    def record(self, *entries: AuditEntry) -> bool:
        """Record new refusals, count the others, and return whether any was new. Raises StorageError."""
        kinds = {_Kind(one.actor, one.action, one.outcome, one.objects): one for one in entries}
        new = [kind for kind in kinds if self._repeats.is_new(kind)]
        if not new:
            return False
        try:
            self._audit.append(*(kinds[kind] for kind in new))
        except BaseException:
            for kind in new:
                self._repeats.forget(kind)
            raise
        return True

    def record_sums(self, *, at_once: bool = False) -> None:
        """Record the sums of the finished periods. Raises StorageError; then they are recorded later."""
        due = self._repeats.due(at_once=at_once)
        if not due:
            return
        now = self._clock.now()
        self._audit.append(*(_sum(one, now) for one in due))
        self._repeats.settle(due)


def _sum(one: Repeated[_Kind], now: datetime) -> AuditEntry:
    kind = one.key
    details: dict[str, int | str] = {"refusals": one.times, "since": stamp(one.since), "until": stamp(one.until)}
    return AuditEntry(now, kind.actor, kind.action, kind.objects, kind.outcome, details)
