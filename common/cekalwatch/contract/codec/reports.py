"""Reads and writes the report of a site."""

from __future__ import annotations

from cekalwatch.contract.engine.codec import Codec, Converter
from cekalwatch.contract.values.reports import (
    FieldLine,
    FieldReport,
    GroupFigures,
    GroupPair,
    MeasuredGroups,
    Rate,
    Waits,
)
from cekalwatch.v1 import report_service_pb2 as pb

_RATE = Codec(Rate, pb.FieldRate, local=("events", "trials"))
_WAITS = Codec(Waits, pb.FieldWaits)
_IF_MEASURED = Converter(_RATE.read, lambda rate: _RATE.write(rate) if rate.measured else None)
_IF_ANY = Converter(_WAITS.read, lambda waits: _WAITS.write(waits) if waits.count else pb.FieldWaits())
_LINE = Codec(FieldLine, pb.FieldLine, names={"fpir": "false_rate"}, special={"fpir": _IF_MEASURED})
_GROUP = Codec(GroupFigures, pb.GroupFigures, special={"misses": _IF_MEASURED, "false_alerts": _IF_MEASURED})
_PAIR = Codec(GroupPair, pb.GroupPair, special={"mistaken": _IF_MEASURED})
FIELD_REPORT = Codec(
    FieldReport,
    pb.GetFieldReportResponse,
    names={"since": "start_time", "until": "end_time", "made_at": "made_time", "what_ifs": "halvings"},
    parts=(_LINE, Codec(MeasuredGroups, pb.MeasuredGroups, parts=(_GROUP, _PAIR))),
    special={"claims": _IF_ANY, "decisions": _IF_ANY},
)
