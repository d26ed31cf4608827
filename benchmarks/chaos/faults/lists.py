"""The watchlist changes at its source, or shrinks to nothing much."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.port import Port
from benchmarks.chaos.schedule import FaultKind
from deploy.demo.watchlist import ORDERS_FILE

FOLLOWED_WITHIN_S = 300.0
LOOK_EVERY_S = 1.0
SETTLED_S = 3.0
"""For which all servers must have said the same: one that hung may say what it knew before."""


@contextmanager
def changed(port: Port, _target: str, chance: random.Random) -> Iterator[None]:
    """One person comes on the list, or leaves it."""
    listed = chance.random() < 0.6
    change = port.truth.list_changes()
    port.write_list(wanderer=listed)
    threading.Thread(target=_follow, args=(port, change, listed), daemon=True, name="list").start()
    yield


def _follow(port: Port, change: int, listed: bool) -> None:
    """Tell the truth when all servers know of a change."""
    wanted = len(port.people) - 3 + listed
    deadline, since = time.monotonic() + FOLLOWED_WITHIN_S, None
    while time.monotonic() < deadline:
        with suppress(ValueError):  # the port is being closed
            if set(port.searched()) != {wanted}:
                since = None
            elif since is None:
                since = time.monotonic()
            elif time.monotonic() - since > SETTLED_S:
                port.truth.list_changed(change, listed=listed)
                return
        time.sleep(LOOK_EVERY_S)


@contextmanager
def shrunk(port: Port, _target: str, _: random.Random) -> Iterator[None]:
    """All but the first order are missing for a while: nobody may leave the list for it."""
    whole = (port.watchlist / ORDERS_FILE).read_bytes()
    port.replace_list(b"".join(whole.splitlines(keepends=True)[:2]))
    yield
    port.replace_list(whole)


_LIST = ("list",)

FAULTS = (
    Fault(FaultKind("change of the list", _LIST, 1.0, (0.1, 0.2), "list"), changed),
    Fault(FaultKind("shrunken list", _LIST, 0.7, (2.0, 20.0), "list"), shrunk),
)
