"""How alert events reach notifiers, and how these say what they have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from cekalwatch.server.alerts.details import AlertDetailsReader
from cekalwatch.server.alerts.fanout import Acknowledgements, Fanout
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.orders import Checkpoints
from cekalwatch.server.wiring.stores import Stores


@dataclass(frozen=True)
class DeliveryWiring:
    """The way of an alert event from the log to the officers."""

    details: AlertDetailsReader
    fanout: Fanout
    acknowledgements: Acknowledgements
    announce: Callable[[], None]
    """Says that the log has grown; any thread may call it."""

    @classmethod
    def open(cls, stores: Stores, checkpoints: Checkpoints, clock: Clock, stack: ExitStack) -> Self:
        """Begin at the log's end."""
        details = AlertDetailsReader(stores.alerts, stores.watchlist, stores.people, checkpoints, clock)
        fanout, acknowledgements = Fanout(stores.alerts, details), Acknowledgements(stores.alerts, clock)
        stack.callback(fanout.close)
        stack.callback(acknowledgements.close)
        loop = asyncio.get_running_loop()

        def announce() -> None:
            loop.call_soon_threadsafe(fanout.wake)

        return cls(details, fanout, acknowledgements, announce)
