"""Devices, their certificates and invitations."""

from __future__ import annotations

from collections.abc import Iterable

from cekalwatch.contract.codec.converters import unchanged
from cekalwatch.contract.engine.codec import Codec, Converter
from cekalwatch.contract.engine.enums import bound_enum
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.contract.values.devices import (
    DeviceCertificate,
    DeviceInvited,
    DeviceList,
    DeviceRecord,
    DeviceToInvite,
)
from cekalwatch.v1 import device_pb2
from cekalwatch.v1 import device_service_pb2 as pb
from cekalwatch.wire.identity import DeviceRole


def _of_known_roles(content: Iterable[device_pb2.Device], reading: Reading) -> tuple[DeviceRecord, ...]:
    return tuple(DEVICE.read(one, reading) for one in content if ROLES.member(one.role))


ROLES = bound_enum(DeviceRole, device_pb2.DeviceRole.DESCRIPTOR)
_CERTIFICATE = Codec(
    DeviceCertificate,
    device_pb2.DeviceCertificate,
    names={"ends_at": "expire_time", "revoked_at": "revoke_time"},
)
DEVICE = Codec(
    DeviceRecord,
    device_pb2.Device,
    names={"invited_until": "invitation_expire_time", "heard_at": "last_heard_time"},
    parts=(_CERTIFICATE,),
)
DEVICE_LIST = Codec(
    DeviceList,
    pb.ListDevicesResponse,
    special={"devices": Converter(_of_known_roles, lambda devices: list(map(DEVICE.write, devices)))},
)
DEVICE_TO_INVITE = Codec(
    DeviceToInvite,
    pb.InviteDeviceRequest,
    names={"minutes": "valid_minutes"},
    special={"site": unchanged(), "name": unchanged()},
)
DEVICE_INVITED = Codec(DeviceInvited, pb.InviteDeviceResponse, names={"ends_at": "expire_time"})
