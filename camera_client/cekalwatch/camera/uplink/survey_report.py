"""Reports what a survey found of a camera to the server: figures, no pictures."""

from __future__ import annotations

from typing import Final

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cekalwatch.contract.codec.camera_service import SURVEY
from cekalwatch.contract.values.surveys import SurveyFigures
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.v1 import camera_service_pb2 as pb
from cekalwatch.v1.camera_service_pb2_grpc import CameraServiceStub
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer

DEADLINE_S: Final = 15.0


def report(dialer: Dialer, camera_id: str, found: SurveyFigures) -> None:
    """Send the figures under the camera's key. Raises ProgramError that says why the server does not keep them."""
    request = pb.ReportSurveyRequest(camera_id=camera_id, survey=SURVEY.write(found))
    calls = Calls(dialer)
    try:
        calls.make(lambda channel, left_s: CameraServiceStub(channel).ReportSurvey(request, timeout=left_s), DEADLINE_S)
    except grpc.RpcError as error:
        raise _told(error, dialer) from None
    finally:
        calls.close()


def _told(error: grpc.RpcError, dialer: Dialer) -> ProgramError:
    status, info = rpc_status.from_call(error), error_details_pb2.ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info):
            return ProgramError(f"The server does not keep the survey: {error.details()} ({info.reason})")
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return ProgramError("The server is too old to keep surveys: upgrade it")
    where = ", ".join(dialer.servers.addresses)
    return ProgramError(f"The survey was not sent: no server answers at {where}", Exit.UNAVAILABLE)
