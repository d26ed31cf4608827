"""Where devices reach this server, for the one-line invitations with which they set themselves up."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from cekalwatch.program.checks.certificate import read_certificate
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.domain.errors import Code
from cekalwatch.server.pki.authority import LOOPBACK_HOSTS
from cekalwatch.server.pki.site_pki import hosts_of
from cekalwatch.server.refusals import RefusedError
from cekalwatch.wire.address import split_address


class ServerEndpoints(NamedTuple):
    """Addresses of the server, HOST:PORT."""

    server: str
    enrol: str


def endpoints_at(tls_dir: Path, listen: str, enrolment_listen: str) -> ServerEndpoints:
    """Return where devices reach this server, by the first name in its certificate in `tls_dir`.

    `listen` and `enrolment_listen` are where it listens, HOST:PORT; the latter is empty where no device can enrol.
    Raises ProgramError.
    """
    if not enrolment_listen:
        words = "No device can enrol: set enrolment_listen, and restart the server"
        raise RefusedError(Code.ENROLMENT_CLOSED, words, Exit.CONFIG)
    try:
        names = hosts_of(read_certificate(tls_dir))
    except (OSError, ValueError):
        raise ProgramError(f"There is no certificate of the server in {tls_dir}", Exit.CONFIG) from None
    host = next((name for name in names if name not in LOOPBACK_HOSTS), names[0])
    host = f"[{host}]" if ":" in host else host
    ports = (split_address(address)[1] for address in (listen, enrolment_listen))
    return ServerEndpoints(*(f"{host}:{port}" for port in ports))
