"""The settings with which a program finds its server, and the certificate that it shows there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import structlog
from pydantic import AfterValidator

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.settings import Settings
from cekalwatch.wire.address import address_form, is_loopback
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tls import FollowedTls, TlsError, TlsFiles

log = structlog.get_logger()


class ClientSettings(Settings):
    """Base of the settings of a program that connects to the server."""

    server_address: Annotated[str, AfterValidator(address_form)] = "127.0.0.1:50051"
    """HOST:PORT of the recognition server."""
    tls_dir: Path
    """Folder with certificate.pem, key.pem and authority.pem. While it does not exist, plaintext is spoken, and only to
    a server on this machine."""

    def dialer(self) -> Dialer:
        """Return what opens channels to the server; raises ProgramError when the certificate cannot be used."""
        return open_dialer(self.server_address, self.tls_dir)


def open_dialer(address: str, tls_dir: Path) -> Dialer:
    """Return what opens channels to `address`: with the certificate in `tls_dir`; raises ProgramError."""
    tls = follow(tls_dir)
    if tls is None and not is_loopback(address):
        raise ProgramError(
            f"{address} is another machine, and there is no certificate in {tls_dir}: enrol this device first, or set "
            "tls_dir (docs/certificates.md)",
            Exit.CONFIG,
        )
    return Dialer(address, tls)


def follow(tls_dir: Path) -> FollowedTls | None:
    """Return the certificate in `tls_dir`, followed; None when there is no such folder. Raises ProgramError."""
    if not tls_dir.exists():
        return None
    try:
        return FollowedTls(TlsFiles(tls_dir), _log_old_certificate)
    except TlsError as error:
        raise ProgramError(str(error), Exit.CONFIG) from None


def _log_old_certificate(problem: str) -> None:
    log.error("certificate_not_renewed", problem=problem)
