"""What comes of an authority, a device or a stranger: revocation lists, certificates, enrolment requests."""

from __future__ import annotations

import base64
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cekalwatch.program.errors import ProgramError
from cekalwatch.server.auth.certificate import peer_of
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.pki.revocations import Revocations
from cekalwatch.server.pki.site_pki import SitePki
from cekalwatch.wire.invitation import SECRET_BYTES

NOW = datetime(2026, 11, 26, tzinfo=UTC)
KEY = ec.derive_private_key(0xCE4A1, ec.SECP256R1())
"""Signs what is fuzzed, so that fuzzing does not end at a signature."""
_ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


def der(tag: int, content: bytes) -> bytes:
    """An element of DER."""
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x80 | (n := (size.bit_length() + 7) // 8)]) + size.to_bytes(n)
    return bytes([tag]) + length + content


def signed(content: bytes) -> bytes:
    """`content` with our signature: a certificate, a list or a request, whichever its content is."""
    signature = KEY.sign(content, ec.ECDSA(hashes.SHA256()))
    return der(0x30, content + _ECDSA_WITH_SHA256 + der(0x03, b"\0" + signature))


def pem(kind: str, content: bytes) -> bytes:
    """DER as PEM, so that a changed byte is one there too."""
    return f"-----BEGIN {kind}-----\n{base64.encodebytes(content).decode()}-----END {kind}-----\n".encode()


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="cekalwatch-fuzz-"))
    (folder / "authority.pem").write_bytes(authority().public_bytes(serialization.Encoding.PEM))
    return folder


@cache
def authority() -> x509.Certificate:
    """Of KEY."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fuzz")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key()).serial_number(1)
    return built.not_valid_before(NOW).not_valid_after(NOW.replace(year=2046)).sign(KEY, hashes.SHA256())


def revocation_list(data: bytes) -> None:
    """The file of lists: its text (first byte 0), one list as DER (1), or its content, which we sign (2)."""
    if not data:
        return
    kind, rest = data[0] % 3, data[1:]
    text = rest if kind == 0 else pem("X509 CRL", rest if kind == 1 else signed(rest))
    (_folder() / "crl.pem").write_bytes(text)
    with suppress(ProgramError):
        Revocations(_folder() / "crl.pem", _folder() / "authority.pem", SystemClock())


def certificate(data: bytes) -> None:
    """A device's certificate: text (first byte 0), DER (1), or its content, which we sign (2)."""
    if not data:
        return
    kind, rest = data[0] % 3, data[1:]
    text = rest if kind == 0 else pem("CERTIFICATE", rest if kind == 1 else signed(rest))
    with suppress(CekalwatchError):
        assert peer_of.__wrapped__(text).identity.uri.isascii()


@cache
def _pki() -> SitePki:
    return SitePki.create(_folder() / "pki", "batam-center", NOW)


def enrolment_request(data: bytes) -> None:
    """A stranger's request for a certificate: DER (first byte even), or its content, which we sign (odd)."""
    if not data:
        return
    with suppress(CekalwatchError):
        _pki().enrol(bytes(SECRET_BYTES), data[1:] if data[0] % 2 == 0 else signed(data[1:]), NOW)
