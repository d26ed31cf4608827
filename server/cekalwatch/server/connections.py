"""Bounds how many connections one address has at the server's ports, before TLS: gRPC has no such bound itself.

The kernel tells which sockets this process has. Where an address has too many, some are shut down, and gRPC finds them
closed by the client: the bytes of connections do not pass through here, so this costs nothing while they are few.
Connections on which no call was let in go first, the oldest before the newest, so that a device can connect
beside a flood from its own address. Linux only; elsewhere the firewall has to do it.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

HANDLES = Path("/proc/self/fd")
IPV6_SITE = 64
"""Bits of an IPv6 address that count: whoever has one has all below them."""
LOG_PERIOD_S = 10.0

log = structlog.get_logger()


@dataclass(frozen=True)
class ConnectionState:
    """The connections at one moment."""

    open: int = 0
    closed: int = 0
    """How many were closed since the start, their address having too many."""


@dataclass(frozen=True)
class _Connection:
    name: str
    """As the kernel calls the socket."""
    handle: int
    port: int
    address: str
    """Of the peer, as far as it counts."""
    peer: str
    """As gRPC calls it."""


class ConnectionWatch:
    """Looks at this process's connections; only the event loop's thread uses it, but for `state`."""

    def __init__(self, bounds: Mapping[int, int], monotonic: Callable[[], float] = time.monotonic) -> None:
        """`bounds` has the most connections of one address at each port, as it is at each look."""
        self._bounds = bounds
        self._monotonic = monotonic
        self._supported = HANDLES.exists()
        self._known: dict[str, _Connection | None] = {}
        """By the socket as the kernel calls it, the oldest first; None: it is no connection of ours."""
        self._let_in: set[str] = set()
        self._closed = 0
        self._logged_at_s: dict[str, float] = {}
        self._handles = -1

    @property
    def state(self) -> ConnectionState:
        """How many there are."""
        return ConnectionState(sum(one is not None for one in self._known.values()), self._closed)

    def let_in(self, peer: str) -> None:
        """Note that a call was let in on the connection of `peer`, as gRPC calls it."""
        self._let_in.add(peer)

    async def look(self) -> None:
        """Close what is too much."""
        if not self._supported or not self._changed():
            return
        self._follow()
        by_place: dict[tuple[int, str], list[_Connection]] = defaultdict(list)
        for one in self._known.values():
            if one is not None and one.port in self._bounds:
                by_place[one.port, one.address].append(one)
        for (port, address), found in by_place.items():
            if (surplus := len(found) - self._bounds[port]) > 0:
                self._close(address, self._first_to_go(found)[:surplus])

    def _changed(self) -> bool:
        """Whether sockets came or went since the last look; older kernels than 6.2 do not say, and count as changed."""
        handles = HANDLES.stat().st_size
        changed = handles != self._handles or not handles
        self._handles = handles
        return changed

    def _follow(self) -> None:
        present = dict(_sockets())
        self._known = {name: one for name, one in self._known.items() if name in present}
        for name, handle in present.items():
            if name not in self._known:
                self._known[name] = _connection(name, handle, self._bounds)
        self._let_in &= {one.peer for one in self._known.values() if one is not None}

    def _first_to_go(self, found: list[_Connection]) -> list[_Connection]:
        strangers = [one for one in found if one.peer not in self._let_in]
        others = [one for one in found if one.peer in self._let_in]
        return [*strangers, *reversed(others)]

    def _close(self, address: str, surplus: list[_Connection]) -> None:
        gone = [one for one in surplus if _shut_down(one)]
        self._known |= dict.fromkeys((one.name for one in gone), None)
        closed = len(gone)
        self._closed += closed
        self._handles = -1  # what could not be shut down is looked at again
        now_s = self._monotonic()
        self._logged_at_s = {one: at for one, at in self._logged_at_s.items() if now_s - at < LOG_PERIOD_S}
        if closed and address not in self._logged_at_s:
            self._logged_at_s[address] = now_s
            log.warning("connections_closed", address=address, closed=closed, closed_total=self._closed)


def _sockets() -> Iterator[tuple[str, int]]:
    """Yield this process's sockets, by the kernel's name, with a handle of each."""
    for handle in sorted(map(int, os.listdir(HANDLES))):  # noqa: PTH208  # often, and a Path takes ten times as long
        with suppress(OSError):  # it is closed by now
            name = os.readlink(f"{HANDLES}/{handle}")  # noqa: PTH115
            if name.startswith("socket:"):
                yield name, handle


def _connection(name: str, handle: int, ports: Mapping[int, int]) -> _Connection | None:
    """Return what is connected at one of `ports`; None for every other socket."""
    try:
        found = socket.socket(fileno=handle)
    except OSError:
        return None
    try:
        if found.family not in {socket.AF_INET, socket.AF_INET6} or found.getsockname()[1] not in ports:
            return None
        host, port = found.getpeername()[:2]
    except OSError:  # it listens, or is closed by now
        return None
    else:
        return _Connection(name, handle, found.getsockname()[1], _counted(host), _peer(found.family, host, port))
    finally:
        found.detach()  # it is gRPC's


def _counted(host: str) -> str:
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, IPV6_SITE), strict=False))


def _peer(family: int, host: str, port: int) -> str:
    """Return the peer as `ServicerContext.peer` writes it."""
    if family == socket.AF_INET:
        return f"ipv4:{host}:{port}"
    mapped = ipaddress.IPv6Address(host.partition("%")[0]).ipv4_mapped
    return f"ipv4:{mapped}:{port}" if mapped else f"ipv6:%5B{host}%5D:{port}"


def _shut_down(one: _Connection) -> bool:
    """Shut a connection down; False when its handle belongs to something else by now."""
    try:
        handle = os.dup(one.handle)  # so that it stays what it is while it is looked at
    except OSError:
        return False
    with socket.socket(fileno=handle) as held:
        try:
            if _peer(held.family, *held.getpeername()[:2]) != one.peer:
                return False
            held.shutdown(socket.SHUT_RDWR)
        except (OSError, ValueError):
            return False
    return True
