"""Who a device is: its role, its site and its name, as the one URI in its certificate.

    cekalwatch://batam-center/camera/departure-1

The URI must match as a whole; anything else is not an identity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

SCHEME = "cekalwatch"
KEY_PATTERN = r"[a-z0-9-]{1,64}"


class DeviceRole(StrEnum):
    """What a device is for."""

    SERVER = "server"
    CAMERA = "camera"
    NOTIFIER = "notifier"
    PORT = "port"
    """The server of a port, at the centre."""
    CONSOLE = "console"
    """A web console, whose people sign in on it."""
    DIAGNOSTICS = "diagnostics"


_URI = re.compile(rf"{SCHEME}://({KEY_PATTERN})/({'|'.join(DeviceRole)})/({KEY_PATTERN})")


class IdentityError(ValueError):
    """A text that does not identify a device; the message says what is wrong."""


@dataclass(frozen=True)
class Identity:
    """One device. Site and name have 1 to 64 characters of [a-z0-9-]; IdentityError otherwise."""

    role: DeviceRole
    site: str
    name: str

    def __post_init__(self) -> None:
        for field, value in (("site", self.site), ("name", self.name)):
            if not re.fullmatch(KEY_PATTERN, value):
                raise IdentityError(f"{field} {value!r} must have 1 to 64 characters of a-z, 0-9 and -")

    @property
    def uri(self) -> str:
        return f"{SCHEME}://{self.site}/{self.role}/{self.name}"

    @classmethod
    def parse(cls, uri: str) -> Identity:
        """Parse a URI; raises IdentityError."""
        found = _URI.fullmatch(uri)
        if not found:
            raise IdentityError("the URI is not of the form cekalwatch://SITE/ROLE/NAME")
        site, role, name = found.groups()
        return cls(DeviceRole(role), site, name)
