"""The calls about devices and their certificates, as plain values. Protobuf stops here; errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.codec.safe_text import safe_text
from cekalwatch.v1 import device_pb2
from cekalwatch.v1 import device_service_pb2 as pb
from cekalwatch.v1.device_service_pb2_grpc import DeviceServiceStub
from cekalwatch.wire.identity import DeviceRole

RUNS_OUT_SOON = timedelta(days=30)
_ROLES = ProtoEnum(device_pb2.DeviceRole, "DEVICE_ROLE", DeviceRole)


class DeviceState(StrEnum):
    """How a device stands."""

    GOOD = "GOOD"
    RUNS_OUT = "RUNS_OUT"
    """Its certificate ends within 30 days."""
    INVITED = "INVITED"
    WAITING = "WAITING"
    """A camera of the settings that has never been invited, or not in time."""
    ENDED = "ENDED"
    REVOKED = "REVOKED"


@dataclass(frozen=True)
class DeviceCertificate:
    """A certificate of a device."""

    serial: str
    ends_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class DeviceRecord:
    """A device that has, had or may get a certificate."""

    role: DeviceRole
    site: str
    name: str
    counter: str
    certificates: tuple[DeviceCertificate, ...]
    """Newest first."""
    invited_until: datetime | None
    connected: bool
    heard_at: datetime | None

    def ends_at(self, now: datetime) -> datetime | None:
        """Return when its last certificate that is in force runs out; None when none is."""
        good = (one.ends_at for one in self.certificates if one.revoked_at is None and one.ends_at > now)
        return max(good, default=None)

    def state(self, now: datetime) -> DeviceState:
        """Return how it stands."""
        if (ends_at := self.ends_at(now)) is not None:
            return DeviceState.RUNS_OUT if ends_at - now < RUNS_OUT_SOON else DeviceState.GOOD
        if self.invited_until is not None:
            return DeviceState.INVITED
        if not self.certificates:
            return DeviceState.WAITING
        return DeviceState.REVOKED if self.certificates[0].revoked_at else DeviceState.ENDED


@dataclass(frozen=True)
class DeviceList:
    """The devices that an administrator keeps."""

    devices: tuple[DeviceRecord, ...]
    """Those whose certificate runs out first before others."""
    sites: tuple[str, ...]
    """Of the administrator."""


@dataclass(frozen=True, repr=False)
class DeviceInvited:
    """With what a device enrols; a secret, so that it has no `repr`."""

    code: str
    invitation: str
    """All that the device needs, in one line; the code is part of it."""
    ends_at: datetime


class DeviceClient(ServiceClient[DeviceServiceStub]):
    """An administrator's calls."""

    stub = DeviceServiceStub

    def all(self) -> DeviceList:
        """Return the devices of the administrator's sites; a role that only a newer server knows is left out."""
        answer = self._call(lambda stub: stub.ListDevices, pb.ListDevicesRequest())
        devices = (_record(role, one) for one in answer.devices if (role := _ROLES.member(one.role)))
        return DeviceList(tuple(devices), tuple(map(safe_text, answer.sites)))

    def invite(self, role: DeviceRole, site: str, name: str, counters: Collection[str], minutes: int) -> DeviceInvited:
        """Invite a device. `site` may be empty for a camera."""
        request = pb.InviteDeviceRequest(
            role=_ROLES.number(role), site=site, name=name, counters=counters, valid_minutes=minutes
        )
        answer = self._call(lambda stub: stub.InviteDevice, request)
        return DeviceInvited(safe_text(answer.code), safe_text(answer.invitation), answer.expire_time.ToDatetime(UTC))

    def cancel(self, role: DeviceRole, site: str, name: str) -> None:
        """Withdraw a device's invitation."""
        request = pb.CancelInvitationRequest(role=_ROLES.number(role), site=site, name=name)
        self._call(lambda stub: stub.CancelInvitation, request)

    def revoke(self, role: DeviceRole, site: str, name: str) -> bool:
        """Revoke all certificates of a device; return whether that could be recorded too."""
        request = pb.RevokeDeviceRequest(role=_ROLES.number(role), site=site, name=name)
        return bool(self._call(lambda stub: stub.RevokeDevice, request).recorded)


def _record(role: DeviceRole, one: device_pb2.Device) -> DeviceRecord:
    return DeviceRecord(
        role=role,
        site=safe_text(one.site),
        name=safe_text(one.name),
        counter=safe_text(one.counter),
        certificates=tuple(
            DeviceCertificate(
                safe_text(certificate.serial),
                certificate.expire_time.ToDatetime(UTC),
                _moment(certificate.revoke_time) if certificate.HasField("revoke_time") else None,
            )
            for certificate in one.certificates
        ),
        invited_until=_moment(one.invitation_expire_time) if one.HasField("invitation_expire_time") else None,
        connected=one.connected,
        heard_at=_moment(one.last_heard_time) if one.HasField("last_heard_time") else None,
    )


def _moment(value: Timestamp) -> datetime:
    return value.ToDatetime(UTC)
