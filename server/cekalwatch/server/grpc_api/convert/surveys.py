"""Messages about surveys of cameras."""

from __future__ import annotations

import math

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.values.surveys import (
    MAX_PASSAGES,
    MAX_RATE,
    MAX_WATCHED_S,
    PLAIN,
    SPREADS,
    Advice,
    Grade,
    Spread,
    SurveyFigures,
)
from cekalwatch.server.domain.cameras.kept import KeptSurvey
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.convert.common import duration, text, timestamp
from cekalwatch.v1 import camera_service_pb2 as pb
from cekalwatch.wire.bounds import MAX_FRAME_SIDE

_GRADES = ProtoEnum(pb.SurveyGrade, "SURVEY_GRADE", (Grade.GOOD, Grade.FAIR, Grade.POOR))
_ADVICE = ProtoEnum(pb.SurveyAdvice, "SURVEY_ADVICE", Advice)


def survey(message: pb.Survey) -> SurveyFigures:
    """Read what a survey found; raises SURVEY_INVALID, or ARGUMENT_INVALID for its texts.

    Advice that this server does not know is left out.
    """
    watched_s = message.watched.seconds + message.watched.nanos / 1e9
    passed = message.passages
    sound = (
        all(1 <= side <= MAX_FRAME_SIDE for side in (message.frame_width, message.frame_height))
        and 0 <= watched_s <= MAX_WATCHED_S
        and 0 <= message.frames_per_second <= MAX_RATE
        and max(message.passages_fit, message.passages_sendable) <= passed <= MAX_PASSAGES
        and len(message.advice) <= len(Advice)
    )
    told = {field.name: value for field, value in message.ListFields() if field.name in SPREADS}
    spreads = {name: _spread(value, *SPREADS[name]) for name, value in told.items()}
    if not sound or set(spreads) != (set(SPREADS) if passed else set()):
        raise CekalwatchError(Code.SURVEY_INVALID)
    for name in ("client_version", "detector"):
        text(getattr(message, name), name)
    plain = {name: getattr(message, name) for name in PLAIN}
    return SurveyFigures(
        **plain,
        watched_s=watched_s,
        spreads=spreads,
        grade=_GRADES.member(message.grade) or Grade.UNKNOWN,
        advice=tuple(one for number in message.advice if (one := _ADVICE.member(number))),
    )


def kept_survey(kept: KeptSurvey) -> pb.KeptSurvey:
    """Write a survey."""
    found = kept.figures
    written = pb.Survey(advice=map(_ADVICE.number, found.advice), **{name: getattr(found, name) for name in PLAIN})
    written.watched.CopyFrom(duration(found.watched_s))
    for name, one in found.spreads.items():
        getattr(written, name).CopyFrom(pb.SurveySpread(p10=one.p10, p50=one.p50, p90=one.p90))
    if found.grade is not Grade.UNKNOWN:
        written.grade = _GRADES.number(found.grade)
    return pb.KeptSurvey(report_time=timestamp(kept.reported_at), survey=written)


def _spread(message: pb.SurveySpread, least: float, most: float) -> Spread:
    found = (message.p10, message.p50, message.p90)
    if not all(math.isfinite(one) and least <= one <= most for one in found) or list(found) != sorted(found):
        raise CekalwatchError(Code.SURVEY_INVALID)
    return Spread(*found)
