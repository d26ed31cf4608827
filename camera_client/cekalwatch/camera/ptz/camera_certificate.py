"""How the certificate of a camera is checked before anything is told to it: a password, or a question.

By its fingerprint, when one is set; else by an authority, the office's own or those that this machine knows.
"""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Final

MISMATCH: Final = "its certificate has another fingerprint"


class CertificateCheckError(Exception):
    """What a camera's certificate is to be checked by cannot be used; the message says why."""


def tls_to_camera(fingerprint: str | None, authority: Path | None) -> ssl.SSLContext:
    """Return what a connection to a camera is made with. Raises CertificateCheckError.

    `fingerprint`: SHA-256 of its certificate, 64 hexadecimal digits; name, authority and validity are then not looked
    at. `authority`: a PEM file; None stands for the authorities that this machine knows.
    """
    if fingerprint:
        return _PinnedContext.of(bytes.fromhex(fingerprint))
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:  # ssl.SSLError is one
        reason = "holds no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise CertificateCheckError(f"{authority} {reason}") from None


class _PinnedContext(ssl.SSLContext):
    """Takes one certificate only."""

    fingerprint: bytes

    @classmethod
    def of(cls, fingerprint: bytes) -> _PinnedContext:
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.fingerprint = fingerprint
        context.sslobject_class = _PinnedConnection
        return context


class _PinnedConnection(ssl.SSLObject):
    """Ends with the handshake when the other side has shown another certificate: nothing was told by then."""

    def do_handshake(self) -> None:
        """Shake hands, and look at the certificate. Raises ssl.SSLError."""
        super().do_handshake()
        shown = self.getpeercert(binary_form=True) or b""
        expected = self.context.fingerprint if isinstance(self.context, _PinnedContext) else b""
        if hashlib.sha256(shown).digest() != expected:
            raise ssl.SSLCertVerificationError(MISMATCH)
