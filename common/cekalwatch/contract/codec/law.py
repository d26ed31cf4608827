"""Reads and writes rows of the law, and what they do to orders."""

from __future__ import annotations

from datetime import date

from cekalwatch.contract.engine.codec import Codec, Converter
from cekalwatch.contract.values.law import LawChange, LawPreview, LawRow
from cekalwatch.v1 import law_pb2 as pb

_DAY = Converter(lambda content, _reading: date.fromisoformat(content), date.isoformat)
LAW_ROW = Codec(LawRow, pb.LawRow, special={"holds_from": _DAY})
LAW_PREVIEW = Codec(LawPreview, pb.LawPreview, parts=(Codec(LawChange, pb.LawChange, names={"at": "change_time"}),))
