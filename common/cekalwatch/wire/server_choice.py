"""Which of several servers a client uses: the first of its own order, and the next when that one is lost.

The order is by rendezvous hashing (Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996): clients
spread evenly over the servers, and so do those of a server that died over the others. A client goes back to the first
of its order when it loses the server that it went to, not before.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable


class ServerChoice:
    """The addresses of servers that do the same, and the one in use. Any thread may use it."""

    def __init__(self, addresses: Iterable[str], client: str = "") -> None:
        """`addresses`: at least one, each HOST:PORT; `client`: the key of who connects, which makes the order."""
        self.addresses = tuple(sorted(addresses, key=lambda one: hashlib.sha256(f"{client} {one}".encode()).digest()))
        """In the order in which they are tried."""
        self._address = self.addresses[0]
        self._lost: set[str] = set()
        """Those that were lost since a server was reached."""
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """The one to connect to."""
        return self._address

    def reached(self, address: str) -> None:
        """Note that the server at `address` answers."""
        with self._lock:
            if address == self._address:
                self._lost.clear()

    def lost(self, address: str) -> None:
        """Note that the server at `address` is away or ends, and choose another, unless a thread has done so before."""
        with self._lock:
            if address != self._address:
                return
            self._lost.add(address)
            if len(self._lost) == len(self.addresses):
                self._lost = {address} if len(self.addresses) > 1 else set()
            self._address = next(one for one in self.addresses if one not in self._lost)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.addresses)
