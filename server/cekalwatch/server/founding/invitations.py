"""Where devices reach this server, for the one-line invitations with which they set themselves up."""

from __future__ import annotations

from typing import NamedTuple

from cekalwatch.program.checks.certificate import read_certificate
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.pki.authority import LOOPBACK_HOSTS
from cekalwatch.server.pki.site_pki import hosts_of
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.wire.address import split_address


class Reached(NamedTuple):
    """Addresses of the server, HOST:PORT."""

    server: str
    enrol: str


def reached_at(settings: ServerSettings) -> Reached:
    """Return where devices reach this server, by the first name in its certificate. Raises ProgramError."""
    if not settings.enrolment_listen:
        raise ProgramError("No device can enrol: set enrolment_listen, and restart the server", Exit.CONFIG)
    try:
        names = hosts_of(read_certificate(settings.tls_path))
    except (OSError, ValueError):
        raise ProgramError(f"There is no certificate of the server in {settings.tls_path}", Exit.CONFIG) from None
    host = next((name for name in names if name not in LOOPBACK_HOSTS), names[0])
    host = f"[{host}]" if ":" in host else host
    ports = (split_address(address)[1] for address in (settings.listen, settings.enrolment_listen))
    return Reached(*(f"{host}:{port}" for port in ports))
