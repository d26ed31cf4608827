"""Decides whether a device may make a call: by its certificate, the revocations, and the rights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Protocol

from cryptography import x509

from cekalwatch.server.audit.device_entries import device
from cekalwatch.server.auth.rights import LOCAL, Caller, device_caller
from cekalwatch.server.auth.sessions import Device
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.people import MANY_PEOPLE
from cekalwatch.server.pki.revocations import CertificateKey, Revocations, RevocationState
from cekalwatch.wire.identity import SCHEME, DeviceRole, Identity


@dataclass(frozen=True)
class Peer:
    """The other end of a connection, whose certificate the handshake has verified."""

    identity: Identity
    key: CertificateKey
    not_after: datetime
    authority: bytes
    """Identifier of the key that signed the certificate; empty where the certificate does not say it."""

    @property
    def device(self) -> Device:
        """The device as sessions know it: the same with each certificate of its authority, also a renewed one."""
        bound = hashlib.sha256()
        for part in (self.identity.uri.encode(), self.key.issuer, self.authority):
            bound.update(len(part).to_bytes(4, "big") + part)
        share = MANY_PEOPLE if self.identity.role is DeviceRole.CONSOLE else 1
        return Device(device(self.identity), bound.hexdigest(), self.identity.site, self.key.text, share)


@lru_cache(maxsize=1024)
def peer_of(certificate_pem: bytes) -> Peer:
    """Read a verified certificate; raises IDENTITY_INVALID unless exactly one of its URIs is ours, and is right."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        (uri,) = [uri for uri in uris if uri.lower().startswith(f"{SCHEME}:")]
        identity = Identity.parse(uri)
        return Peer(identity, CertificateKey.of(certificate), certificate.not_valid_after_utc, _authority(certificate))
    except Exception:  # noqa: BLE001  # the library reads each part when it is asked for, and fails in many ways
        raise CekalwatchError(Code.IDENTITY_INVALID) from None


def _authority(certificate: x509.Certificate) -> bytes:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return b""
    return found.value.key_identifier or b""


class CertificateAuthentication(Protocol):
    """Lets devices call, at first and again."""

    def admit(self, method: str, certificate_pem: bytes) -> Caller:
        """Return which device calls `method`; raises the refusal's CekalwatchError."""

    def revoked(self, certificate: str) -> bool:
        """Whether the certificate with that `CertificateKey.text` was revoked, also when it has run out since."""

    def follow(self) -> None:
        """Read again what changed, such as revocations; blocks."""

    @property
    def revocations(self) -> RevocationState | None:
        """How old the revocations in force are; None where none are followed."""


class TlsCertificateAuthentication:
    """Asks for the certificate of a device that has the right to make the call."""

    def __init__(self, revocations: Revocations | None, sites: frozenset[str], clock: Clock) -> None:
        """`revocations` is None where an existing authority gives out no lists."""
        self._revocations = revocations
        self._sites = sites
        self._clock = clock

    def admit(self, method: str, certificate_pem: bytes) -> Caller:
        """Return the device; raises IDENTITY_INVALID, and what `refusal` and the rights say."""
        if code := self.refusal(certificate_pem):
            raise CekalwatchError(code)
        peer = peer_of(certificate_pem)
        return device_caller(peer.identity, peer.device, method, self._sites)

    def refusal(self, certificate_pem: bytes) -> Code | None:
        """Return CERTIFICATE_REVOKED or CERTIFICATE_EXPIRED where that is so by now."""
        peer = peer_of(certificate_pem)
        if self._revocations is not None and peer.key in self._revocations:
            return Code.CERTIFICATE_REVOKED
        return Code.CERTIFICATE_EXPIRED if self._clock.now() >= peer.not_after else None

    def revoked(self, certificate: str) -> bool:
        """Whether it is on a list; nothing is, where there are no lists."""
        if self._revocations is None or not certificate:
            return False
        return CertificateKey.parse(certificate) in self._revocations

    def follow(self) -> None:
        """Read the revocations again if they changed."""
        if self._revocations is not None:
            self._revocations.follow()

    @property
    def revocations(self) -> RevocationState | None:
        """The state of the lists in force."""
        return None if self._revocations is None else self._revocations.state


class LoopbackAuthentication:
    """Lets in every caller on this machine, which is all that plaintext is for."""

    def admit(self, method: str, certificate_pem: bytes) -> Caller:  # noqa: ARG002  # the same for all
        """Return the local caller."""
        return LOCAL

    def revoked(self, certificate: str) -> bool:  # noqa: ARG002
        """Return False: there are no certificates."""
        return False

    def follow(self) -> None:
        """Do nothing: there is nothing to follow."""

    @property
    def revocations(self) -> RevocationState | None:
        """None: there are no certificates."""
        return None
