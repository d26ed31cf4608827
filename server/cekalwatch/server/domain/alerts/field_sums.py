"""Counts of alerts and passages in a span of time, from which field statistics are made. It names no person.

Not every cleared alert was false: an order may have ended, or the traveller may have left. Only findings about the
face, the particulars or the list count. Sums of several spans add up, so that those of days
long past need not be counted again. A report counts each alert where and when its first capture was taken.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final, Self

from cekalwatch.contract.values.adjudication import Outcome, Reason, clearing_of, confirmation_of
from cekalwatch.contract.values.orders import Direction, OrderKind
from cekalwatch.contract.values.unusable_faces import UnusableReason
from cekalwatch.server.domain.orders.law import alerts_on

_LIST_OF: dict[Direction, OrderKind] = {alerts_on(kind): kind for kind in OrderKind}


class AlertVerdict(StrEnum):
    """What people found about an alert."""

    FALSE_ALERT = "FALSE_ALERT"
    """The traveller was another person."""
    CONFIRMED = "CONFIRMED"
    """The traveller was the subject."""
    OPEN = "OPEN"
    """It was not settled, or cleared for a reason that says nothing of who the traveller was."""


AlertOrder = tuple[str, str]
"""An order that an alert points to: the key of the alert, and that of the order."""


@dataclass(frozen=True)
class FieldAlert:
    """An alert with its verdict, and the figures of recognition that led to it."""

    camera_id: str
    site: str
    direction: Direction
    captured_at: datetime
    score: float
    """The highest score of its sightings."""
    threshold: float
    """The threshold in force when it was raised."""
    model_version: str
    passages: int
    """Different passages among its sightings."""
    verdict: AlertVerdict
    counter: str
    """Where it was raised."""
    raised_at: datetime
    orders: tuple[AlertOrder, ...] = ()
    """The orders that it points to, of all its candidates."""
    claimed_after_s: float | None = None
    """Seconds from raising to the first claim; None if never claimed."""
    decided_after_s: float | None = None
    """Seconds from raising to the officer's first judgement; None if there is none."""
    escalated: bool = False
    looks_s: tuple[float, ...] = ()
    """Seconds from raising to each first look."""
    looks_kept: tuple[bool, ...] = ()
    """Of each officer's judgement after a first look, whether it confirmed the look."""


@dataclass(frozen=True)
class JudgedSighting:
    """A passage of an alert that people have settled."""

    camera_id: str
    site: str
    captured_at: datetime
    score: float
    """Its highest."""
    verdict: AlertVerdict


@dataclass(frozen=True)
class PassageCount:
    """Number of passages at a camera in one hour."""

    camera_id: str
    site: str
    direction: Direction
    hour: datetime
    """Its beginning, UTC."""
    passages: int


@dataclass(frozen=True)
class UnusableCount(PassageCount):
    """Number of travellers without a usable face at a camera in one hour, for one reason."""

    reason: UnusableReason
    unsent: int
    """Travellers of whom no crop was sent: they are not counted as passages."""
    last_seen_at: datetime


def list_at(direction: Direction) -> OrderKind:
    """Return the list that alerts at cameras of that direction (domain rule 2)."""
    return _LIST_OF[direction]


def verdict_of(findings: Iterable[tuple[str, Outcome, Reason]]) -> AlertVerdict:
    """Return the verdict of the findings in order, each a candidate's key, an outcome and its reason."""
    found = tuple(findings)
    if (confirmed := confirmation_of(found)) and confirmed is not Reason.CENTRAL_SYSTEM_DOWN:
        return AlertVerdict.CONFIRMED
    why = clearing_of(found)
    return AlertVerdict.FALSE_ALERT if why is not None and why.disproves else AlertVerdict.OPEN


TEN_MINUTES: Final = timedelta(minutes=10)
"""The span for which EEMUA 191 says how many alerts one person can handle."""
UNKNOWN_AGENCY = ""
"""Stands for the agency of an order that cannot be read."""


@dataclass(slots=True)
class LineSums:
    """The counts of a camera, a list, an agency or an hour of the day."""

    passages: int = 0
    """All passages, of listed people or not; 0 for an agency, since every traveller is searched for all agencies."""
    false_alerts: int = 0
    confirmed: int = 0
    open: int = 0
    false_passages: int = 0
    """Passages that belong to the false alerts."""
    confirmed_passages: int = 0
    unusable: int = 0
    """Travellers without a usable face; 0 for an agency."""
    unsent: int = 0
    """Those of them who are not among the passages."""

    def add(self, other: LineSums) -> None:
        """Add other counts."""
        self.passages += other.passages
        self.false_alerts += other.false_alerts
        self.confirmed += other.confirmed
        self.open += other.open
        self.false_passages += other.false_passages
        self.confirmed_passages += other.confirmed_passages
        self.unusable += other.unusable
        self.unsent += other.unsent

    def count(self, alert: FieldAlert) -> None:
        """Count an alert."""
        match alert.verdict:
            case AlertVerdict.FALSE_ALERT:
                self.false_alerts += 1
                self.false_passages += alert.passages
            case AlertVerdict.CONFIRMED:
                self.confirmed += 1
                self.confirmed_passages += alert.passages
            case AlertVerdict.OPEN:
                self.open += 1


def _numbers() -> array[float]:
    """Many numbers in compact form, which are summed and sorted without a loop over them."""
    return array("d")


@dataclass(slots=True)
class VersionSums:
    """The alerts of one model version: scores of different versions cannot be compared."""

    thresholds: dict[float, int] = field(default_factory=lambda: defaultdict(int))
    """Alerts by the threshold that was in force."""
    false_scores: array[float] = field(default_factory=_numbers)
    confirmed_scores: array[float] = field(default_factory=_numbers)

    def add(self, other: VersionSums) -> None:
        """Add other counts."""
        for threshold, alerts in other.thresholds.items():
            self.thresholds[threshold] += alerts
        self.false_scores += other.false_scores
        self.confirmed_scores += other.confirmed_scores

    def count(self, alert: FieldAlert) -> None:
        """Count an alert."""
        self.thresholds[alert.threshold] += 1
        if alert.verdict is AlertVerdict.FALSE_ALERT:
            self.false_scores.append(alert.score)
        elif alert.verdict is AlertVerdict.CONFIRMED:
            self.confirmed_scores.append(alert.score)


def _most_together(moments: Iterable[datetime]) -> int:
    """Return the highest number of moments within TEN_MINUTES."""
    most, first, times = 0, 0, sorted(moments)
    for number, at in enumerate(times):
        while at - times[first] >= TEN_MINUTES:
            first += 1
        most = max(most, number - first + 1)
    return most


def _lines() -> defaultdict[str, LineSums]:
    return defaultdict(LineSums)


@dataclass(slots=True)
class FieldSums:
    """The counts of a span."""

    whole: LineSums = field(default_factory=LineSums)
    cameras: dict[str, LineSums] = field(default_factory=_lines)
    lists: dict[str, LineSums] = field(default_factory=_lines)
    """By the kind of their orders."""
    agencies: dict[tuple[OrderKind, str], LineSums] = field(default_factory=lambda: defaultdict(LineSums))
    """By list and requesting agency, UNKNOWN_AGENCY included; an alert counts for each agency that it points to."""
    hours: dict[str, LineSums] = field(default_factory=_lines)
    """By the hour of the day, as HH:00."""
    versions: dict[str, VersionSums] = field(default_factory=lambda: defaultdict(VersionSums))
    claims_s: array[float] = field(default_factory=_numbers)
    """Seconds from raising to the first claim, of each alert that was claimed."""
    decisions_s: array[float] = field(default_factory=_numbers)
    """Seconds from raising to the officer's first judgement, of each alert that has one."""
    looks_s: array[float] = field(default_factory=_numbers)
    """Seconds from raising to each first look."""
    looked: int = 0
    """Officers' judgements after a first look."""
    looks_kept: int = 0
    """Those that confirmed it."""
    escalated: int = 0
    busiest: int = 0
    """Most alerts that were raised at one counter within TEN_MINUTES; of several spans, the highest of theirs."""

    @classmethod
    def of(
        cls,
        alerts: Iterable[FieldAlert],
        counts: Iterable[PassageCount],
        agencies: Mapping[AlertOrder, str],
        zone: tzinfo,
        unusable: Iterable[UnusableCount] = (),
    ) -> Self:
        """Count; `agencies` has the agency that had asked for each order then, and hours of the day are in `zone`."""
        sums = cls()
        for count in counts:
            hour = f"{count.hour.astimezone(zone):%H}:00"
            for line in sums._lines_of(count.camera_id, list_at(count.direction), hour):
                line.passages += count.passages
        for without in unusable:
            hour = f"{without.hour.astimezone(zone):%H}:00"
            for line in sums._lines_of(without.camera_id, list_at(without.direction), hour):
                line.unusable += without.passages
                line.unsent += without.unsent
        raised: defaultdict[str, list[datetime]] = defaultdict(list)
        for alert in alerts:
            sums._count(alert, agencies, zone)
            raised[alert.counter].append(alert.raised_at)
        sums.busiest = max(map(_most_together, raised.values()), default=0)
        return sums

    def add(self, other: FieldSums) -> None:
        """Add the counts of another span."""
        self.whole.add(other.whole)
        for own, others in (
            (self.cameras, other.cameras),
            (self.lists, other.lists),
            (self.hours, other.hours),
        ):
            for key, line in others.items():
                own[key].add(line)
        for agency, line in other.agencies.items():
            self.agencies[agency].add(line)
        for version, sums in other.versions.items():
            self.versions[version].add(sums)
        self.claims_s += other.claims_s
        self.decisions_s += other.decisions_s
        self.looks_s += other.looks_s
        self.looked += other.looked
        self.looks_kept += other.looks_kept
        self.escalated += other.escalated
        self.busiest = max(self.busiest, other.busiest)

    def _lines_of(self, camera_id: str, kind: OrderKind, hour: str) -> tuple[LineSums, ...]:
        return self.whole, self.cameras[camera_id], self.lists[kind], self.hours[hour]

    def _count(self, alert: FieldAlert, agencies: Mapping[AlertOrder, str], zone: tzinfo) -> None:
        kind, hour = list_at(alert.direction), f"{alert.captured_at.astimezone(zone):%H}:00"
        for line in self._lines_of(alert.camera_id, kind, hour):
            line.count(alert)
        for agency in {agencies.get(one, UNKNOWN_AGENCY) for one in alert.orders}:
            self.agencies[kind, agency].count(alert)
        self.versions[alert.model_version].count(alert)
        if alert.claimed_after_s is not None:
            self.claims_s.append(alert.claimed_after_s)
        if alert.decided_after_s is not None:
            self.decisions_s.append(alert.decided_after_s)
        self.looks_s.extend(alert.looks_s)
        self.looked += len(alert.looks_kept)
        self.looks_kept += sum(alert.looks_kept)
        self.escalated += alert.escalated
