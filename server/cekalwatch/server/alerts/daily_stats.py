"""Statistics of one site for any span of days. The sums of past days stay in memory, so they are counted once.

A day is dropped when something happens to one of its alerts, and after KEPT_FOR in any case, since records are removed
in time. Counts of passages have no events: while a camera can have captures of a day, only its alerts are kept, and
its passages are read each time. The days of the last year are counted in advance.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from cekalwatch.contract.values.reports import PeriodLength
from cekalwatch.server.domain.alerts.field_sums import AlertOrder, FieldAlert, FieldSums, PassageCount, UnusableCount
from cekalwatch.server.foundation.clock import Clock
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
DAYS_A_ROUND: Final = 4
"""Days that are counted in advance in one go. A request in that time waits for them: 0.06 s at 140 alerts a day."""

_A_DAY: Final = timedelta(days=1)

_Day = tuple[str, date]


@dataclass(frozen=True)
class _KeptDay:
    sums: FieldSums
    read_at: datetime
    settled: bool
    """Whether no camera could have captures of it any more; else the sums are of its alerts alone."""


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
        agencies: Callable[[Collection[FieldAlert]], Mapping[AlertOrder, str]],
        zones: Mapping[str, tzinfo],
        clock: Clock,
    ) -> None:
        """`agencies` gives the requesting agency of each order of alerts; `zones` has the clock of each site."""
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
        (found,) = self._sums(site, [(begin, end)])
        return found

    def periods(
        self, site: str, begin: datetime, end: datetime, length: PeriodLength
    ) -> list[tuple[datetime, datetime, FieldSums]]:
        """Return the whole days or weeks of the site's clock from `begin` to `end`, oldest first, with their counts."""
        days = list(_days(begin, end, self._zones[site]))
        starts = days if length is PeriodLength.DAY else [day for day in days if day.weekday() == 0]
        step = _A_DAY if length is PeriodLength.DAY else 7 * _A_DAY
        moments = ((self._midnight(site, day), self._midnight(site, day + step)) for day in starts)
        spans = [(first, last) for first, last in moments if begin <= first and last <= end]
        return [(*span, sums) for span, sums in zip(spans, self._sums(site, spans), strict=True)]

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

    def _sums(self, site: str, spans: Sequence[tuple[datetime, datetime]]) -> list[FieldSums]:
        """Return the counts of each span; what happened since the last request is asked for once."""
        now, all_found = self._clock.now(), list[FieldSums]()
        with self._lock:
            self._forget(now)
            for begin, end in spans:
                all_found.append(found := FieldSums())
                for stretch in self._stretches(site, begin, end, now):
                    if stretch.whole:
                        self._keep(site, stretch, now)
                    else:
                        alerts = self._store.alerts(stretch.begin, stretch.end, site)
                        found.add(self._read(site, stretch.begin, stretch.end, alerts))
                for day in _days(begin, end, self._zones[site]):
                    first, last = self._midnight(site, day), self._midnight(site, day + _A_DAY)
                    if begin <= first and last <= end and (kept := self._kept.get((site, day))):
                        self._kept.move_to_end((site, day))
                        found.add(kept.sums)
                        if not kept.settled:
                            found.add(self._read(site, first, last, ()))
            self._make_room()
        return all_found

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
        for key in [key for key, kept in self._kept.items() if self._outdated(*key, kept, now)]:
            del self._kept[key]

    def _outdated(self, site: str, day: date, kept: _KeptDay, now: datetime) -> bool:
        fresh = now - KEPT_FOR < kept.read_at <= now
        return not fresh or (not kept.settled and self._settled(site, day, now))

    def _settled(self, site: str, day: date, now: datetime) -> bool:
        return self._midnight(site, day + _A_DAY) <= now - SETTLED_AFTER

    def _stretches(self, site: str, begin: datetime, end: datetime, now: datetime) -> Iterator[_Stretch]:
        """Yield the spans that have to be read: all days that are not in memory."""
        open_stretch: _Stretch | None = None
        for day in _days(begin, end, self._zones[site]):
            first, last = self._midnight(site, day), self._midnight(site, day + _A_DAY)
            whole = begin <= first and last <= min(end, now)
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
        unusable: defaultdict[date, list[UnusableCount]] = defaultdict(list)
        for without in self._store.unusable(stretch.begin, stretch.end, site):
            unusable[without.hour.astimezone(zone).date()].append(without)
        agencies = self._agencies([alert for day in alerts.values() for alert in day])
        for day in _days(stretch.begin, stretch.end, zone):
            settled = self._settled(site, day, now)
            passed = (counts[day], unusable[day]) if settled else ((), ())
            sums = FieldSums.of(alerts[day], passed[0], agencies, zone, passed[1])
            self._kept[site, day] = _KeptDay(sums, now, settled)

    def _read(self, site: str, begin: datetime, end: datetime, alerts: Sequence[FieldAlert]) -> FieldSums:
        """Count these alerts, and read the passages of a span."""
        counts = self._store.passages(begin, end, site)
        unusable = self._store.unusable(begin, end, site)
        return FieldSums.of(alerts, counts, self._agencies(alerts), self._zones[site], unusable)

    def _midnight(self, site: str, day: date) -> datetime:
        return datetime.combine(day, time(), self._zones[site])


def _days(begin: datetime, end: datetime, zone: tzinfo) -> Iterator[date]:
    """Yield the local days that have a moment from `begin` on and before `end`."""
    day = begin.astimezone(zone).date()
    while datetime.combine(day, time(), zone) < end:
        yield day
        day += _A_DAY
