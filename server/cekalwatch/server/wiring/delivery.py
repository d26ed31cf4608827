"""How alert events reach notifiers, and how notifiers acknowledge them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from cekalwatch.server.alerts.details import AlertDetailsReader
from cekalwatch.server.alerts.fanout import Acknowledgements, Fanout
from cekalwatch.server.wiring.context import Context


@dataclass(frozen=True)
class DeliveryWiring:
    """The way of an alert event from the log to the officers."""

    details: AlertDetailsReader
    fanout: Fanout
    acknowledgements: Acknowledgements
    announce: Callable[[], None]
    """Says that the log has grown; any thread may call it."""

    @classmethod
    def open(cls, context: Context) -> Self:
        """Begin at the log's end."""
        stores, clock = context.stores, context.clock
        details = AlertDetailsReader(stores.alerts, stores.watchlist, stores.people, context.checkpoints, clock)
        fanout, acknowledgements = Fanout(stores.alerts, details), Acknowledgements(stores.alerts, clock)
        context.stack.callback(fanout.close)
        context.stack.callback(acknowledgements.close)
        loop = asyncio.get_running_loop()

        def announce() -> None:
            loop.call_soon_threadsafe(fanout.wake)

        return cls(details, fanout, acknowledgements, announce)
