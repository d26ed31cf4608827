"""The one-time code with which a device enrols: a secret, and data that identifies the authority.

    AB3DEF-…: base32 of 10 random bytes and the first 16 bytes of the authority certificate's SHA-256

80 random bits cannot be guessed while the code is valid, and nobody can make another certificate with the same 128
bits; so the code is short enough to be typed.

A device that sets itself up needs more than that: a `DeviceInvitation`, one line that is carried as a file.

    cekalwatch://batam-center/camera/departure-1?server=cekal.local:50051&enrol=cekal.local:50052&code=AB3DEF-…
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

from cekalwatch.wire.address import AddressError, split_address
from cekalwatch.wire.identity import Identity, IdentityError

SECRET_BYTES = 10
FINGERPRINT_BYTES = 16
GROUP = 6


class InvitationError(ValueError):
    """A code that is incomplete or mistyped."""


@dataclass(frozen=True, repr=False)
class InvitationCode:
    """A code in its parts; it has no `repr`, so that no log shows it by accident."""

    secret: bytes
    fingerprint: bytes

    @classmethod
    def new(cls, authority_der: bytes) -> Self:
        """Make a code for devices of this authority; `authority_der` is its certificate."""
        return cls(secrets.token_bytes(SECRET_BYTES), fingerprint(authority_der))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a code as a person typed it; raises InvitationError."""
        letters = "".join(text.upper().split()).replace("-", "")
        try:
            data = base64.b32decode(letters + "=" * (-len(letters) % 8))
        except (binascii.Error, ValueError):
            data = b""
        if len(data) != SECRET_BYTES + FINGERPRINT_BYTES:
            raise InvitationError(
                "The code is incomplete or mistyped: it has 7 groups of 6 letters and digits (2 to 7)"
            )
        return cls(data[:SECRET_BYTES], data[SECRET_BYTES:])

    @property
    def text(self) -> str:
        """The code as it is shown to a person."""
        letters = base64.b32encode(self.secret + self.fingerprint).decode("ascii").rstrip("=")
        return "-".join(letters[start : start + GROUP] for start in range(0, len(letters), GROUP))


@dataclass(frozen=True, repr=False)
class DeviceInvitation:
    """All with which a device sets itself up; a secret while its code is good, so that it has no `repr`."""

    identity: Identity
    """Who the device will be."""
    server: str
    """HOST:PORT of the server."""
    enrol: str
    """HOST:PORT at which it enrols."""
    code: InvitationCode
    counters: tuple[str, ...] = ()
    """The counters whose alerts an officer's PC shows; none: of all."""
    hosts: tuple[str, ...] = ()
    """Names and addresses by which browsers call a console; none: only its own machine does."""
    time_zone: str = ""
    """The site's, for a console; empty: not stated."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `text` returned; raises InvitationError."""
        try:
            parts = urlsplit(text.strip())
            fields = parse_qs(parts.query, strict_parsing=True)
            (server,), (enrol,), (code,) = fields["server"], fields["enrol"], fields["code"]
            split_address(server)
            split_address(enrol)
            identity = Identity.parse(parts._replace(query="").geturl())
            counters, hosts = (tuple(fields.get(name, ())) for name in ("counter", "host"))
            (time_zone,) = fields.get("zone", [""])
            return cls(identity, server, enrol, InvitationCode.parse(code), counters, hosts, time_zone)
        except (KeyError, ValueError, AddressError, IdentityError):
            raise InvitationError(
                "This is no whole invitation: take the file that `cekalwatch-server pki invite --out` or `init` wrote"
            ) from None

    @property
    def text(self) -> str:
        fields = [("server", self.server), ("enrol", self.enrol), ("code", self.code.text)]
        fields += [("counter", counter) for counter in self.counters]
        fields += [("host", host) for host in self.hosts]
        fields += [("zone", self.time_zone)] if self.time_zone else []
        return f"{self.identity.uri}?{urlencode(fields, safe=':[]')}"


def fingerprint(authority_der: bytes) -> bytes:
    """Return the part of the certificate's SHA-256 that a code contains."""
    return hashlib.sha256(authority_der).digest()[:FINGERPRINT_BYTES]


def digest(secret: bytes) -> bytes:
    """Return the hash of a secret, for storing. The secret is random and long: a plain hash is enough."""
    return hashlib.sha256(secret).digest()


def public_id(secret: bytes) -> str:
    """Return a name for a code that is not secret: 16 hexadecimal digits of its digest."""
    return digest(secret).hex()[:16]
