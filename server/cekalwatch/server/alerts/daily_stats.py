"""Statistics of one site for any span of days. The sums of past days stay in memory, so they are counted once.

A day is dropped when something happens to one of its alerts, and after KEPT_FOR in any case, since records are removed
in time and a list may correct the agency of an order. Counts of passages have no events, so a day is kept only when no
camera can have captures of it any more. The days of the last year are counted in advance.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from cekalwatch.server.domain.alerts.field_sums import FieldAlert, FieldSums, PassageCount
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.storage.alerts.field_store import FieldStore

SETTLED_AFTER: Final = timedelta(hours=36)
"""Captures wait at a camera for a day at most, and their passages are counted within minutes."""
KEPT_FOR: Final = timedelta(days=1)
MAX_KEPT: Final = 800
"""Maximum days in memory for each site, 10 to 20 kB each; the least recently requested ones are dropped."""
DAYS_A_READ: Final = 31
"""Days that one query reads, which bounds memory."""
DAYS_AHEAD: Final = 366
"""Days that are counted before anybody asks, back from the newest that is kept: the longest report."""
DAYS_A_ROUND: Final = 10
"""Days that are counted in advance in one go. A request in that time waits for them: 0.2 s at 140 alerts a day."""

_A_DAY: Final = timedelta(days=1)

_Day = tuple[str, date]


@dataclass(frozen=True)
class _KeptDay:
    sums: FieldSums
    read_at: datetime


@dataclass(frozen=True)
class _Stretch:
    """Time that is read at once; `whole`: days that are kept."""

    begin: datetime
    end: datetime
    whole: bool
    days: int = 1


class DailyStats:
    """Threads may share it; its methods block."""

    def __init__(
        self,
        store: FieldStore,
        agencies: Callable[[Collection[str]], Mapping[str, str]],
        zones: Mapping[str, tzinfo],
        clock: Clock,
    ) -> None:
        """`agencies` gives the requesting agency of each order that is known; `zones` has the clock of each site."""
        self._store = store
        self._agencies = agencies
        self._zones = zones
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Day, _KeptDay] = OrderedDict()
        self._sequence = 0
        """What happened up to this event is known."""

    def sums(self, site: str, begin: datetime, end: datetime) -> FieldSums:
        """Return the counts of captures from `begin` up to `end` (excluded), both whole hours of UTC."""
        found, now = FieldSums(), self._clock.now()
        with self._lock:
            self._forget(now)
            for stretch in self._stretches(site, begin, end, now):
                if stretch.whole:
                    self._keep(site, stretch, now)
                else:
                    found.add(self._read(site, stretch.begin, stretch.end))
            for day in _days(begin, end, self._zones[site]):
                if kept := self._kept.get((site, day)):
                    self._kept.move_to_end((site, day))
                    if begin <= self._midnight(site, day) and self._midnight(site, day + timedelta(days=1)) <= end:
                        found.add(kept.sums)
            self._make_room()
        return found

    def count_ahead(self) -> None:
        """Count a few days of the last DAYS_AHEAD that are not kept, newest first."""
        now = self._clock.now()
        with self._lock:
            self._forget(now)
            for site, zone in self._zones.items():
                newest = (now - SETTLED_AFTER).astimezone(zone).date() - _A_DAY
                days = (newest - number * _A_DAY for number in range(DAYS_AHEAD))
                missing = [day for day in days if (site, day) not in self._kept]
                if missing:
                    last = missing[0]
                    few = [day for number, day in enumerate(missing[:DAYS_A_ROUND]) if day == last - number * _A_DAY]
                    begin, end = self._midnight(site, few[-1]), self._midnight(site, last + _A_DAY)
                    self._keep(site, _Stretch(begin, end, whole=True), now)
                    self._make_room()
                    return

    def _make_room(self) -> None:
        while len(self._kept) > MAX_KEPT * len(self._zones):
            self._kept.popitem(last=False)

    def _forget(self, now: datetime) -> None:
        changes = self._store.changes(self._sequence if self._kept else None)
        if changes.alerts is None:
            self._kept.clear()
        else:
            for site, captured_at in changes.alerts:
                if zone := self._zones.get(site):
                    self._kept.pop((site, captured_at.astimezone(zone).date()), None)
        self._sequence = changes.newest
        for day in [day for day, kept in self._kept.items() if not now - KEPT_FOR < kept.read_at <= now]:
            del self._kept[day]

    def _stretches(self, site: str, begin: datetime, end: datetime, now: datetime) -> Iterator[_Stretch]:
        """Yield the spans that have to be read: all days that are not in memory."""
        open_stretch: _Stretch | None = None
        for day in _days(begin, end, self._zones[site]):
            first, last = self._midnight(site, day), self._midnight(site, day + timedelta(days=1))
            whole = begin <= first and last <= min(end, now - SETTLED_AFTER)
            if whole and (site, day) in self._kept:
                continue
            stretch = _Stretch(max(first, begin), min(last, end), whole)
            if (
                open_stretch
                and open_stretch.end == stretch.begin
                and open_stretch.whole is whole
                and open_stretch.days < DAYS_A_READ
            ):
                open_stretch = _Stretch(open_stretch.begin, stretch.end, whole, open_stretch.days + 1)
                continue
            if open_stretch:
                yield open_stretch
            open_stretch = stretch
        if open_stretch:
            yield open_stretch

    def _keep(self, site: str, stretch: _Stretch, now: datetime) -> None:
        """Read whole days, and keep the sums of each."""
        zone = self._zones[site]
        alerts: defaultdict[date, list[FieldAlert]] = defaultdict(list)
        counts: defaultdict[date, list[PassageCount]] = defaultdict(list)
        for alert in self._store.alerts(stretch.begin, stretch.end, site):
            alerts[alert.captured_at.astimezone(zone).date()].append(alert)
        for count in self._store.passages(stretch.begin, stretch.end, site):
            counts[count.hour.astimezone(zone).date()].append(count)
        agencies = self._agencies_of([alert for day in alerts.values() for alert in day])
        for day in _days(stretch.begin, stretch.end, zone):
            sums = FieldSums.of(alerts[day], counts[day], agencies, zone)
            self._kept[site, day] = _KeptDay(sums, now)

    def _read(self, site: str, begin: datetime, end: datetime) -> FieldSums:
        alerts = self._store.alerts(begin, end, site)
        counts = self._store.passages(begin, end, site)
        return FieldSums.of(alerts, counts, self._agencies_of(alerts), self._zones[site])

    def _agencies_of(self, alerts: Collection[FieldAlert]) -> Mapping[str, str]:
        return self._agencies({order_id for alert in alerts for order_id in alert.order_ids})

    def _midnight(self, site: str, day: date) -> datetime:
        return datetime.combine(day, time(), self._zones[site])


def _days(begin: datetime, end: datetime, zone: tzinfo) -> Iterator[date]:
    """Yield the local days that have a moment from `begin` on and before `end`."""
    day = begin.astimezone(zone).date()
    while datetime.combine(day, time(), zone) < end:
        yield day
        day += timedelta(days=1)
