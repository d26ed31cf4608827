"""Alarms of what rots: what ends on a day, the disk, the newest backup, and a server that died and is not back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cekalwatch.contract.values.alarms import OF_UPKEEP, AlarmKind
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.audit.search_terms import action_term
from cekalwatch.server.domain.alarms import MAX_ABOUT, AlarmCondition
from cekalwatch.server.domain.presence import ReportedRun
from cekalwatch.server.foundation.clock import Clock, lately
from cekalwatch.server.health.alarms.board import Findings, condition
from cekalwatch.server.storage.audit.search import AuditQuery, AuditSearch
from cekalwatch.server.storage.audit.store import AuditStore

BANDS: Final = (1, 7, 30)
"""Days before an end from which it is told anew."""
FULL_WITHIN: Final = timedelta(days=7)
MIN_FREE_SHARE: Final = 0.02
TREND_FROM: Final = timedelta(hours=6)
TREND_OVER: Final = timedelta(hours=24)
"""The trend of the free space is that of this time."""


@dataclass(frozen=True)
class Ending:
    """Something that can be used until a moment."""

    what: str
    until: datetime
    command: str
    """What replaces it."""


@dataclass(frozen=True)
class UpkeepAlarms:
    """The rule for what ends and for the disk of the server named `server`; `look` blocks."""

    server: str
    ends: Callable[[], Iterable[Ending]]
    disk: Callable[[], tuple[int, int]]
    """Size and free space in bytes; 0 for both: unknown."""
    clock: Clock
    _free: deque[tuple[float, int]] = field(default_factory=deque)
    """Free space by elapsed seconds, of `TREND_OVER`."""

    def look(self) -> Findings:
        """Return what ends within 30 days, each band anew, and a disk that will be full."""
        mine = f"{self.server}: "[:MAX_ABOUT]
        found = [*self._endings(mine), *self._filling(mine)]
        return Findings(found, lambda kind, about: kind in OF_UPKEEP and about.startswith(mine))

    def _endings(self, mine: str) -> Iterator[AlarmCondition]:
        now = self.clock.now()
        for one in self.ends():
            band = next((days for days in BANDS if one.until - now <= timedelta(days=days)), None)
            if band:
                about = f"{mine}{one.what} / {band}"
                yield condition(AlarmKind.RUNS_OUT, about, until=one.until, command=one.command)

    def _filling(self, mine: str) -> Iterator[AlarmCondition]:
        size, free = self.disk()
        if not size:
            return
        now_s = self.clock.elapsed_s()
        self._free.append((now_s, free))
        while now_s - self._free[0][0] > TREND_OVER.total_seconds():
            self._free.popleft()
        first_s, before = self._free[0]
        seconds, used = now_s - first_s, before - free
        left_s = free * seconds / used if used > 0 and seconds >= TREND_FROM.total_seconds() else None
        if left_s is not None and left_s <= FULL_WITHIN.total_seconds():
            days = round(left_s / timedelta(days=1).total_seconds(), 1)
            yield condition(AlarmKind.DISK_FILLING, f"{mine}disk", days=days, free_gb=_gb(free))
        elif free < MIN_FREE_SHARE * size:
            yield condition(AlarmKind.DISK_FILLING, f"{mine}disk", days=0, free_gb=_gb(free))


def _gb(size: int) -> float:
    return round(size / 1e9, 1)


@dataclass(frozen=True)
class BackupAlarms:
    """The rule for the backups of the database, by its audit trail; `look` blocks."""

    search: AuditSearch
    trail: AuditStore
    clock: Clock
    limit: timedelta

    def look(self) -> Findings:
        """Return that the newest backup is too old, or that there is none long after the site began."""
        page = self.search.page(AuditQuery((action_term(Action.BACKUP_MADE),)), 1)
        made_at = next((datetime.fromisoformat(one.at) for _, one in page.found), None)
        began_at = made_at or next((datetime.fromisoformat(one.at) for one in self.trail.links_after(0, 1)), None)
        found = []
        if began_at and not lately(began_at, self.clock.now(), self.limit):
            hours = f"{self.limit / timedelta(hours=1):g}"
            found = [condition(AlarmKind.BACKUP_OLD, "backup", since=made_at, hours=hours)]
        return Findings(found, lambda kind, _: kind is AlarmKind.BACKUP_OLD)


@dataclass(frozen=True)
class DeadServerAlarms:
    """The rule for servers of the database that died, until they are back or a person takes them out."""

    dead: Callable[[], Collection[ReportedRun]]
    """Reads them; blocks."""

    def look(self) -> Findings:
        """Return each of them."""
        found = [
            condition(AlarmKind.SERVER_DEAD, one.run.name, since=one.seen_at, address=one.run.address)
            for one in self.dead()
        ]
        return Findings(found, lambda kind, _: kind is AlarmKind.SERVER_DEAD)
