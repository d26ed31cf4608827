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

from cekalwatch.contract.values.reports import (
    FieldLine,
    FieldReport,
    LearnedFigures,
    MeasuredGroups,
    ThresholdInterval,
    ThresholdUse,
    ThresholdWhatIf,
    Waits,
)
from cekalwatch.server.domain.alerts.field_sums import FieldSums, LineSums, VersionSums
from cekalwatch.server.domain.learning.learned_threshold import LearnedThreshold
from cekalwatch.server.domain.rates import wilson_rate

MAX_AGENCIES = 50
"""Lines of agencies in a report, those with the most alerts."""


@dataclass(frozen=True)
class FieldSpan:
    """What a report is about."""

    since: datetime
    until: datetime
    site: str = ""
    """Empty: every site."""


def field_report(
    span: FieldSpan,
    sums: FieldSums,
    listed: int,
    made_at: datetime,
    learned: Iterable[LearnedThreshold] = (),
    groups: MeasuredGroups | None = None,
) -> FieldReport:
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
        what_ifs=tuple(_what_if(version, own) for version, own in versions if own.false_scores),
        thresholds=tuple(
            ThresholdUse(version, min(own.thresholds), max(own.thresholds), sum(own.thresholds.values()))
            for version, own in versions
        ),
        learned=tuple(map(_learned, learned)),
        listed=listed,
        made_at=made_at,
        groups=groups,
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
        interval=ThresholdInterval(found.packs + found.low, found.packs + found.high) if found.tail else None,
        passages=found.passages,
        counting=round(found.weight),
        left_out=tuple(one.camera_id for one in found.standing_out),
    )


def _what_if(model_version: str, sums: VersionSums) -> ThresholdWhatIf:
    false, confirmed = np.sort(np.asarray(sums.false_scores)), np.asarray(sums.confirmed_scores)
    # An alert is a score of at least the threshold, so the highest of the lower half has to fall below it.
    threshold = math.nextafter(float(false[(len(false) - 1) // 2]), math.inf)
    return ThresholdWhatIf(
        model_version=model_version,
        threshold_before=max(sums.thresholds),
        threshold=threshold,
        false_alerts=len(false),
        false_alerts_left=int(np.count_nonzero(false >= threshold)),
        confirmed=len(confirmed),
        confirmed_missed=int(np.count_nonzero(confirmed < threshold)),
    )
