"""The settings with which a program finds its server, and the certificate that it shows there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import structlog
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.settings import Settings
from cekalwatch.wire.address import address_form, is_loopback
from cekalwatch.wire.dialer import Dialer, ServerChoice
from cekalwatch.wire.identity import IdentityError
from cekalwatch.wire.tls import FollowedTls, TlsError, TlsFiles

MAX_SERVERS = 16

log = structlog.get_logger()


def _between_commas(value: object) -> object:
    return tuple(map(str.strip, value.split(","))) if isinstance(value, str) else value


def _each_once(addresses: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(addresses)) < len(addresses):
        raise ValueError("an address is there twice")
    return addresses


class ClientSettings(Settings):
    """Base of the settings of a program that connects to the server."""

    server_addresses: Annotated[
        tuple[Annotated[str, AfterValidator(address_form)], ...],
        NoDecode,
        BeforeValidator(_between_commas),
        AfterValidator(_each_once),
        Field(min_length=1, max_length=MAX_SERVERS),
    ] = ("127.0.0.1:50051",)
    """HOST:PORT of the recognition server, or of each of several that share a database: each client uses one of them,
    and switches to the next if it is unavailable. In the environment and as an option, separated by commas."""
    tls_dir: Path
    """Folder with certificate.pem, key.pem and authority.pem. While it does not exist, plaintext is spoken, and only to
    a server on this machine."""

    @property
    def works_on(self) -> str:
        """The server, or each of several."""
        return f"the server {', '.join(self.server_addresses)}"

    def servers(self, client: str) -> ServerChoice:
        """Return the servers in the order of the device with this key."""
        return ServerChoice(self.server_addresses, client)


def open_dialer(servers: ServerChoice | str, tls_dir: Path, watches: tuple[Any, ...] = ()) -> Dialer:
    """Return the dialer for channels to `servers`, with the certificate in `tls_dir`; raises ProgramError.

    `watches`: see `Dialer`.
    """
    tls = follow(tls_dir)
    addresses = (servers,) if isinstance(servers, str) else servers.addresses
    for address in addresses:
        if tls is None and not is_loopback(address):
            raise ProgramError(
                f"{address} is another machine, and there is no certificate in {tls_dir}: enrol this device first, or "
                "set tls_dir (docs/certificates.md)",
                Exit.CONFIG,
            )
    return Dialer(servers, tls, watches)


def certificate_name(tls_dir: Path) -> str:
    """Return the name in the certificate in `tls_dir`; empty without a readable one."""
    from cekalwatch.program.cli.enrolment import identity_in

    try:
        return identity_in(TlsFiles(tls_dir).certificate.read_bytes()).name
    except (OSError, IdentityError):
        return ""  # opening a connection reports what is wrong with it


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
