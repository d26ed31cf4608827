"""The watchlist changes at its source, also while the port is cut off, or shrinks to nothing much."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.faults.lines import TO_CENTRE, cut
from benchmarks.chaos.schedule import FaultKind
from benchmarks.chaos.sites.installation import Installation
from benchmarks.chaos.sites.running_site import RunningSite
from deploy.demo.watchlist import ORDERS_FILE

FOLLOWED_WITHIN_S = 300.0
LOOK_EVERY_S = 1.0
SETTLED_S = 3.0
"""For which all servers must have said the same: one that hung may say what it knew before."""


@contextmanager
def changed(there: Installation, _target: str, chance: random.Random) -> Iterator[None]:
    """One person comes on the list, or leaves it."""
    listed = chance.random() < 0.6
    changes = [site.truth.list_changes() for site in there.sites]
    there.write_list(wanderer=listed)
    threading.Thread(target=_follow, args=(there, changes, listed), daemon=True, name="list").start()
    yield


@contextmanager
def changed_while_cut(there: Installation, target: str, chance: random.Random) -> Iterator[None]:
    """The same, while the port cannot hear of it."""
    with cut(there, TO_CENTRE, chance), changed(there, target, chance):
        yield


def _follow(there: Installation, changes: list[int], listed: bool) -> None:
    """Tell the truth when all servers of a site know of a change: the centre's first, then the port's."""
    wanted = there.searched(wanderer=listed)
    deadline = time.monotonic() + FOLLOWED_WITHIN_S
    with suppress(ValueError):  # all is being closed
        for site, change in zip(there.sites, changes, strict=True):
            if not _all_search(site, wanted, deadline):
                return
            site.truth.list_changed(change, listed=listed)


def _all_search(site: RunningSite, wanted: int, deadline: float) -> bool:
    since = None
    while time.monotonic() < deadline:
        if site.searched() != {wanted}:
            since = None
        elif since is None:
            since = time.monotonic()
        elif time.monotonic() - since > SETTLED_S:
            return True
        time.sleep(LOOK_EVERY_S)
    return False


@contextmanager
def shrunk(there: Installation, _target: str, _: random.Random) -> Iterator[None]:
    """All but the first order are missing for a while: nobody may leave the list for it."""
    whole = (there.centre.watchlist / ORDERS_FILE).read_bytes()
    there.centre.replace_list(b"".join(whole.splitlines(keepends=True)[:2]))
    yield
    there.centre.replace_list(whole)


_LIST = ("list",)

FAULTS = (
    Fault(FaultKind("change of the list", _LIST, 1.0, (0.1, 0.2), "list"), changed),
    Fault(FaultKind("change of the list while the port is cut", _LIST, 1.0, (5.0, 20.0), "list"), changed_while_cut),
    Fault(FaultKind("shrunken list", _LIST, 0.7, (2.0, 20.0), "list"), shrunk),
)
