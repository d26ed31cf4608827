"""Reports what a survey found of a camera to the server: figures, no pictures."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.values.surveys import MAX_WATCHED_S, PLAIN, Advice, Grade, SurveyFigures
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.v1 import camera_service_pb2 as pb
from cekalwatch.v1.camera_service_pb2_grpc import CameraServiceStub
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer

DEADLINE_S: Final = 15.0
_GRADES = ProtoEnum(pb.SurveyGrade, "SURVEY_GRADE", (Grade.GOOD, Grade.FAIR, Grade.POOR))
_ADVICE = ProtoEnum(pb.SurveyAdvice, "SURVEY_ADVICE", Advice)


def report(dialer: Dialer, camera_id: str, found: SurveyFigures) -> None:
    """Send the figures under the camera's key. Raises ProgramError that says why the server does not keep them."""
    request = pb.ReportSurveyRequest(camera_id=camera_id, survey=message(found))
    calls = Calls(dialer)
    try:
        calls.make(lambda channel, left_s: CameraServiceStub(channel).ReportSurvey(request, timeout=left_s), DEADLINE_S)
    except grpc.RpcError as error:
        raise _told(error, dialer) from None
    finally:
        calls.close()


def message(found: SurveyFigures) -> pb.Survey:
    """Write the figures."""
    written = pb.Survey(advice=map(_ADVICE.number, found.advice), **{name: getattr(found, name) for name in PLAIN})
    for name, one in found.spreads.items():
        getattr(written, name).CopyFrom(pb.SurveySpread(p10=one.p10, p50=one.p50, p90=one.p90))
    written.watched.FromTimedelta(timedelta(seconds=min(found.watched_s, MAX_WATCHED_S)))
    if found.grade is not Grade.UNKNOWN:
        written.grade = _GRADES.number(found.grade)
    return written


def _told(error: grpc.RpcError, dialer: Dialer) -> ProgramError:
    status, info = rpc_status.from_call(error), error_details_pb2.ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info):
            return ProgramError(f"The server does not keep the survey: {error.details()} ({info.reason})")
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return ProgramError("The server is too old to keep surveys: upgrade it")
    where = ", ".join(dialer.servers.addresses)
    return ProgramError(f"The survey was not sent: no server answers at {where}", Exit.UNAVAILABLE)
