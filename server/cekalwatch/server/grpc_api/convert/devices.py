"""Messages of the device service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.convert.common import text, timestamp
from cekalwatch.server.pki.devices import KnownDevice
from cekalwatch.v1 import device_pb2
from cekalwatch.v1 import device_service_pb2 as pb
from cekalwatch.wire.identity import DeviceRole, Identity, IdentityError

MAX_DEVICES = 1000
MAX_CERTIFICATES = 5
MAX_COUNTERS = 64
MAX_MINUTES = 1440
DEFAULT_MINUTES = 60

ROLES = ProtoEnum(device_pb2.DeviceRole, "DEVICE_ROLE", DeviceRole)


@dataclass(frozen=True)
class DevicePresence:
    """Whether a device is there."""

    connected: bool
    heard_at: datetime | None


def role(value: device_pb2.DeviceRole.ValueType) -> DeviceRole:
    """Read a role; raises ARGUMENT_INVALID for one that there is not."""
    found = ROLES.member(value)
    if found is None:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "role")
    return found


def identity(request: pb.RevokeDeviceRequest | pb.CancelInvitationRequest) -> Identity:
    """Read which device; raises ARGUMENT_INVALID, and DEVICE_UNKNOWN for keys that no device can have."""
    kind = role(request.role)
    try:
        return Identity(kind, request.site, request.name)
    except IdentityError:
        raise CekalwatchError(Code.DEVICE_UNKNOWN) from None


def counters(values: Iterable[str]) -> tuple[str, ...]:
    """Read counters; raises ARGUMENT_INVALID when there are too many, or one is no counter."""
    found = tuple(dict.fromkeys(text(value, "counters") for value in values))
    if len(found) > MAX_COUNTERS:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "counters")
    return found


def minutes(value: int) -> int:
    """Read for how long an invitation is good; raises ARGUMENT_INVALID."""
    if value > MAX_MINUTES:
        raise CekalwatchError(Code.ARGUMENT_INVALID, "valid_minutes")
    return value or DEFAULT_MINUTES


def device_message(device: KnownDevice, counter: str, presence: DevicePresence) -> device_pb2.Device:
    """Write a device."""
    message = device_pb2.Device(
        role=ROLES.number(device.identity.role),
        site=device.identity.site,
        name=device.identity.name,
        counter=counter,
        connected=presence.connected,
    )
    for one in device.issued[:MAX_CERTIFICATES]:
        written = message.certificates.add(
            serial=f"{one.certificate.serial_number:x}", expire_time=timestamp(one.certificate.not_valid_after_utc)
        )
        if one.revoked_at:
            written.revoke_time.FromDatetime(one.revoked_at)
    if device.invited_until:
        message.invitation_expire_time.FromDatetime(device.invited_until)
    if presence.heard_at:
        message.last_heard_time.FromDatetime(presence.heard_at)
    return message
