"""Whether the server has an identity provider, so that the pages offer it. The provider itself is asked for nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import grpc

from cekalwatch.contract.values.people import ProviderFacts
from cekalwatch.office.client.service_client import NoToken
from cekalwatch.office.client.session_client import SessionClient
from cekalwatch.wire.dialer import Dialer

KNOWN_S: Final = 30.0
ASKING_S: Final = 2.0
"""How long a page waits for the server: if it is away, people can still enter a password."""


class ProviderOffer:
    """What the server last said of its identity provider. It may be used from several threads."""

    def __init__(self, dialer: Dialer, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sessions = SessionClient(dialer, NoToken())
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._provider: ProviderFacts | None = None
        self._asked_s: float | None = None

    def now(self) -> ProviderFacts | None:
        """Return the provider without its endpoints; None when there is none, or the server has not answered yet."""
        with self._lock:
            now_s = self._monotonic()
            if self._asked_s is None or now_s - self._asked_s > KNOWN_S:
                with suppress(grpc.RpcError):  # the last answer stays until the server is back
                    self._provider = self._sessions.provider(with_endpoints=False, deadline_s=ASKING_S)
                self._asked_s = self._monotonic()
            return self._provider

    def with_endpoints(self) -> ProviderFacts | None:
        """Return the provider as a browser has to know it; raises grpc.RpcError, as when it cannot be reached."""
        return self._sessions.provider(with_endpoints=True)
