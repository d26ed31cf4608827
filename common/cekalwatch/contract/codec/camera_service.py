"""Policies, pictures and surveys of cameras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cekalwatch.contract.codec.captures import POLICY, ROUNDED
from cekalwatch.contract.engine.codec import Codec, Converter
from cekalwatch.contract.engine.enums import ProtoEnum, bound_enum
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.contract.values.cameras import TakenPicture
from cekalwatch.contract.values.capture_policy import CameraPolicy, CapturePolicyChanges
from cekalwatch.contract.values.surveys import SPREADS, Advice, Grade, KeptSurvey, Spread, SurveyFigures
from cekalwatch.v1 import camera_service_pb2 as pb

CHANGES = Codec(CapturePolicyChanges, pb.CapturePolicyChanges, special=ROUNDED)
CAMERA_POLICY = Codec(CameraPolicy, pb.CameraPolicy, names={"set_at": "set_time"}, parts=(POLICY, CHANGES))
PICTURE = Codec(TakenPicture, pb.GetAimingPictureResponse, names={"taken_at": "capture_time"})

_GRADES = ProtoEnum(pb.SurveyGrade, "SURVEY_GRADE", (Grade.GOOD, Grade.FAIR, Grade.POOR))
_ADVICE = bound_enum(Advice, pb.SurveyAdvice.DESCRIPTOR)
_SPREAD = Codec(Spread, pb.SurveySpread)


def _read_advice(numbers: Sequence[int], reading: Reading) -> tuple[Advice, ...]:
    if reading is Reading.STRICT and len(numbers) > len(Advice):
        raise ValueError("more advice than there is")
    return tuple(known for number in numbers if (known := _ADVICE.member(number)))


class _Surveys(Codec[SurveyFigures, pb.Survey]):
    """Advice and grades that only a newer peer knows are left out in strict reading too."""

    def read(self, message: pb.Survey, reading: Reading = Reading.LENIENT) -> SurveyFigures:
        found = super().read(message, reading)
        spreads = {field.name: value for field, value in message.ListFields() if field.name in SPREADS}
        return replace(found, spreads={name: _SPREAD.read(value, reading) for name, value in spreads.items()})

    def write(self, value: SurveyFigures) -> pb.Survey:
        message = super().write(value)
        for name, one in value.spreads.items():
            getattr(message, name).CopyFrom(_SPREAD.write(one))
        return message


SURVEY = _Surveys(
    SurveyFigures,
    pb.Survey,
    names={"watched_s": "watched"},
    special={
        "grade": Converter(
            lambda number, _reading: _GRADES.member(number) or Grade.UNKNOWN,
            lambda grade: None if grade is Grade.UNKNOWN else _GRADES.number(grade),
        ),
        "advice": Converter(_read_advice, lambda advice: list(map(_ADVICE.number, advice))),
    },
    local=("spreads",),
    unread=SPREADS,
)
KEPT_SURVEY = Codec(
    KeptSurvey, pb.KeptSurvey, names={"reported_at": "report_time", "figures": "survey"}, parts=(SURVEY,)
)
