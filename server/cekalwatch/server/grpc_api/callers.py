"""Who calls, as far as a call tells: the address it comes from."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import grpc

from cekalwatch.server.security.audit import Actor, Party


def caller(context: grpc.aio.ServicerContext[Any, Any]) -> Actor:
    """Return who the audit trail names for a call; gRPC writes a peer as `ipv4:127.0.0.1:40312`."""
    _, _, address = unquote(context.peer()).partition(":")
    host, _, _ = address.rpartition(":")
    return Actor(Party.CLIENT, host or address)
