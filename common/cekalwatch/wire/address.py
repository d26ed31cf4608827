"""Parses HOST:PORT, and finds out which addresses are local, and which are equivalent."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

IPV6_SITE = 64
"""Significant bits of an IPv6 address: a subscriber has all addresses below them."""
_LINK_LOCAL = tuple(
    ipaddress.ip_network(network) for network in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254", "100.100.100.200")
)
"""With two that clouds use for the same: their services tell a machine its passwords."""


class AddressError(ValueError):
    """An unusable address; the message says what to write instead."""


def split_address(address: str) -> tuple[str, int]:
    """Return host (without brackets) and port of "host:port"; raise AddressError when it is not of that form."""
    host, separator, port = address.rpartition(":")
    bare = host.strip("[]")
    if not separator or not bare or not port.isdecimal() or int(port) > 65535 or (":" in host and host[0] != "["):
        raise AddressError(f"{address!r} is not an address; write HOST:PORT, for example 127.0.0.1:50051")
    return bare, int(port)


def address_form(address: str) -> str:
    """Return `address` if it has the form HOST:PORT; raise AddressError otherwise."""
    split_address(address)
    return address


def address_or_none(address: str) -> str:
    """Return `address` if it is empty or has the form HOST:PORT; raise AddressError otherwise."""
    return address_form(address) if address else ""


def is_loopback(address: str) -> bool:
    """Whether `address` ("host:port") is on this machine's loopback interface; AddressError when it is none."""
    host, _ = split_address(address)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_link_local(host: str) -> bool:
    """Whether `host`, without brackets, is a link-local IP address; a name is none."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return any((getattr(address, "ipv4_mapped", None) or address) in network for network in _LINK_LOCAL)


def safe_url(url: str) -> str:
    """Return `url` if it is https, or http on this machine's loopback interface; raises AddressError.

    A link-local address is none of these.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
        local = parts.scheme == "http" and is_loopback(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except ValueError:
        raise AddressError(f"{url} is no URL") from None
    if not local and not (parts.scheme == "https" and host):
        raise AddressError(f"{url} must begin with https://")
    if is_link_local(host):
        raise AddressError(f"{url} is a link-local address")
    return url


def counted_address(host: str) -> str:
    """Return the address of a peer as far as it counts, where connections or tries of one address are bounded.

    Raises ValueError for an invalid address.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, IPV6_SITE), strict=False))
