"""Field statistics of recognition, from adjudications: the FPIR of passages, and the effect of other thresholds.

Pure arithmetic on sums. A passage is a false alert if it led to an alert that people found to be about somebody else.
Intervals are of 95 %; they treat passages as independent, which those of one traveller who passes
each day are not.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist
from typing import Final

from cekalwatch.contract.values.reports import (
    NOT_MEASURED,
    FieldLine,
    FieldPeriod,
    FieldReport,
    LearnedFigures,
    LookFigures,
    MeasuredGroups,
    Rate,
    ThresholdUse,
    ThresholdWhatIf,
    Waits,
)
from cekalwatch.server.domain.alerts.field_sums import FieldSums, LineSums, VersionSums

MAX_AGENCIES = 50
"""Lines of agencies in a report, those with the most alerts."""
_SURE: Final = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class FieldSpan:
    """The scope of a report."""

    since: datetime
    until: datetime
    site: str = ""
    """Empty: every site."""


def field_report(
    span: FieldSpan,
    sums: FieldSums,
    listed: int,
    made_at: datetime,
    learned: Iterable[LearnedFigures] = (),
    groups: MeasuredGroups | None = None,
) -> FieldReport:
    """Return the figures; `learned` has the present learned thresholds of the alerts' model versions."""
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
        what_ifs=tuple(_what_if(version, own) for version, own in versions if own.false_scores),
        thresholds=tuple(
            ThresholdUse(version, min(own.thresholds), max(own.thresholds), sum(own.thresholds.values()))
            for version, own in versions
        ),
        learned=tuple(learned),
        listed=listed,
        made_at=made_at,
        groups=groups,
        busiest=sums.busiest,
        looks=_looks(sums),
    )


def field_period(since: datetime, until: datetime, sums: FieldSums) -> FieldPeriod:
    """Return the figures of one period of a report."""
    return FieldPeriod(
        since,
        until,
        _line("", sums.whole),
        _waits(sums.claims_s),
        _waits(sums.decisions_s),
        sums.escalated,
        sums.busiest,
        _looks(sums),
    )


def _looks(sums: FieldSums) -> LookFigures:
    return LookFigures(sums.looked, sums.looks_kept, _waits(sums.looks_s).p50_s if sums.looks_s else 0.0)


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
        unusable_rate=NOT_MEASURED if kind else wilson_rate(sums.unusable, passed + sums.unsent),
        unusable=sums.unusable,
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
    waits = sorted(seconds)
    return Waits(len(waits), _quantile(waits, 0.5), _quantile(waits, 0.95))


def _quantile(rising: Sequence[float], share: float) -> float:
    """Return the number below which a share of `rising` ones lies, on the line between the two that are nearest."""
    place = share * (len(rising) - 1)
    below = math.floor(place)
    step = rising[min(below + 1, len(rising) - 1)] - rising[below]
    return rising[below] + step * (place - below)


def _what_if(model_version: str, sums: VersionSums) -> ThresholdWhatIf:
    false, confirmed = sorted(sums.false_scores), sorted(sums.confirmed_scores)
    # An alert is a score of at least the threshold, so the highest of the lower half has to fall below it.
    threshold = math.nextafter(false[(len(false) - 1) // 2], math.inf)
    return ThresholdWhatIf(
        model_version=model_version,
        threshold_before=max(sums.thresholds),
        threshold=threshold,
        false_alerts=len(false),
        false_alerts_left=len(false) - bisect_left(false, threshold),
        confirmed=len(confirmed),
        confirmed_missed=bisect_left(confirmed, threshold),
    )


def wilson_rate(events: int, trials: int) -> Rate:
    """Return a share with its score interval (Wilson, 1927), which is valid for rare events and few trials too.

    NaN where there are fewer trials than events, or none. Trials are taken as independent.
    """
    if trials < max(events, 1):
        return Rate(math.nan, math.nan, math.nan, events, trials)
    share, squared = events / trials, _SURE**2 / trials
    centre = share + squared / 2
    spread = math.sqrt(squared * (share * (1 - share) + squared / 4))
    low = max(0.0, (centre - spread) / (1 + squared)) if events else 0.0
    high = min(1.0, (centre + spread) / (1 + squared)) if events < trials else 1.0
    return Rate(share, low, high, events, trials)
