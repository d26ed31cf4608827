"""Opens a server's port, and says so plainly when that is not possible."""

from __future__ import annotations

import grpc

from cekalwatch.program.errors import Exit, ProgramError


def listen_on(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None) -> int:
    """Return the port that `server` listens on, in plaintext without `credentials`; raises ProgramError."""
    try:
        if credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials)
    except RuntimeError:
        raise ProgramError(
            f"Cannot listen on {address}: another program does, or it is no address of this machine; choose another",
            Exit.UNAVAILABLE,
        ) from None
