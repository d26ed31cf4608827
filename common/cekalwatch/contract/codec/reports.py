"""Reads and writes the report of a site."""

from __future__ import annotations

from cekalwatch.contract.engine.codec import Codec, Converter
from cekalwatch.contract.engine.enums import bound_enum
from cekalwatch.contract.values.reports import (
    ExerciseFigures,
    FieldLine,
    FieldPeriod,
    FieldReport,
    GroupFigures,
    GroupPair,
    LookFigures,
    MeasuredGroups,
    PeriodLength,
    Rate,
    Waits,
)
from cekalwatch.v1 import report_service_pb2 as pb

PERIOD_LENGTHS = bound_enum(PeriodLength, pb.FieldPeriodLength.DESCRIPTOR)
_RATE = Codec(Rate, pb.FieldRate, local=("events", "trials"))
_WAITS = Codec(Waits, pb.FieldWaits)
_IF_MEASURED = Converter(_RATE.read, lambda rate: _RATE.write(rate) if rate.measured else None)
_IF_ANY = Converter(_WAITS.read, lambda waits: _WAITS.write(waits) if waits.count else pb.FieldWaits())
_LINE = Codec(
    FieldLine, pb.FieldLine, names={"fpir": "false_rate"}, special={"fpir": _IF_MEASURED, "unusable_rate": _IF_MEASURED}
)
_GROUP = Codec(GroupFigures, pb.GroupFigures, special={"misses": _IF_MEASURED, "false_alerts": _IF_MEASURED})
_PAIR = Codec(GroupPair, pb.GroupPair, special={"mistaken": _IF_MEASURED})
_SPAN = {"since": "start_time", "until": "end_time"}
_LOOKS, _EXERCISES = Codec(LookFigures, pb.FieldLooks), Codec(ExerciseFigures, pb.FieldExercises)
_IF_LOOKED = Converter(_LOOKS.read, lambda looks: _LOOKS.write(looks) if looks != LookFigures() else None)
_IF_HELD = Converter(_EXERCISES.read, lambda held: _EXERCISES.write(held) if held.count else None)
_COUNTS = {"claims": _IF_ANY, "decisions": _IF_ANY, "looks": _IF_LOOKED, "exercises": _IF_HELD}
_PERIOD = Codec(FieldPeriod, pb.FieldPeriod, names=_SPAN, parts=(_LINE,), special=_COUNTS)
FIELD_REPORT = Codec(
    FieldReport,
    pb.GetFieldReportResponse,
    names={**_SPAN, "made_at": "made_time", "what_ifs": "halvings"},
    parts=(_LINE, _PERIOD, Codec(MeasuredGroups, pb.MeasuredGroups, parts=(_GROUP, _PAIR))),
    special=_COUNTS,
)
