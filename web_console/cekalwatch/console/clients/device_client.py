"""The calls about devices, their certificates, and what cameras may send and show. Errors stay grpc.RpcError."""

from __future__ import annotations

import grpc

from cekalwatch.contract.codec.camera_service import CAMERA_POLICY, CHANGES, KEPT_SURVEY, PICTURE
from cekalwatch.contract.codec.devices import DEVICE, DEVICE_INVITED, DEVICE_TO_INVITE, ROLES
from cekalwatch.contract.engine.safe_text import safe_text
from cekalwatch.contract.values.cameras import TakenPicture
from cekalwatch.contract.values.capture_policy import CameraPolicy, CapturePolicyChanges
from cekalwatch.contract.values.devices import DeviceInvited, DeviceList, DeviceToInvite
from cekalwatch.contract.values.surveys import KeptSurvey
from cekalwatch.office.client.refusals import error_reason
from cekalwatch.office.client.service_client import ServiceClient
from cekalwatch.v1 import camera_service_pb2 as cameras_pb
from cekalwatch.v1 import device_service_pb2 as pb
from cekalwatch.v1.camera_service_pb2_grpc import CameraServiceStub
from cekalwatch.v1.device_service_pb2_grpc import DeviceServiceStub
from cekalwatch.wire.identity import DeviceRole


class DeviceClient(ServiceClient[DeviceServiceStub]):
    """An administrator's calls."""

    stub = DeviceServiceStub

    def all(self) -> DeviceList:
        """Return the devices of the administrator's sites; a role that only a newer server knows is left out."""
        answer = self._call(lambda stub: stub.ListDevices, pb.ListDevicesRequest())
        devices = DEVICE.read_all(one for one in answer.devices if ROLES.member(one.role))
        return DeviceList(devices, tuple(map(safe_text, answer.sites)))

    def invite(self, wanted: DeviceToInvite) -> DeviceInvited:
        """Invite a device."""
        return DEVICE_INVITED.read(self._call(lambda stub: stub.InviteDevice, DEVICE_TO_INVITE.write(wanted)))

    def cancel(self, role: DeviceRole, site: str, name: str) -> None:
        """Withdraw a device's invitation."""
        request = pb.CancelInvitationRequest(role=ROLES.number(role), site=site, name=name)
        self._call(lambda stub: stub.CancelInvitation, request)

    def revoke(self, role: DeviceRole, site: str, name: str) -> bool:
        """Revoke all certificates of a device; return whether that could be recorded too."""
        request = pb.RevokeDeviceRequest(role=ROLES.number(role), site=site, name=name)
        return bool(self._call(lambda stub: stub.RevokeDevice, request).recorded)


class CameraClient(ServiceClient[CameraServiceStub]):
    """The calls of people who maintain cameras."""

    stub = CameraServiceStub

    def policy(self, camera_id: str) -> CameraPolicy:
        """Return what a camera may send."""
        request = cameras_pb.GetCameraPolicyRequest(camera_id=camera_id)
        return CAMERA_POLICY.read(self._call(lambda stub: stub.GetCameraPolicy, request).policy)

    def set_policy(self, camera_id: str, changes: CapturePolicyChanges, number: int) -> None:
        """Set what a camera may send, in place of the change with that `number`."""
        request = cameras_pb.SetCameraPolicyRequest(camera_id=camera_id, changes=CHANGES.write(changes), number=number)
        self._call(lambda stub: stub.SetCameraPolicy, request)

    def aiming_picture(self, camera_id: str) -> TakenPicture:
        """Return the present picture of a camera, from the server to which it is connected."""
        request = cameras_pb.GetAimingPictureRequest(camera_id=camera_id)
        return PICTURE.read(self._call_holder(lambda stub: stub.GetAimingPicture, request, _is_elsewhere))

    def surveys(self, camera_id: str) -> tuple[KeptSurvey, ...]:
        """Return what surveys found of a camera, newest first."""
        found = self._call(lambda stub: stub.ListSurveys, cameras_pb.ListSurveysRequest(camera_id=camera_id))
        return KEPT_SURVEY.read_all(found.surveys)


def _is_elsewhere(error: grpc.RpcError) -> bool:
    return error_reason(error) == "CAMERA_ELSEWHERE"
