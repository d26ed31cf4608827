"""Connections that say something or nothing, and are held open until the other side closes them."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(20)
"""The beginning of a TLS handshake, which never ends."""
WAIT_S = 10.0


@contextmanager
def held(port: int, count: int, said: bytes = b"", source: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """Hold so many connections to a port of this machine, from `source`, that say this, and nothing more."""
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port), WAIT_S, (source, 0)))
            with suppress(OSError):  # it is closed already
                one.sendall(said)
            found.append(one)
        yield found


def still_open(connections: Sequence[socket.socket]) -> int:
    """Count those that the other side has not closed; what it has said on them is read and forgotten."""
    return sum(map(_is_open, connections))


def _is_open(one: socket.socket) -> bool:
    one.setblocking(False)
    try:
        return bool(one.recv(4096))
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        one.settimeout(WAIT_S)
