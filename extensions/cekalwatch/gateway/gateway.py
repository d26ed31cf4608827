"""The device that a gateway is: its subscription, and its calls. It knows no HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Never

from cekalwatch.client.alert_stream import AlertStream
from cekalwatch.client.client import SILENCE_S, Problems
from cekalwatch.contract.values.alarms import Alarms
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.gateway.held_events import HeldEvents
from cekalwatch.gateway.settings import GatewaySettings
from cekalwatch.office.client.service_client import NoToken
from cekalwatch.office.client.subscription import Start, Subscription, SubscriptionClient
from cekalwatch.program.loops import LOOPS
from cekalwatch.program.measures import UNMEASURED, Measures
from cekalwatch.wire.calls import Calls

MAX_WAITING: Final = 16
"""Requests that wait for events at once."""
MAX_LISTS: Final = 2
"""List files that are on their way at once."""
PROBLEMS_AGE_S: Final = 1.0
"""The problems are asked for no more often."""


_NONE: Alarms = ()


class GivenToken:
    """The token of the person for whom one request is made; empty: of nobody."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str:
        """Return it."""
        return self._token

    def keep(self, token: str) -> Never:
        """Nothing is kept: each request brings its own."""
        raise NotImplementedError("a gateway keeps no token: each request brings its own")

    def forget(self) -> None:
        """Nothing is kept."""


class Gateway:
    """It may be used from several threads. Nothing is sent before `filling` or the first request."""

    def __init__(self, settings: GatewaySettings, measures: Measures = UNMEASURED) -> None:
        """Raises ProgramError."""
        self.settings, self.measures = settings, measures
        self.key = settings.caller_key()
        self.dialer = settings.dialer(measures)
        self._client = SubscriptionClient(
            self.dialer.another(), settings.name, AlertFilter(), NoToken(), rings_nowhere=True
        )
        subscription = Subscription(self._client, Start.ACKNOWLEDGED, SILENCE_S)
        self.held = HeldEvents(AlertStream(self._client, subscription))
        self._calls = Calls(self.dialer)
        self._problems = Problems(self._calls, "", NoToken())
        self._asking = threading.Lock()
        self._told_s, self._told = -PROBLEMS_AGE_S, _NONE
        self.lists, self.waiting = threading.Semaphore(MAX_LISTS), threading.Semaphore(MAX_WAITING)

    def close(self) -> None:
        """End every call."""
        self.held.stop()
        self._client.close()
        self._calls.close()

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Read the subscription in a thread, until the end of the block."""
        thread = threading.Thread(
            target=LOOPS.keep_here, args=("gateway_events", self.held.fill, time.sleep), name="events", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            self.held.stop()
            thread.join()

    def problems(self) -> Alarms:
        """Return the present problems, at most a second old; raises CallError. A device has one such call at a time."""
        with self._asking:
            if time.monotonic() - self._told_s >= PROBLEMS_AGE_S:
                self._told = self._problems.open()
                self._told_s = time.monotonic()
            return self._told
