"""Addresses. Until certificates are in place, plaintext is allowed on loopback only; both ends refuse more."""

from __future__ import annotations

import ipaddress


class AddressError(ValueError):
    """An address that cannot be used; the message says what to write instead."""


def loopback_address(address: str) -> str:
    """Return `address` ("host:port") if it is on the loopback interface; raise AddressError otherwise."""
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdigit() or int(port) > 65535:
        raise AddressError(f"{address!r} is no address; write HOST:PORT, for example 127.0.0.1:50051")
    bare = host.strip("[]")
    if bare == "localhost":
        return address
    try:
        loopback = ipaddress.ip_address(bare).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise AddressError(f"{address!r} is not on this machine; plaintext is allowed on 127.0.0.1 or [::1] only")
    return address
