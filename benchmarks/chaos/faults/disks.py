"""Disks without room, and a disk that has become read-only: those of capture hosts, servers, PCs and PostgreSQL.

Each is a small file system of its own, so that only root can make these faults; others go without.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.machines import disk
from benchmarks.chaos.schedule import FaultKind
from benchmarks.chaos.sites.installation import Installation
from benchmarks.chaos.sites.plans import HOSTS, PCS, SERVERS

_LONG = (3.0, 15.0)


@contextmanager
def spool_full(there: Installation, target: str, _: random.Random) -> Iterator[None]:
    """A capture host can keep nothing."""
    site = there.site_of(target)
    host = site.hosts[target]
    with site.truth.unsafe_disk(host.cameras), disk.full(host.spool):
        yield


@contextmanager
def spool_read_only(there: Installation, target: str, _: random.Random) -> Iterator[None]:
    """A capture host can keep nothing, and remove nothing."""
    site = there.site_of(target)
    host = site.hosts[target]
    with site.truth.unsafe_disk(host.cameras), disk.read_only(host.spool):
        yield


@contextmanager
def data_full(there: Installation, target: str, _: random.Random) -> Iterator[None]:
    """A server can write nothing to its own folder: no signature's ledger, no checkpoint, no seen version; at the port
    nothing to its database."""
    with disk.full(there.site_of(target).servers[target].data_dir):
        yield


@contextmanager
def pc_full(there: Installation, target: str, _: random.Random) -> Iterator[None]:
    """A PC cannot record what it is about to show, and so shows nothing."""
    with disk.full(there.site_of(target).pcs[target].state_folder):
        yield


@contextmanager
def database_full(there: Installation, _target: str, _: random.Random) -> Iterator[None]:
    """The primary has no room: it refuses what needs some, and ends when its log has none."""
    with disk.full(there.centre.postgres.primary_folder):
        yield
    there.centre.postgres.start()


FAULTS = (
    Fault(FaultKind("full disk of a capture host", HOSTS, 1.0, _LONG, "disk"), spool_full),
    Fault(FaultKind("read-only disk of a capture host", HOSTS, 1.0, _LONG, "disk"), spool_read_only),
    Fault(FaultKind("full disk of a server", SERVERS, 1.0, _LONG, "disk"), data_full),
    Fault(FaultKind("full disk of a PC", PCS, 1.0, _LONG, "disk"), pc_full),
    Fault(FaultKind("full disk of PostgreSQL", ("database",), 1.0, (2.0, 8.0), "process"), database_full),
)
