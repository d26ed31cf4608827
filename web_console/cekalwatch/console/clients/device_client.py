"""The calls about devices and their certificates. Errors stay grpc.RpcError."""

from __future__ import annotations

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.contract.codec.devices import DEVICE, DEVICE_INVITED, DEVICE_TO_INVITE, ROLES
from cekalwatch.contract.codec.safe_text import safe_text
from cekalwatch.contract.values.devices import DeviceInvited, DeviceList, DeviceToInvite
from cekalwatch.v1 import device_service_pb2 as pb
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
