"""Finds the server that is running."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from cekalwatch.program.errors import Exit, ProgramError

if TYPE_CHECKING:
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.wire.dialer import Dialer

CONNECT_TIMEOUT_S = 3.0
EVERY_INTERFACE = frozenset({"0.0.0.0", "::"})  # noqa: S104  # what `listen` may say; nothing is bound here


def running_server(settings: ServerSettings, given: str | None) -> Dialer | None:
    """Return how to reach the running server, or None when the configured one is down. Raises ProgramError.

    It shows the server's own certificate: whoever may read its key administers the server.
    """
    from cekalwatch.program.connection import open_dialer
    from cekalwatch.wire.address import AddressError, split_address

    try:
        host, port = split_address(given or settings.listen)
    except AddressError as error:
        raise ProgramError(f"--server: {error}", Exit.USAGE) from None
    if port == 0:
        raise ProgramError(
            "The server's port is not configured (`listen` ends in 0): give --server HOST:PORT, or --offline",
            Exit.USAGE,
        )
    address = given or (f"127.0.0.1:{port}" if host in EVERY_INTERFACE else settings.listen)
    dialer = open_dialer(address, settings.tls_path)
    try:
        socket.create_connection(split_address(address), CONNECT_TIMEOUT_S).close()
    except ConnectionRefusedError:
        if given:
            raise ProgramError(f"No server is running at {address}", Exit.UNAVAILABLE) from None
        return None
    except OSError as error:
        raise ProgramError(f"Cannot reach the server at {address}: {error}", Exit.UNAVAILABLE) from None
    return dialer
