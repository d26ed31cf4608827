"""An address is barred from new connections for a moment; others, and connections that stand, are not."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from cekalwatch.server.transport import address_blocklist
from cekalwatch.server.transport.address_blocklist import AddressBlocklist

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")

SHORT_S = 0.3


@pytest.fixture(params=["127.0.0.1", "::1", "::"])
def listening(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    """A socket of IPv4, of IPv6, and of both."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with (
        suppress(OSError),
        socket.create_server((request.param, 0), family=family, dualstack_ipv6=request.param == "::") as made,
    ):
        yield made
        return
    pytest.skip("this machine has no IPv6")


def connects(listening: socket.socket, source: str = "") -> bool:
    host, port = listening.getsockname()[:2]
    target = "127.0.0.1" if host == "::" else host
    try:
        socket.create_connection((target, port), SHORT_S, (source, 0) if source else None).close()
    except TimeoutError:
        return False
    return True


def own(listening: socket.socket) -> str:
    """The address from which a test connects, as it is counted."""
    return "::/64" if listening.getsockname()[0] == "::1" else "127.0.0.1"


def test_who_is_barred_gets_no_connection_until_it_is_over(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = listening.getsockname()[:2]
    blocklist = AddressBlocklist()
    with socket.create_connection(("127.0.0.1" if host == "::" else host, port)) as standing:
        accepted, _ = listening.accept()
        blocklist.block(own(listening))
        blocklist.apply(lambda: [listening.fileno()], {port})
        assert not connects(listening)
        if host != "::1":
            assert connects(listening, "127.0.0.9"), "others do"
        with accepted:
            standing.sendall(b"what stands goes on")
            assert accepted.recv(100) == b"what stands goes on"
    monkeypatch.setattr("time.monotonic", lambda: 1e12)
    blocklist.apply(lambda: [listening.fileno()], {port})
    assert connects(listening)


def test_of_many_addresses_the_newest_are_barred(listening: socket.socket) -> None:
    blocklist, port = AddressBlocklist(), listening.getsockname()[1]
    for number in range(address_blocklist.MAX_BARRED + 20):
        blocklist.block(f"192.0.2.{number}")
        blocklist.block(f"2001:db8:0:{number:x}::/64")
    blocklist.apply(lambda: [listening.fileno()], {port})
    assert connects(listening)
    blocklist.block(own(listening))
    blocklist.apply(lambda: [listening.fileno()], {port})
    assert not connects(listening)


def test_other_ports_are_left_alone(listening: socket.socket) -> None:
    blocklist = AddressBlocklist()
    blocklist.block(own(listening))
    blocklist.apply(lambda: [listening.fileno()], {1})
    assert connects(listening)
