"""DeviceService: an administrator keeps the devices of their sites. It converts, calls and converts back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
import structlog

from cekalwatch.program.errors import ProgramError
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.convert import devices as convert
from cekalwatch.server.grpc_api.convert.common import timestamp
from cekalwatch.server.grpc_api.convert.devices import DevicePresence
from cekalwatch.server.grpc_api.errors import coded
from cekalwatch.server.grpc_api.open_calls import OpenCalls
from cekalwatch.server.grpc_api.paging import page
from cekalwatch.server.health.probes.presence import CameraPresence
from cekalwatch.server.pki.device_admin import DeviceAdmin, DeviceOffice
from cekalwatch.server.pki.devices import KnownDevice
from cekalwatch.v1 import device_service_pb2 as pb
from cekalwatch.v1 import device_service_pb2_grpc
from cekalwatch.v1.device_pb2 import Device
from cekalwatch.wire.identity import DeviceRole, Identity

_T = TypeVar("_T")

Context = grpc.aio.ServicerContext[Any, Any]

log = structlog.get_logger()


class DeviceServicer(device_service_pb2_grpc.DeviceServiceServicer):
    """Serves administrators."""

    def __init__(self, office: DeviceOffice, whole: Callable[[], WholePresence], open_calls: OpenCalls) -> None:
        """`whole` reads who is connected to any server, and blocks; `open_calls` are those of this one."""
        self._office = office
        self._whole = whole
        self._open_calls = open_calls

    async def ListDevices(self, request: pb.ListDevicesRequest, context: Context) -> pb.ListDevicesResponse:
        """Return the devices of the administrator's sites."""
        admin = self._admin()
        devices = await _done(admin.all)
        whole = await asyncio.to_thread(self._whole)
        cameras = self._office.places.cameras

        def written(one: KnownDevice) -> Device:
            who = one.identity
            known = cameras.get(who.name) if who.role is DeviceRole.CAMERA else None
            counter = known.counter if known and known.site == who.site else ""
            return convert.device_message(one, counter, self._presence(who, whole))

        shown, _ = page(map(written, devices[: convert.MAX_DEVICES]), len(devices), convert.MAX_DEVICES)
        return pb.ListDevicesResponse(devices=shown, sites=admin.sites)

    async def InviteDevice(self, request: pb.InviteDeviceRequest, context: Context) -> pb.InviteDeviceResponse:
        """Invite a device, and return its code."""
        role, minutes = convert.role(request.role), convert.minutes(request.valid_minutes)
        counters, admin = convert.counters(request.counters), self._admin()
        site, name = request.site or None, request.name
        invited = await _done(lambda: admin.invite(role, site, name, counters, minutes))
        return pb.InviteDeviceResponse(
            code=invited.invitation.code.text,
            invitation=invited.invitation.text,
            expire_time=timestamp(invited.expires_at),
        )

    async def CancelInvitation(
        self, request: pb.CancelInvitationRequest, context: Context
    ) -> pb.CancelInvitationResponse:
        """Withdraw an invitation."""
        identity, admin = convert.identity(request), self._admin()
        await _done(lambda: admin.cancel(identity))
        return pb.CancelInvitationResponse()

    async def RevokeDevice(self, request: pb.RevokeDeviceRequest, context: Context) -> pb.RevokeDeviceResponse:
        """Revoke all that a device has."""
        identity, admin = convert.identity(request), self._admin()
        revoked = await _done(lambda: admin.revoke(identity))
        return pb.RevokeDeviceResponse(certificates=revoked.certificates, recorded=revoked.recorded)

    def _admin(self) -> DeviceAdmin:
        caller = current_caller()
        by = caller.session.person if caller.session else None
        return DeviceAdmin(self._office, caller.actor, by, caller.identity)

    def _presence(self, who: Identity, whole: WholePresence) -> DevicePresence:
        heard_at = self._open_calls.heard_at(who)
        if who.role is DeviceRole.CAMERA:
            camera, _ = whole.cameras.get(who.name, (CameraPresence(), ""))
            return DevicePresence(camera.streams > 0, camera.last_heard_at or heard_at)
        connected = self._open_calls.has(who) or (who.role is DeviceRole.NOTIFIER and who.name in whole.agents)
        return DevicePresence(connected, heard_at)


async def _done(work: Callable[[], _T]) -> _T:
    """Do blocking `work` on a thread; raises AUTHORITY_UNAVAILABLE when the authority cannot be used."""
    try:
        return await asyncio.to_thread(coded(work))
    except ProgramError as error:
        log.error("authority_unusable", problem=str(error))  # noqa: TRY400  # no traceback
        raise CekalwatchError(Code.AUTHORITY_UNAVAILABLE) from None
