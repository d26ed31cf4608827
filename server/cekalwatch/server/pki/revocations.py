"""Which certificates are revoked: a file of revocation lists, read again when it changes.

While a file cannot be read, the former lists stay in force, and each check tries again. The time of the last successful
check is known, so that outdated lists are noticed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509

from cekalwatch.contract.values.status import RevocationLists
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.foundation.clock import Clock

_LIST = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----\s*", re.DOTALL)

log = structlog.get_logger()


@dataclass(frozen=True)
class CertificateKey:
    """Identifies a certificate: its issuer and its serial number."""

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


@dataclass(frozen=True)
class RevocationState(RevocationLists):
    """The lists in force, and their age."""

    def stale(self, limit: timedelta, now: datetime) -> bool:
        """Whether they could not be checked for longer than `limit`, or have expired."""
        ran_out = self.valid_until is not None and now >= self.valid_until
        return ran_out or self.unconfirmed_s > limit.total_seconds()


@dataclass(frozen=True)
class _Lists:
    revoked: frozenset[CertificateKey]
    issued_at: datetime
    valid_until: datetime | None

    @classmethod
    def of(cls, lists: Iterable[x509.CertificateRevocationList]) -> _Lists:
        read = tuple(lists)
        return cls(
            frozenset(CertificateKey(one.issuer.public_bytes(), entry.serial_number) for one in read for entry in one),
            min(one.last_update_utc for one in read),
            min((one.next_update_utc for one in read if one.next_update_utc), default=None),
        )


class Revocations:
    """The lists in `file`, signed by the authorities in the file `authorities`. One thread reads them at a time."""

    def __init__(self, file: Path, authorities: Path, clock: Clock) -> None:
        """Read the lists; raises ProgramError when they are missing, or their signature is wrong."""
        self._file = file
        self._authorities = authorities
        self._clock = clock
        self._problem = ""
        try:
            self._stamp = self._newest()
            self._lists = self._read()
        except (OSError, ValueError) as error:
            raise ProgramError(f"The revocation list {file} cannot be used: {_reason(error)}", Exit.CONFIG) from None
        self._read_at = clock.now()
        self._confirmed_s = time.monotonic()

    def __contains__(self, key: CertificateKey) -> bool:
        return key in self._lists.revoked

    @property
    def state(self) -> RevocationState:
        """State of the lists in force; any thread may ask."""
        lists = self._lists
        return RevocationState(
            len(lists.revoked),
            self._read_at,
            time.monotonic() - self._confirmed_s,
            lists.issued_at,
            lists.valid_until,
        )

    def follow(self) -> None:
        """Read the file again if it changed, or if the last reading failed."""
        try:
            stamp = self._newest()
            if stamp != self._stamp:
                self._lists = self._read()
                # Only after success: a file that could not be read is read again at the next check.
                self._stamp, self._read_at = stamp, self._clock.now()
                log.info("revocations_read", certificates=len(self._lists.revoked))
        except (OSError, ValueError) as error:
            if self._problem != (problem := _reason(error)):
                log.error("revocations_unreadable", problem=problem)  # noqa: TRY400
            self._problem = problem
        else:
            self._problem = ""
            self._confirmed_s = time.monotonic()

    def _newest(self) -> tuple[tuple[int, int, int], ...]:
        found = (self._file.stat(), self._authorities.stat())
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)

    def _read(self) -> _Lists:
        authorities = x509.load_pem_x509_certificates(self._authorities.read_bytes())
        try:
            lists = [x509.load_pem_x509_crl(found.group()) for found in _LIST.finditer(self._file.read_bytes())]
        except x509.InvalidVersion as error:  # the only error of the library that is not a ValueError
            raise ValueError(str(error)) from None
        if not lists:
            raise ValueError("it holds no list")
        for one in lists:
            # An authority and its successor may have the same name.
            if not any(_signed_by(one, authority) for authority in authorities):
                raise ValueError("a list is not signed by an authority of authority.pem")
            if one.next_update_utc and one.next_update_utc < self._clock.now():
                log.warning("revocations_outdated", until=one.next_update_utc.isoformat())
        return _Lists.of(lists)


def _signed_by(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        # A key type that cannot sign lists raises TypeError, and so does a name that holds no text.
        return authority.subject == crl.issuer and crl.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except TypeError:
        return False


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or "it cannot be read" if isinstance(error, OSError) else str(error)
