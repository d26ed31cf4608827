"""The calls about what cameras may send and show. Errors stay grpc.RpcError."""

from __future__ import annotations

import grpc

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.contract.codec.camera_service import CAMERA_POLICY, CHANGES, KEPT_SURVEY, PICTURE
from cekalwatch.contract.values.aiming import TakenPicture
from cekalwatch.contract.values.capture_policy import CameraPolicy, CapturePolicyChanges
from cekalwatch.contract.values.surveys import KeptSurvey
from cekalwatch.office.client.refusals import error_reason
from cekalwatch.v1 import camera_service_pb2 as pb
from cekalwatch.v1.camera_service_pb2_grpc import CameraServiceStub


class CameraClient(ServiceClient[CameraServiceStub]):
    """The calls of those who look after cameras."""

    stub = CameraServiceStub

    def policy(self, camera_id: str) -> CameraPolicy:
        """Return what a camera may send."""
        request = pb.GetCameraPolicyRequest(camera_id=camera_id)
        return CAMERA_POLICY.read(self._call(lambda stub: stub.GetCameraPolicy, request).policy)

    def set_policy(self, camera_id: str, changes: CapturePolicyChanges, number: int) -> None:
        """Set what a camera may send, in place of what has that `number`."""
        request = pb.SetCameraPolicyRequest(camera_id=camera_id, changes=CHANGES.write(changes), number=number)
        self._call(lambda stub: stub.SetCameraPolicy, request)

    def aiming_picture(self, camera_id: str) -> TakenPicture:
        """Return what a camera shows now, from whichever of the servers has it."""
        request = pb.GetAimingPictureRequest(camera_id=camera_id)
        return PICTURE.read(self._call_holder(lambda stub: stub.GetAimingPicture, request, _is_elsewhere))

    def surveys(self, camera_id: str) -> tuple[KeptSurvey, ...]:
        """Return what surveys found of a camera, newest first."""
        found = self._call(lambda stub: stub.ListSurveys, pb.ListSurveysRequest(camera_id=camera_id))
        return KEPT_SURVEY.read_all(found.surveys)


def _is_elsewhere(error: grpc.RpcError) -> bool:
    return error_reason(error) == "CAMERA_ELSEWHERE"
