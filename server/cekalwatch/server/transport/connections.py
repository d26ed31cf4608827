"""Limits connections where gRPC does not: their number per address, and data that is not a call.

The kernel tells which sockets this process has. Where an address has too many, some are shut down, and gRPC finds them
closed by the client: the bytes of connections do not pass through here, so this costs nothing while they are few.
Connections on which no call was let in go first, the oldest before the newest, so that a device can connect
beside a flood from its own address.

The kernel also tells how many bytes came on a connection, and gRPC how many of them were messages of calls. Headers
that never end, settings and pings are none: too much of that ends the connection, and its address gets no other one
for a moment.
Linux only; elsewhere the firewall has to do it.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from cekalwatch.contract.values.status import ConnectionState
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.transport.address_blocklist import AddressBlocklist
from cekalwatch.wire.address import counted_address

HANDLES = Path("/proc/self/fd")
LOG_PERIOD_S = 10.0
MAX_STRANGER_BYTES = 256_000
"""Bytes on a connection before the first call is let in: its handshake, its headers, and of its messages what the
windows of HTTP/2 hold while a busy server has not come to it."""
CALL_BYTES = 8_192
"""Headers of a call, at most."""
MAX_SURPLUS_BYTES = 1_000_000
"""Bytes beyond messages and headers of calls that come in a burst: some messages are on their way."""
SURPLUS_BYTES_PER_S = 64_000.0
"""Also allowed at any time: frames, acknowledgements and heartbeats."""
SURPLUS_SHARE = 0.1
"""Of the messages, for their frames and for TLS."""
PERIOD_S = 0.1
HURRY_S = 0.02
"""Pause between two looks while strangers are connected, and for HURRIED_S after a flood was ended: gRPC reads what
comes as long as something does, and others wait for it meanwhile."""
HURRIED_S = 10.0
LOOKING_SHARE = 0.1
"""Of a thread's time that looks may take while there is hurry."""
MEASURE_PERIOD_S = 0.5
_BYTES_RECEIVED = struct.Struct("128xQ")
"""Where `struct tcp_info` of linux/tcp.h has tcpi_bytes_received."""

log = structlog.get_logger()


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


@dataclass
class Received:
    """Bytes received on one connection."""

    useful: float = 0.0
    """Bytes of messages and headers of calls."""
    _seen: int = 0
    _credited: float = 0.0
    _surplus: float = 0.0

    def take(self, message_bytes: int) -> None:
        """Note a message of a call."""
        self.useful += message_bytes * (1 + SURPLUS_SHARE)

    def floods(self, came: int, seconds: float) -> bool:
        """Whether too much arrived that is not a call: `came` bytes in total, and `seconds` since the last look."""
        useful = self.useful  # the event loop goes on counting
        surplus = (came - self._seen) - (useful - self._credited)
        self._seen, self._credited = came, useful
        self._surplus = max(0.0, self._surplus + surplus - SURPLUS_BYTES_PER_S * seconds)
        return self._surplus > MAX_SURPLUS_BYTES


class ConnectionWatch:
    """Checks this process's connections, on a separate thread, because a flood keeps the event loop busy."""

    def __init__(self) -> None:
        self._bounds: Mapping[int, int] = {}
        self._supported = HANDLES.exists()
        self._known: dict[str, _Connection | None] = {}
        """By the kernel's name of the socket, the oldest first; None: not a connection of ours."""
        self._let_in: dict[str, Received] = {}
        """Connections on which a call was let in, by the peer as gRPC calls it."""
        self._peers: set[str] = set()
        """Connections counted at the last check."""
        self._changing = threading.Lock()
        self._measured_at_s = time.monotonic()
        self._ended = threading.Event()
        run = partial(LOOPS.keep_here, "watch_connections", self._round, self._ended.wait)
        self._thread = threading.Thread(target=run, name="connections", daemon=True)
        self._blocklist = AddressBlocklist()
        self._closed = 0
        self._logged_at_s: dict[str, float] = {}
        self._handles = -1
        self._pause_s = PERIOD_S
        self._hurried_until_s = time.monotonic()

    @property
    def state(self) -> ConnectionState:
        """How many there are."""
        return ConnectionState(sum(one is not None for one in self._known.values()), self._closed)

    def let_in(self, peer: str) -> Received:
        """Record an admitted call on the connection of `peer`, as gRPC names it; return its messages' counter."""
        if not self._supported:
            return Received()
        with self._changing:
            received = self._let_in.setdefault(peer, Received())
        received.useful += CALL_BYTES
        return received

    def start(self, bounds: Mapping[int, int]) -> None:
        """Begin to look, where the kernel tells; `bounds` has the most connections of one address at each port."""
        self._bounds = bounds
        if self._supported:
            self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _round(self) -> bool:
        if self._ended.wait(self._pause_s):
            return False
        begun_s = time.monotonic()
        self.look()
        looked_s = time.monotonic() - begun_s
        hurry = self._strangers() or begun_s < self._hurried_until_s
        self._pause_s = min(PERIOD_S, max(HURRY_S, looked_s / LOOKING_SHARE)) if hurry else PERIOD_S
        return True

    def _strangers(self) -> bool:
        return any(one is not None and one.peer not in self._let_in for one in self._known.values())

    def look(self) -> None:
        """Close connections beyond the limits."""
        seconds = time.monotonic() - self._measured_at_s
        due = seconds >= MEASURE_PERIOD_S
        if self._changed() or due:
            self._follow()
            self._bound_addresses()
        self._end_floods(seconds if due else None)
        self._blocklist.apply(lambda: (handle for _, handle in _sockets()), self._bounds)
        if due:
            self._measured_at_s += seconds

    def _bound_addresses(self) -> None:
        by_place: dict[tuple[int, str], list[_Connection]] = defaultdict(list)
        for one in self._known.values():
            if one is not None and one.port in self._bounds:
                by_place[one.port, one.address].append(one)
        for (port, address), found in by_place.items():
            if (surplus := len(found) - self._bounds[port]) > 0:
                self._close(address, self._first_to_go(found)[:surplus])

    def _changed(self) -> bool:
        """Whether sockets were opened or closed since the last look; kernels before 6.2 always count as changed."""
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
        with self._changing:
            # A newer one is kept: the next look finds it.
            for peer in self._peers - {one.peer for one in self._known.values() if one is not None}:
                self._let_in.pop(peer, None)
            self._peers = set(self._let_in)

    def _first_to_go(self, found: list[_Connection]) -> list[_Connection]:
        strangers = [one for one in found if one.peer not in self._let_in]
        others = [one for one in found if one.peer in self._let_in]
        return [*strangers, *reversed(others)]

    def _end_floods(self, seconds: float | None) -> None:
        """End connections with too much data that is not a call; `seconds`: how long the others were not measured."""
        for one in tuple(self._known.values()):
            if one is None:
                continue
            received = self._let_in.get(one.peer)
            if received is None:
                floods = (_received(one) or 0) > MAX_STRANGER_BYTES
            else:
                came = None if seconds is None else _received(one)
                floods = came is not None and seconds is not None and received.floods(came, seconds)
            if floods:
                self._blocklist.block(one.address)
                self._close(one.address, [one])
                self._hurried_until_s = time.monotonic() + HURRIED_S

    def _close(self, address: str, surplus: list[_Connection]) -> None:
        gone = [one for one in surplus if _shut_down(one)]
        self._known |= dict.fromkeys((one.name for one in gone), None)
        closed = len(gone)
        self._closed += closed
        self._handles = -1  # what could not be shut down is looked at again
        now_s = time.monotonic()
        self._logged_at_s = {one: at for one, at in self._logged_at_s.items() if now_s - at < LOG_PERIOD_S}
        if closed and address not in self._logged_at_s:
            self._logged_at_s[address] = now_s
            log.warning("connections_closed", address=address, closed=closed, closed_total=self._closed)


def _sockets() -> Iterator[tuple[str, int]]:
    """Yield this process's sockets, by the kernel's name, with a handle of each."""
    for handle in sorted(map(int, os.listdir(HANDLES))):  # noqa: PTH208  # often, and a Path takes ten times as long
        with suppress(OSError):  # it is closed already
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
    except OSError:  # it listens, or is closed already
        return None
    else:
        return _Connection(name, handle, found.getsockname()[1], counted_address(host), _peer(found.family, host, port))
    finally:
        found.detach()  # it is gRPC's


def _peer(family: int, host: str, port: int) -> str:
    """Return the peer as `ServicerContext.peer` writes it."""
    if family == socket.AF_INET:
        return f"ipv4:{host}:{port}"
    mapped = ipaddress.IPv6Address(host.partition("%")[0]).ipv4_mapped
    return f"ipv4:{mapped}:{port}" if mapped else f"ipv6:%5B{host}%5D:{port}"


def _received(one: _Connection) -> int | None:
    """Return how many bytes arrived on a connection; None if unknown."""
    try:
        found = socket.socket(fileno=one.handle)
    except OSError:
        return None
    try:
        info = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED.size)
        return int(_BYTES_RECEIVED.unpack(info)[0])
    except (OSError, struct.error):  # closed already, or an older kernel
        return None
    finally:
        found.detach()  # it is gRPC's


def _shut_down(one: _Connection) -> bool:
    """Shut a connection down; False when its handle now belongs to something else."""
    try:
        handle = os.dup(one.handle)  # so that it cannot change during the check
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
