"""The calls about what cameras may send and show, as plain values. Protobuf stops here; errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.codec.safe_text import safe_text
from cekalwatch.contract.values.captures import POLICY_BOUNDS
from cekalwatch.contract.values.surveys import SPREADS, Advice, Grade, Spread
from cekalwatch.office.client.refusals import error_reason
from cekalwatch.v1 import camera_service_pb2 as pb
from cekalwatch.v1.camera_service_pb2_grpc import CameraServiceStub

WHOLE = frozenset({"max_crops_per_track", "jpeg_quality"})
"""Figures that are whole numbers."""
DIGITS = 4
"""The contract's floats have about seven."""
_GRADES = ProtoEnum(pb.SurveyGrade, "SURVEY_GRADE", (Grade.GOOD, Grade.FAIR, Grade.POOR))
_ADVICE = ProtoEnum(pb.SurveyAdvice, "SURVEY_ADVICE", Advice)
Figures = Mapping[str, float]
"""Figures of a policy by name; those that are missing are as in the settings."""


@dataclass(frozen=True)
class CameraPolicyState:
    """What one camera may send, and how that came about."""

    of_settings: Figures
    changes: Figures
    """What people have set."""
    before: Figures
    """What they had set before that."""
    number: int
    """How often it was set."""
    set_at: datetime | None


@dataclass(frozen=True)
class AimingPicture:
    """What a camera shows, with nobody who can be recognised."""

    jpeg: bytes
    taken_at: datetime
    frame_width: int
    """Of the camera's own frame, pixels."""
    frame_height: int
    faces: int
    """Faces that were found in it."""


@dataclass(frozen=True)
class Survey:
    """What a survey found of a camera."""

    reported_at: datetime
    version: str
    """Of the program that surveyed."""
    passages: int
    fit: int
    """Passages of which a face was fit for an alert."""
    grade: Grade
    advice: tuple[Advice, ...]
    spreads: Mapping[str, Spread]
    """By the names of `SPREADS`; empty when nobody passed."""


class CameraClient(ServiceClient[CameraServiceStub]):
    """The calls of those who look after cameras."""

    stub = CameraServiceStub

    def policy(self, camera_id: str) -> CameraPolicyState:
        """Return what a camera may send."""
        request = pb.GetCameraPolicyRequest(camera_id=camera_id)
        found = self._call(lambda stub: stub.GetCameraPolicy, request).policy
        return CameraPolicyState(
            of_settings={name: round(getattr(found.of_settings, name), DIGITS) for name in POLICY_BOUNDS},
            changes=_figures(found.changes),
            before=_figures(found.before),
            number=found.number,
            set_at=found.set_time.ToDatetime(UTC) if found.HasField("set_time") else None,
        )

    def set_policy(self, camera_id: str, changes: Figures, number: int) -> None:
        """Set what a camera may send, in place of what has that `number`."""
        wanted = pb.CapturePolicyChanges()
        for name, value in changes.items():
            setattr(wanted, name, int(value) if name in WHOLE else value)
        request = pb.SetCameraPolicyRequest(camera_id=camera_id, changes=wanted, number=number)
        self._call(lambda stub: stub.SetCameraPolicy, request)

    def aiming_picture(self, camera_id: str) -> AimingPicture:
        """Return what a camera shows now, from whichever of the servers has it."""
        request = pb.GetAimingPictureRequest(camera_id=camera_id)
        found = self._call_holder(lambda stub: stub.GetAimingPicture, request, _is_elsewhere)
        return AimingPicture(
            jpeg=found.jpeg,
            taken_at=found.capture_time.ToDatetime(UTC),
            frame_width=found.frame_width,
            frame_height=found.frame_height,
            faces=found.faces,
        )

    def surveys(self, camera_id: str) -> list[Survey]:
        """Return what surveys found of a camera, newest first."""
        found = self._call(lambda stub: stub.ListSurveys, pb.ListSurveysRequest(camera_id=camera_id))
        return [_survey(one) for one in found.surveys]


def _survey(one: pb.KeptSurvey) -> Survey:
    survey = one.survey
    return Survey(
        reported_at=one.report_time.ToDatetime(UTC),
        version=safe_text(survey.client_version),
        passages=survey.passages,
        fit=survey.passages_fit,
        grade=_GRADES.member(survey.grade) or Grade.UNKNOWN,
        advice=tuple(known for number in survey.advice if (known := _ADVICE.member(number))),
        spreads={
            field.name: Spread(value.p10, value.p50, value.p90)
            for field, value in survey.ListFields()
            if field.name in SPREADS
        },
    )


def _is_elsewhere(error: grpc.RpcError) -> bool:
    return error_reason(error) == "CAMERA_ELSEWHERE"


def _figures(changes: pb.CapturePolicyChanges) -> Figures:
    return {field.name: round(value, DIGITS) for field, value in changes.ListFields()}
