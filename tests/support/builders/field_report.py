"""A report of a site with every kind of figure, measured and not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cekalwatch.contract.values.reports import (
    NOT_MEASURED,
    FieldLine,
    FieldReport,
    GroupFigures,
    GroupPair,
    LearnedFigures,
    MeasuredGroups,
    Rate,
    ThresholdInterval,
    ThresholdUse,
    ThresholdWhatIf,
    Waits,
)

NOON = datetime(2026, 3, 1, 5, tzinfo=UTC)
RATE = Rate(0.0002, 0.0001, 0.0005)


def line(key: str, kind: str = "", rate: Rate = RATE) -> FieldLine:
    return FieldLine(key, 15_000, 3, 1, 2, rate, kind)


REPORT = FieldReport(
    since=NOON,
    until=NOON + timedelta(days=30),
    site="batam-center",
    whole=line(""),
    cameras=(line("dep-1"), line("dep-2", rate=NOT_MEASURED)),
    lists=(line("CEGAH"),),
    agencies=(line("Kejaksaan Agung", "CEGAH"), line("", "CEGAH")),
    hours=(line("12:00"),),
    claims=Waits(6, 12.0, 65.0),
    decisions=Waits(0, 0.0, 0.0),
    escalated=1,
    what_ifs=(ThresholdWhatIf("standard-1", 0.48, 0.6, 3, 1, 1, 0),),
    thresholds=(ThresholdUse("standard-1", 0.45, 0.48, 6),),
    learned=(
        LearnedFigures("standard-1", 0.56, 0.5, ThresholdInterval(0.53, 0.58), 4000, 3600, ("dep-9",)),
        LearnedFigures("standard-2", 0.5, 0.5, None, 140, 140, ()),
    ),
    listed=1234,
    made_at=NOON + timedelta(days=31),
    groups=MeasuredGroups(
        "volunteers",
        "standard-1",
        1050,
        (GroupFigures("women", RATE, NOT_MEASURED),),
        (GroupPair("", "", RATE), GroupPair("men", "women", NOT_MEASURED)),
    ),
)
