"""The devices of an office, with their certificates and invitations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

from annotated_types import Interval, MaxLen

from cekalwatch.wire.identity import DeviceRole

RUNS_OUT_SOON: Final = timedelta(days=30)
MAX_COUNTERS: Final = 64
MAX_MINUTES: Final = 1440
DEFAULT_MINUTES: Final = 60


class DeviceState(StrEnum):
    """State of a device's certificates."""

    GOOD = "GOOD"
    RUNS_OUT = "RUNS_OUT"
    """Its certificate ends within 30 days."""
    INVITED = "INVITED"
    WAITING = "WAITING"
    """A camera of the settings that was never invited, or whose invitation expired."""
    ENDED = "ENDED"
    REVOKED = "REVOKED"


@dataclass(frozen=True)
class DeviceCertificate:
    """A certificate of a device."""

    serial: str
    """Hexadecimal."""
    ends_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class DeviceRecord:
    """A device that has, had or may get a certificate."""

    role: DeviceRole
    site: str
    name: str
    counter: str
    """The counter of a camera in the settings; empty for other devices."""
    certificates: tuple[DeviceCertificate, ...]
    """Newest first."""
    invited_until: datetime | None
    connected: bool
    heard_at: datetime | None

    def ends_at(self, now: datetime) -> datetime | None:
        """Return when its last certificate in force expires; None when none is in force."""
        good = (one.ends_at for one in self.certificates if one.revoked_at is None and one.ends_at > now)
        return max(good, default=None)

    def state(self, now: datetime) -> DeviceState:
        """Return the state of its certificates."""
        if (ends_at := self.ends_at(now)) is not None:
            return DeviceState.RUNS_OUT if ends_at - now < RUNS_OUT_SOON else DeviceState.GOOD
        if self.invited_until is not None:
            return DeviceState.INVITED
        if not self.certificates:
            return DeviceState.WAITING
        return DeviceState.REVOKED if self.certificates[0].revoked_at else DeviceState.ENDED


@dataclass(frozen=True)
class DeviceList:
    """The devices that an administrator manages."""

    devices: tuple[DeviceRecord, ...]
    """Devices whose certificate expires first come first."""
    sites: tuple[str, ...]
    """Of the administrator."""


@dataclass(frozen=True)
class DeviceToInvite:
    """Which device is to be invited."""

    role: DeviceRole
    site: str
    """May be empty for a camera, which the settings place."""
    name: str
    counters: Annotated[tuple[str, ...], MaxLen(MAX_COUNTERS)] = ()
    """That an officer's PC watches."""
    minutes: Annotated[int, Interval(le=MAX_MINUTES)] = 0
    """Validity of the invitation; 0: DEFAULT_MINUTES."""


@dataclass(frozen=True, repr=False)
class DeviceInvited:
    """The secret with which a device enrols; it has no `repr`."""

    code: str
    invitation: str
    """Everything that the device needs, in one line, with the code."""
    ends_at: datetime
