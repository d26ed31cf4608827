"""Which certificates are revoked: a file of revocation lists, read again when it changes.

A file that cannot be read leaves the former lists in force.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from cryptography import x509

from cekalwatch.program.errors import Exit, ProgramError

_LIST = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----\s*", re.DOTALL)

log = structlog.get_logger()


@dataclass(frozen=True)
class CertificateKey:
    """What tells one certificate from every other: who issued it, and its serial number."""

    issuer: bytes
    serial: int

    @classmethod
    def of(cls, certificate: x509.Certificate) -> CertificateKey:
        """Return the key of `certificate`."""
        return cls(certificate.issuer.public_bytes(), certificate.serial_number)

    @property
    def text(self) -> str:
        """Both in hexadecimal, with a colon between."""
        return f"{self.issuer.hex()}:{self.serial:x}"

    @classmethod
    def parse(cls, text: str) -> CertificateKey:
        """Read `text`; raises ValueError."""
        issuer, _, serial = text.partition(":")
        return cls(bytes.fromhex(issuer), int(serial, 16))


class Revocations:
    """The lists in `file`, signed by the authorities in the file `authorities`. One thread reads them at a time."""

    def __init__(self, file: Path, authorities: Path) -> None:
        """Read the lists; raises ProgramError when there are none, or their signature is wrong."""
        self._file = file
        self._authorities = authorities
        self._stamp: tuple[int, int, int] | None = None
        self._revoked: frozenset[CertificateKey] = frozenset()
        try:
            self._stamp = self._now()
            self._revoked = self._read()
        except (OSError, ValueError) as error:
            raise ProgramError(f"The revocation list {file} cannot be used: {_reason(error)}", Exit.CONFIG) from None

    def __contains__(self, key: CertificateKey) -> bool:
        return key in self._revoked

    def follow(self) -> None:
        """Read the file again if it changed."""
        try:
            stamp = self._now()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._revoked = self._read()
            log.info("revocations_read", certificates=len(self._revoked))
        except (OSError, ValueError) as error:
            log.error("revocations_unreadable", problem=_reason(error))  # noqa: TRY400

    def _now(self) -> tuple[int, int, int]:
        found = self._file.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> frozenset[CertificateKey]:
        authorities = x509.load_pem_x509_certificates(self._authorities.read_bytes())
        lists = [x509.load_pem_x509_crl(found.group()) for found in _LIST.finditer(self._file.read_bytes())]
        if not lists:
            raise ValueError("it holds no list")
        revoked: set[CertificateKey] = set()
        for one in lists:
            issuer = one.issuer.public_bytes()
            # Two may have one name, the former and its successor.
            if not any(_signed_by(one, authority) for authority in authorities if authority.subject == one.issuer):
                raise ValueError("a list is not signed by an authority of authority.pem")
            if one.next_update_utc and one.next_update_utc < datetime.now(one.next_update_utc.tzinfo):
                log.warning("revocations_outdated", until=one.next_update_utc.isoformat())
            revoked.update(CertificateKey(issuer, entry.serial_number) for entry in one)
        return frozenset(revoked)


def _signed_by(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        # A key of a kind that signs no lists is a TypeError.
        return crl.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except TypeError:
        return False


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or "it cannot be read" if isinstance(error, OSError) else str(error)
