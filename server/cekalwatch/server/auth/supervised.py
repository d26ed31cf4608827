"""At which devices a supervisor is signed in, so that what went to the supervisors reaches them there.

A subscription belongs to a device, before anybody signs in; who sits at it changes while it goes on.
"""

from __future__ import annotations

import threading

from cekalwatch.contract.values.people import CONFIRMS
from cekalwatch.server.auth.sessions import Device, TokenPurpose
from cekalwatch.server.auth.sign_in_terms import SessionTerms
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.storage.people.session_store import SessionStore


class SupervisedDevices:
    """Knows the devices as of the last `follow`, which blocks; asking costs nothing."""

    def __init__(self, store: SessionStore, terms: SessionTerms, clock: Clock) -> None:
        self._store = store
        self._terms = terms
        self._clock = clock
        self._following = threading.Lock()
        self._devices: frozenset[str] = frozenset()

    def follow(self) -> None:
        """Look at the sessions, whichever server began them. Raises StorageError."""
        with self._following:  # what was read first must not be the last that is known
            now = self._clock.now()
            used_since = now - self._terms.idle - self._terms.note_period
            self._devices = self._store.devices(TokenPurpose.SESSION, CONFIRMS, used_since, now)

    def __contains__(self, device: Device) -> bool:
        """Whether a supervisor is signed in at `device`; with plaintext, anywhere on this machine."""
        return device.binding in self._devices
