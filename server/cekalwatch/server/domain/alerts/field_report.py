"""Figures of recognition in the field, from adjudications: the FPIR of passages, and the effect of other thresholds.

Pure arithmetic on sums. A passage is a false alert if it led to an alert that people found to be about somebody else.
Intervals are of 95 % (`domain/rates.py`); they treat passages as independent, which those of one traveller who passes
each day are not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from cekalwatch.server.domain.alerts.field_sums import FieldSums, LineSums, VersionSums
from cekalwatch.server.domain.learning.learned_threshold import LearnedThreshold
from cekalwatch.server.domain.rates import Rate, wilson_rate

MAX_AGENCIES = 50
"""Lines of agencies in a report, those with the most alerts."""


@dataclass(frozen=True)
class FieldLine:
    """The figures of a camera, a list, an agency or an hour of the day."""

    key: str
    passages: int
    """Of an agency those of its list: whoever passes is searched for all agencies."""
    false_alerts: int
    confirmed: int
    open: int
    fpir: Rate
    """Share of false alerts among the passages of people who were not confirmed."""
    kind: str = ""
    """Of an agency: the kind of its orders."""

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
class Waits:
    """How long alerts waited for something, in seconds since they were raised."""

    count: int
    """Alerts for which it came; the other figures are NaN without any."""
    p50_s: float
    p95_s: float


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
    agencies: tuple[FieldLine, ...]
    """At most MAX_AGENCIES, the one with the most alerts first; a key may be `field_sums.UNKNOWN_AGENCY`."""
    hours: tuple[FieldLine, ...]
    """By the hour of the day, local time."""
    claims: Waits
    """For the first claim."""
    decisions: Waits
    """For the officer's first judgement."""
    escalated: int
    """Alerts that were escalated at least once."""
    halvings: tuple[Halving, ...]
    thresholds: tuple[ThresholdUse, ...]
    """As the alerts had them; a model version that raised none is not among them."""
    learned: tuple[LearnedFigures, ...]
    """As it is now, whatever the period."""


@dataclass(frozen=True)
class FieldSpan:
    """What a report is about."""

    since: datetime
    until: datetime
    site: str = ""
    """Empty: every site."""


def field_report(span: FieldSpan, sums: FieldSums, learned: Iterable[LearnedThreshold] = ()) -> FieldReport:
    """Return the figures; `learned` is what is known now of the thresholds of the alerts' model versions."""
    versions = sorted(sums.versions.items())
    return FieldReport(
        since=span.since,
        until=span.until,
        site=span.site,
        whole=_line("all", sums.whole),
        cameras=_lines(sums.cameras),
        lists=_lines(sums.lists),
        agencies=_agencies(sums),
        hours=_lines(sums.hours),
        claims=_waits(sums.claims_s),
        decisions=_waits(sums.decisions_s),
        escalated=sums.escalated,
        halvings=tuple(_halving(version, own) for version, own in versions if own.false_scores),
        thresholds=tuple(
            ThresholdUse(version, min(own.thresholds), max(own.thresholds), sum(own.thresholds.values()))
            for version, own in versions
        ),
        learned=tuple(map(_learned, learned)),
    )


def _lines(sums: dict[str, LineSums]) -> tuple[FieldLine, ...]:
    return tuple(_line(key, sums[key]) for key in sorted(sums))


def _line(key: str, sums: LineSums, passages: int | None = None, kind: str = "") -> FieldLine:
    passed = sums.passages if passages is None else passages
    return FieldLine(
        key=key,
        passages=passed,
        false_alerts=sums.false_alerts,
        confirmed=sums.confirmed,
        open=sums.open,
        fpir=wilson_rate(sums.false_passages, passed - sums.confirmed_passages),
        kind=kind,
    )


def _agencies(sums: FieldSums) -> tuple[FieldLine, ...]:
    lines = (
        _line(agency, own, sums.lists[kind].passages if kind in sums.lists else 0, kind)
        for (kind, agency), own in sums.agencies.items()
    )
    return tuple(sorted(lines, key=lambda line: (-line.alerts, line.kind, line.key))[:MAX_AGENCIES])


def _waits(seconds: Sequence[float]) -> Waits:
    if not seconds:
        return Waits(0, math.nan, math.nan)
    middle, most = np.percentile(np.asarray(seconds), (50, 95))
    return Waits(len(seconds), float(middle), float(most))


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


def _halving(model_version: str, sums: VersionSums) -> Halving:
    false, confirmed = np.sort(np.asarray(sums.false_scores)), np.asarray(sums.confirmed_scores)
    # An alert is a score of at least the threshold, so the highest of the lower half has to fall below it.
    threshold = math.nextafter(float(false[(len(false) - 1) // 2]), math.inf)
    return Halving(
        model_version=model_version,
        threshold_before=max(sums.thresholds),
        threshold=threshold,
        false_alerts=len(false),
        false_alerts_left=int(np.count_nonzero(false >= threshold)),
        confirmed=len(confirmed),
        confirmed_missed=int(np.count_nonzero(confirmed < threshold)),
    )
