"""The report of a site is read as it was written, and its bytes are those of the converters before this codec."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cekalwatch.contract.codec.reports import FIELD_REPORT
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
GOLDEN = bytes.fromhex(
    "0a0c626174616d2d63656e746572120608d08f8fcd061a0608d0a9adce06220608d0ccb2ce062a261898752003280130023a1b092d431c"
    "ebe2362a3f112d431cebe2361a3f19fca9f1d24d62403f322d0a056465702d311898752003280130023a1b092d431cebe2362a3f112d43"
    "1cebe2361a3f19fca9f1d24d62403f32100a056465702d321898752003280130023a2d0a0531323a30301898752003280130023a1b092d"
    "431cebe2362a3f112d431cebe2361a3f19fca9f1d24d62403f422d0a0543454741481898752003280130023a1b092d431cebe2362a3f11"
    "2d431cebe2361a3f19fca9f1d24d62403f4a3e0a0f4b656a616b7361616e204167756e67120543454741481898752003280130023a1b09"
    "2d431cebe2362a3f112d431cebe2361a3f19fca9f1d24d62403f4a2d120543454741481898752003280130023a1b092d431cebe2362a3f"
    "112d431cebe2361a3f19fca9f1d24d62403f521408061100000000000028401900000000004050405a00600168d20972200a0a7374616e"
    "646172642d3111cdccccccccccdc3f19b81e85eb51b8de3f20067a3f0a0a7374616e646172642d3111ec51b81e85ebe13f190000000000"
    "00e03f221209f6285c8fc2f5e03f118fc2f5285c8fe23f28a01f30901c3a056465702d397a240a0a7374616e646172642d321100000000"
    "0000e03f19000000000000e03f288c01308c018201240a0a7374616e646172642d3111b81e85eb51b8de3f19333333333333e33f200328"
    "0130018a016e0a0a766f6c756e7465657273120a7374616e646172642d31189a0822240a05776f6d656e121b092d431cebe2362a3f112d"
    "431cebe2361a3f19fca9f1d24d62403f2a1d1a1b092d431cebe2362a3f112d431cebe2361a3f19fca9f1d24d62403f2a0c0a036d656e12"
    "05776f6d656e"
)
GOLDEN_WITHOUT_GROUPS = bytes.fromhex(
    "0a0c626174616d2d63656e746572120608d08f8fcd061a0608d0a9adce06220608d0ccb2ce062a261898752003280130023a1b092d431c"
    "ebe2362a3f112d431cebe2361a3f19fca9f1d24d62403f322d0a056465702d311898752003280130023a1b092d431cebe2362a3f112d43"
    "1cebe2361a3f19fca9f1d24d62403f32100a056465702d321898752003280130023a2d0a0531323a30301898752003280130023a1b092d"
    "431cebe2362a3f112d431cebe2361a3f19fca9f1d24d62403f422d0a0543454741481898752003280130023a1b092d431cebe2362a3f11"
    "2d431cebe2361a3f19fca9f1d24d62403f4a3e0a0f4b656a616b7361616e204167756e67120543454741481898752003280130023a1b09"
    "2d431cebe2362a3f112d431cebe2361a3f19fca9f1d24d62403f4a2d120543454741481898752003280130023a1b092d431cebe2362a3f"
    "112d431cebe2361a3f19fca9f1d24d62403f521408061100000000000028401900000000004050405a00600168d20972200a0a7374616e"
    "646172642d3111cdccccccccccdc3f19b81e85eb51b8de3f20067a3f0a0a7374616e646172642d3111ec51b81e85ebe13f190000000000"
    "00e03f221209f6285c8fc2f5e03f118fc2f5285c8fe23f28a01f30901c3a056465702d397a240a0a7374616e646172642d321100000000"
    "0000e03f19000000000000e03f288c01308c018201240a0a7374616e646172642d3111b81e85eb51b8de3f19333333333333e33f200328"
    "013001"
)


def test_the_bytes_are_those_of_the_converters_before() -> None:
    unwaited = replace(REPORT, decisions=Waits(0, math.nan, math.nan))
    ungrouped = replace(REPORT, groups=None)
    assert FIELD_REPORT.write(unwaited).SerializeToString(deterministic=True) == GOLDEN
    assert FIELD_REPORT.write(ungrouped).SerializeToString(deterministic=True) == GOLDEN_WITHOUT_GROUPS


def test_a_report_is_read_as_it_was_written() -> None:
    found = FIELD_REPORT.read(FIELD_REPORT.message.FromString(GOLDEN))
    assert repr(found) == repr(REPORT)  # NaN does not equal itself
