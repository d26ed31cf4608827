"""Bounds the wrong passwords that come from one device, whatever the names, on all servers of a database together.

A name is locked after a few wrong ones (`LockOut`); this keeps who holds a device from trying a few with every name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cekalwatch.server.auth.sessions import Device
from cekalwatch.server.auth.signing_in.sign_in import SignInRefusedError
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import Code
from cekalwatch.server.domain.people import TryAllowance
from cekalwatch.server.storage.people.store import PeopleStore


class DeviceTries:
    """Counts in the database; it blocks."""

    def __init__(self, store: PeopleStore, clock: Clock, allowance: TryAllowance | None = None) -> None:
        self._store = store
        self._clock = clock
        self._allowance = allowance or TryAllowance()

    @contextmanager
    def at(self, device: Device) -> Iterator[None]:
        """Count what the block does as a wrong try unless it ends well. Raises SIGN_IN_TOO_OFTEN before it.

        The server's own machine is not counted: who is there reads the database.
        """
        if not device.binding:
            yield
            return
        if not self._store.begin_try_at(device.binding, self._clock.now(), self._allowance, device.share):
            raise SignInRefusedError(Code.SIGN_IN_TOO_OFTEN, "device")
        yield
        self._store.take_back(device.binding, self._allowance, device.share)
