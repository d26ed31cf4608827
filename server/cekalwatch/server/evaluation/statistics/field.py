"""Figures of recognition in the field, from adjudications: the FPIR of passages, and the effect of other thresholds.

Pure arithmetic. A passage is a false alert if it led to an alert that people found to be about somebody else.
Intervals are exact ones of 95 % (Clopper and Pearson, 1934); they treat passages as independent, which those of one
traveller who passes each day are not.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from scipy.stats import binomtest

from cekalwatch.server.domain.alerts.false_alerts import AlertVerdict, FieldAlert, PassageCount, list_at
from cekalwatch.server.domain.learning.learned_threshold import LearnedThreshold
from cekalwatch.server.evaluation.statistics.metrics import Rate
from cekalwatch.wire.vocabulary.orders import Direction


@dataclass(frozen=True)
class FieldLine:
    """The figures of a camera, a list or an hour of the day."""

    key: str
    passages: int
    false_alerts: int
    confirmed: int
    open: int
    fpir: Rate
    """Share of false alerts among the passages of people who were not confirmed."""

    @property
    def alerts(self) -> int:
        """All alerts, whatever was found about them."""
        return self.false_alerts + self.confirmed + self.open


@dataclass(frozen=True)
class Halving:
    """The lowest threshold that halves the false alerts of one model version, and what it would miss."""

    model_version: str
    threshold_before: float
    """The highest that was in force."""
    threshold: float
    false_alerts: int
    false_alerts_left: int
    confirmed: int
    confirmed_missed: int


@dataclass(frozen=True)
class ThresholdUse:
    """The thresholds of one model version in the period."""

    model_version: str
    lowest: float
    highest: float
    alerts: int


@dataclass(frozen=True)
class LearnedFigures:
    """What the passages of all sites said of one model version's threshold when they were looked at last."""

    model_version: str
    threshold: float
    """Where it was moved to; it is in force unless people or the settings have set another one."""
    packs: float
    """The model pack's, for the same list."""
    low: float
    """The threshold for the wanted FPIR is this at least, with 95 % of certainty; NaN while too few passages count."""
    high: float
    passages: int
    """Passages that were counted, of the last days."""
    counting: int
    """So many of them count, as no camera and no day counts for much."""
    left_out: tuple[str, ...]
    """Cameras whose scores stand out, and do not count."""


@dataclass(frozen=True)
class FieldReport:
    """Figures of all alerts on captures from `since` on and before `until`."""

    since: datetime
    until: datetime
    site: str
    """Empty: every site."""
    whole: FieldLine
    cameras: tuple[FieldLine, ...]
    lists: tuple[FieldLine, ...]
    hours: tuple[FieldLine, ...]
    """By the hour of the day, local time."""
    halvings: tuple[Halving, ...]
    thresholds: tuple[ThresholdUse, ...]
    """As the alerts had them; a model version that raised none is not among them."""
    learned: tuple[LearnedFigures, ...]
    """As it is now, whatever the period."""


@dataclass(frozen=True)
class FieldData:
    """Alerts and counted passages of a period."""

    since: datetime
    until: datetime
    site: str
    alerts: Sequence[FieldAlert]
    counts: Sequence[PassageCount]
    learned: Sequence[LearnedThreshold] = ()
    """What is known now of the thresholds of the alerts' model versions."""


_Where = Callable[[str, Direction, datetime], str]


def field_report(data: FieldData, zone: tzinfo) -> FieldReport:
    """Return the figures; hours of the day are those of `zone`."""
    return FieldReport(
        since=data.since,
        until=data.until,
        site=data.site,
        whole=_lines(data, lambda *_: "all")[0],
        cameras=_lines(data, lambda camera, *_: camera),
        lists=_lines(data, lambda _, direction, __: list_at(direction)),
        hours=_lines(data, lambda _, __, moment: f"{moment.astimezone(zone):%H}:00"),
        halvings=_halvings(data.alerts),
        thresholds=_thresholds(data.alerts),
        learned=tuple(map(_learned, data.learned)),
    )


def exact_rate(events: int, trials: int) -> Rate:
    """Return a share with its exact interval; NaN if there are fewer trials than events."""
    if trials < max(events, 1):
        return Rate(math.nan, math.nan, math.nan, events, trials)
    interval = binomtest(events, trials).proportion_ci(0.95, "exact")
    return Rate(events / trials, float(interval.low), float(interval.high), events, trials)


def _lines(data: FieldData, where: _Where) -> tuple[FieldLine, ...]:
    passages: defaultdict[str, int] = defaultdict(int)
    alerts: defaultdict[str, list[FieldAlert]] = defaultdict(list)
    for count in data.counts:
        passages[where(count.camera_id, count.direction, count.hour)] += count.passages
    for alert in data.alerts:
        alerts[where(alert.camera_id, alert.direction, alert.captured_at)].append(alert)
    return tuple(_line(key, passages[key], alerts[key]) for key in sorted(passages.keys() | alerts.keys()))


def _line(key: str, passages: int, alerts: Sequence[FieldAlert]) -> FieldLine:
    of = {verdict: [alert for alert in alerts if alert.verdict is verdict] for verdict in AlertVerdict}
    false, confirmed = (
        sum(one.passages for one in of[which]) for which in (AlertVerdict.FALSE_ALERT, AlertVerdict.CONFIRMED)
    )
    return FieldLine(
        key=key,
        passages=passages,
        false_alerts=len(of[AlertVerdict.FALSE_ALERT]),
        confirmed=len(of[AlertVerdict.CONFIRMED]),
        open=len(of[AlertVerdict.OPEN]),
        fpir=exact_rate(false, passages - confirmed),
    )


def _by_version(alerts: Sequence[FieldAlert]) -> list[tuple[str, list[FieldAlert]]]:
    """Return the alerts of each model version: scores of different versions cannot be compared."""
    versions: defaultdict[str, list[FieldAlert]] = defaultdict(list)
    for alert in alerts:
        versions[alert.model_version].append(alert)
    return sorted(versions.items())


def _thresholds(alerts: Sequence[FieldAlert]) -> tuple[ThresholdUse, ...]:
    return tuple(
        ThresholdUse(version, min(one.threshold for one in own), max(one.threshold for one in own), len(own))
        for version, own in _by_version(alerts)
    )


def _learned(known: LearnedThreshold) -> LearnedFigures:
    found = known.findings
    return LearnedFigures(
        model_version=known.model_version,
        threshold=found.packs + known.offset.value,
        packs=found.packs,
        low=found.packs + found.low if found.tail else math.nan,
        high=found.packs + found.high if found.tail else math.nan,
        passages=found.passages,
        counting=round(found.weight),
        left_out=tuple(one.camera_id for one in found.standing_out),
    )


def _halvings(alerts: Sequence[FieldAlert]) -> tuple[Halving, ...]:
    found = []
    for version, own in _by_version(alerts):
        false = sorted(alert.score for alert in own if alert.verdict is AlertVerdict.FALSE_ALERT)
        confirmed = [alert.score for alert in own if alert.verdict is AlertVerdict.CONFIRMED]
        if not false:
            continue
        # An alert is a score of at least the threshold, so the highest of the lower half has to fall below it.
        threshold = math.nextafter(false[(len(false) - 1) // 2], math.inf)
        found.append(
            Halving(
                model_version=version,
                threshold_before=max(alert.threshold for alert in own),
                threshold=threshold,
                false_alerts=len(false),
                false_alerts_left=sum(score >= threshold for score in false),
                confirmed=len(confirmed),
                confirmed_missed=sum(score < threshold for score in confirmed),
            )
        )
    return tuple(found)
