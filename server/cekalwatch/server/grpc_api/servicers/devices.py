"""DeviceService: administrators manage the devices of their sites."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import structlog

from cekalwatch.contract.codec.devices import DEVICE, DEVICE_INVITED, DEVICE_TO_INVITE, ROLES
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.devices import DEFAULT_MINUTES, DeviceCertificate, DeviceInvited, DeviceRecord
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.domain.presence import CameraPresence
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context, coded
from cekalwatch.server.grpc_api.messages import page
from cekalwatch.server.grpc_api.open_calls import OpenCalls
from cekalwatch.server.pki.device_admin import DeviceAdmin, DeviceRegistry, KnownDevice
from cekalwatch.v1 import device_service_pb2 as pb
from cekalwatch.v1 import device_service_pb2_grpc
from cekalwatch.wire.identity import DeviceRole, Identity, IdentityError

MAX_DEVICES = 1000
MAX_CERTIFICATES = 5
_T = TypeVar("_T")


log = structlog.get_logger()


class DeviceServicer(device_service_pb2_grpc.DeviceServiceServicer):
    """Serves administrators."""

    def __init__(self, office: DeviceRegistry, whole: Callable[[], WholePresence], open_calls: OpenCalls) -> None:
        """`whole` reads the connections of all servers, and blocks; `open_calls` are those of this one."""
        self._office = office
        self._whole = whole
        self._open_calls = open_calls

    async def ListDevices(self, request: pb.ListDevicesRequest, context: Context) -> pb.ListDevicesResponse:
        """Return the devices of the administrator's sites."""
        admin = self._admin()
        devices = await _done(admin.all)
        whole = await asyncio.to_thread(self._whole)
        shown, _ = page(
            (DEVICE.write(self._record(one, whole)) for one in devices[:MAX_DEVICES]), len(devices), MAX_DEVICES
        )
        return pb.ListDevicesResponse(devices=shown, sites=admin.sites)

    async def InviteDevice(self, request: pb.InviteDeviceRequest, context: Context) -> pb.InviteDeviceResponse:
        """Invite a device, and return its code."""
        wanted, admin = DEVICE_TO_INVITE.read(request, Reading.STRICT), self._admin()
        counters, minutes = tuple(dict.fromkeys(wanted.counters)), wanted.minutes or DEFAULT_MINUTES
        invited = await _done(lambda: admin.invite(wanted.role, wanted.site or None, wanted.name, counters, minutes))
        invitation = invited.invitation
        return DEVICE_INVITED.write(DeviceInvited(invitation.code.text, invitation.text, invited.expires_at))

    async def CancelInvitation(
        self, request: pb.CancelInvitationRequest, context: Context
    ) -> pb.CancelInvitationResponse:
        """Withdraw an invitation."""
        identity, admin = _identity(request), self._admin()
        await _done(lambda: admin.cancel(identity))
        return pb.CancelInvitationResponse()

    async def RevokeDevice(self, request: pb.RevokeDeviceRequest, context: Context) -> pb.RevokeDeviceResponse:
        """Revoke all that a device has."""
        identity, admin = _identity(request), self._admin()
        revoked = await _done(lambda: admin.revoke(identity))
        return pb.RevokeDeviceResponse(certificates=revoked.certificates, recorded=revoked.recorded)

    def _admin(self) -> DeviceAdmin:
        caller = current_caller()
        by = caller.session.person if caller.session else None
        return DeviceAdmin(self._office, caller.actor, by, caller.identity)

    def _record(self, device: KnownDevice, whole: WholePresence) -> DeviceRecord:
        """Return the facts about a device, and whether it is connected."""
        who, heard_at, counter = device.identity, self._open_calls.heard_at(device.identity), ""
        if who.role is DeviceRole.CAMERA:
            camera, _ = whole.cameras.get(who.name, (CameraPresence(), ""))
            connected, heard_at = camera.streams > 0, camera.last_heard_at or heard_at
            known = self._office.places.cameras.get(who.name)
            counter = known.counter if known and known.site == who.site else ""
        else:
            connected = self._open_calls.has(who) or (who.role is DeviceRole.NOTIFIER and who.name in whole.agents)
        certificates = tuple(
            DeviceCertificate(f"{one.certificate.serial_number:x}", one.certificate.not_valid_after_utc, one.revoked_at)
            for one in device.issued[:MAX_CERTIFICATES]
        )
        return DeviceRecord(
            who.role, who.site, who.name, counter, certificates, device.invited_until, connected, heard_at
        )


def _identity(request: pb.RevokeDeviceRequest | pb.CancelInvitationRequest) -> Identity:
    """Read which device; raises Refused, and DEVICE_UNKNOWN for keys that no device can have."""
    role = ROLES.member(request.role)
    if role is None:
        raise Refused("role")
    try:
        return Identity(role, request.site, request.name)
    except IdentityError:
        raise CekalwatchError(Code.DEVICE_UNKNOWN) from None


async def _done(work: Callable[[], _T]) -> _T:
    """Do blocking `work` on a thread; raises AUTHORITY_UNAVAILABLE when the authority cannot be used."""
    try:
        return await asyncio.to_thread(coded(work))
    except ProgramError as error:
        log.error("authority_unusable", problem=str(error))  # noqa: TRY400  # no traceback
        raise CekalwatchError(Code.AUTHORITY_UNAVAILABLE) from None
