"""What administrators do with the devices of their sites."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import structlog

from cekalwatch.contract.calls import devices as calls
from cekalwatch.contract.codec.devices import DEVICE, ROLES
from cekalwatch.contract.engine.scalars import Refused
from cekalwatch.contract.values.devices import (
    DEFAULT_MINUTES,
    DeviceCertificate,
    DeviceInvited,
    DeviceRecord,
    DeviceToInvite,
)
from cekalwatch.contract.values.rights import DESKS
from cekalwatch.contract.values.silencing import NOTHING_SILENCED, Silencing
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.domain.presence import AgentPresence, CameraPresence
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import coded
from cekalwatch.server.grpc_api.messages import page
from cekalwatch.server.grpc_api.open_calls import OpenCalls
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.pki.device_admin import DeviceAdmin, DeviceRegistry, KnownDevice
from cekalwatch.server.watchlist.foresight import ListForesight
from cekalwatch.v1 import device_service_pb2 as pb
from cekalwatch.wire.identity import DeviceRole, Identity, IdentityError

MAX_DEVICES = 1000
MAX_CERTIFICATES = 5
_T = TypeVar("_T")
_Given = ParamSpec("_Given")


log = structlog.get_logger()


@dataclass(frozen=True)
class DeviceCalls:
    """Serves administrators, with the devices of their sites."""

    office: DeviceRegistry
    whole: Callable[[], WholePresence]
    """Reads the connections of all servers, and blocks."""
    open_calls: OpenCalls
    """Of this server."""
    foresight: ListForesight

    def served(self) -> tuple[Served, ...]:
        """Return the calls."""
        return (
            serve(calls.LIST_DEVICES, self._list),
            serve(calls.INVITE_DEVICE, self._invite),
            serve(calls.CANCEL_INVITATION, lambda request: _done(self._admin().cancel, _identity(request))),
            serve(calls.REVOKE_DEVICE, self._revoke, silences=self._silences),
        )

    def _list(self, _: pb.ListDevicesRequest) -> pb.ListDevicesResponse:
        admin = self._admin()
        devices, whole = _done(admin.all), self.whole()
        shown, _more = page(
            (DEVICE.write(self._record(one, whole)) for one in devices[:MAX_DEVICES]), len(devices), MAX_DEVICES
        )
        return pb.ListDevicesResponse(devices=shown, sites=admin.sites)

    def _invite(self, wanted: DeviceToInvite) -> DeviceInvited:
        counters, minutes = tuple(dict.fromkeys(wanted.counters)), wanted.minutes or DEFAULT_MINUTES
        admin = self._admin()
        invited = _done(admin.invite, wanted.role, wanted.site or None, wanted.name, counters, minutes)
        return DeviceInvited(invited.invitation.code.text, invited.invitation.text, invited.expires_at)

    def _revoke(self, request: pb.RevokeDeviceRequest) -> pb.RevokeDeviceResponse:
        revoked = _done(self._admin().revoke, _identity(request))
        return pb.RevokeDeviceResponse(certificates=revoked.certificates, recorded=revoked.recorded)

    def _silences(self, request: pb.RevokeDeviceRequest) -> Silencing:
        """Return whose orders alert through a device: a camera, a port, the last PC at a counter or of supervisors."""
        who, cameras = _identity(request), self.office.places.cameras.values()
        what = f"{who.role} {who.name}"
        if not _done(self._admin().is_admitted, who):
            return NOTHING_SILENCED
        match who.role:
            case DeviceRole.PORT:
                return self.foresight.without(what)
            case DeviceRole.CAMERA:
                lost = [one for one in cameras if one.camera_id == who.name]
            case role if role in DESKS:
                agents = self.whole().watched
                mine = [one for name, one in agents.items() if name == who.name]
                others = [one for name, one in agents.items() if name != who.name]
                lost = [
                    camera
                    for camera in cameras
                    for reaches in (AgentPresence.attends, AgentPresence.reaches)
                    if any(reaches(one, camera) for one in mine) and not any(reaches(one, camera) for one in others)
                ]
            case _:
                lost = []
        return self.foresight.without(what, {one.direction for one in lost}) if lost else NOTHING_SILENCED

    def _admin(self) -> DeviceAdmin:
        caller = current_caller()
        by = caller.session.person if caller.session else None
        return DeviceAdmin(self.office, caller.actor, by, caller.identity)

    def _record(self, device: KnownDevice, whole: WholePresence) -> DeviceRecord:
        """Return the facts about a device, and whether it is connected."""
        who, heard_at, counter = device.identity, self.open_calls.heard_at(device.identity), ""
        if who.role is DeviceRole.CAMERA:
            camera, _ = whole.cameras.get(who.name, (CameraPresence(), ""))
            connected, heard_at = camera.streams > 0, camera.last_heard_at or heard_at
            known = self.office.places.cameras.get(who.name)
            counter = known.counter if known and known.site == who.site else ""
        else:
            connected = self.open_calls.has(who) or (who.role is DeviceRole.NOTIFIER and who.name in whole.agents)
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


def _done(work: Callable[_Given, _T], *given: _Given.args, **named: _Given.kwargs) -> _T:
    """Do `work`, which blocks; raises AUTHORITY_UNAVAILABLE when the authority cannot be used."""
    try:
        return coded(work)(*given, **named)
    except ProgramError as error:
        log.error("authority_unusable", problem=str(error))  # noqa: TRY400  # no traceback
        raise CekalwatchError(Code.AUTHORITY_UNAVAILABLE) from None
