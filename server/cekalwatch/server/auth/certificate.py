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
from cekalwatch.server.domain.people import MANY_PEOPLE
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.pki.revocations import CertificateKey, Revocations, RevocationState
from cekalwatch.wire.identity import SCHEME, DeviceRole, Identity


@dataclass(frozen=True)
class Peer:
    """The other end of a connection, with the certificate that the handshake verified."""

    identity: Identity
    key: CertificateKey
    not_after: datetime
    authority: bytes
    """Identifier of the key that signed the certificate; empty if the certificate does not state it."""

    @property
    def device(self) -> Device:
        """Identity of the device for sessions: the same for every certificate of its authority, also a renewed one."""
        bound = hashlib.sha256()
        for part in (self.identity.uri.encode(), self.key.issuer, self.authority):
            bound.update(len(part).to_bytes(4, "big") + part)
        share = MANY_PEOPLE if self.identity.role is DeviceRole.CONSOLE else 1
        return Device(device(self.identity), bound.hexdigest(), self.identity.site, self.key.text, share)


@lru_cache(maxsize=1024)
def peer_of(certificate_pem: bytes) -> Peer:
    """Read a verified certificate; raises IDENTITY_INVALID unless exactly one of its URIs is ours and is valid."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        (uri,) = [uri for uri in uris if uri.lower().startswith(f"{SCHEME}:")]
        identity = Identity.parse(uri)
        return Peer(identity, CertificateKey.of(certificate), certificate.not_valid_after_utc, _authority(certificate))
    except Exception:  # noqa: BLE001  # the library reads parts lazily, and raises many types
        raise CekalwatchError(Code.IDENTITY_INVALID) from None


def _authority(certificate: x509.Certificate) -> bytes:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return b""
    return found.value.key_identifier or b""


class CertificateAuthentication(Protocol):
    """Admits devices, at the beginning of a call and again during it."""

    def admit(self, method: str, certificate_pem: bytes) -> Caller:
        """Return which device calls `method`; raises the refusal's CekalwatchError."""

    def revoked(self, certificate: str) -> bool:
        """Whether the certificate with that `CertificateKey.text` was revoked, even if it has expired since."""

    def follow(self) -> None:
        """Read changed data again, such as revocations; blocks."""

    @property
    def revocations(self) -> RevocationState | None:
        """Age of the revocations in force; None if there are none."""


class TlsCertificateAuthentication:
    """Requires the certificate of a device that has the right to make the call."""

    def __init__(self, revocations: Revocations | None, sites: frozenset[str], clock: Clock) -> None:
        """`revocations` is None if an existing authority publishes no lists."""
        self._revocations = revocations
        self._sites = sites
        self._clock = clock

    def admit(self, method: str, certificate_pem: bytes) -> Caller:
        """Return the device; raises IDENTITY_INVALID, and the errors of `refusal` and of the rights."""
        if code := self.refusal(certificate_pem):
            raise CekalwatchError(code)
        peer = peer_of(certificate_pem)
        return device_caller(peer.identity, peer.device, method, self._sites)

    def refusal(self, certificate_pem: bytes) -> Code | None:
        """Return CERTIFICATE_REVOKED or CERTIFICATE_EXPIRED if the certificate is so now."""
        peer = peer_of(certificate_pem)
        if self._revocations is not None and peer.key in self._revocations:
            return Code.CERTIFICATE_REVOKED
        return Code.CERTIFICATE_EXPIRED if self._clock.now() >= peer.not_after else None

    def revoked(self, certificate: str) -> bool:
        """Whether the certificate is on a list; without lists, none is."""
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
    """Admits every caller on this machine; plaintext is for this machine only."""

    def admit(self, method: str, certificate_pem: bytes) -> Caller:  # noqa: ARG002  # every caller is the same
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
