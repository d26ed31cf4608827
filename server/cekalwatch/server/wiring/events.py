"""The event log of alerts: what reads it for those who follow it, and what they may see of an alert."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from cekalwatch.contract.values.people import CONFIRMS
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.alerts.details import AlertDetailsReader, AlertOrders
from cekalwatch.server.alerts.fanout import Fanout
from cekalwatch.server.alerts.first_looks import FirstLooks
from cekalwatch.server.auth.sessions import DevicesOfRole
from cekalwatch.server.cluster.jobs import PeriodicJob
from cekalwatch.server.storage.audit.trail import DeliveryTrail
from cekalwatch.server.storage.cluster.change_notifier import ChangeNotifier, ChangeTopic
from cekalwatch.server.storage.people.session_store import SessionStore
from cekalwatch.server.wiring.part import Part
from cekalwatch.server.wiring.storage import Context

FANOUT_PERIOD_S = 0.1
SUPERVISED_PERIOD_S = 0.5


@dataclass(frozen=True)
class EventParts(Part):
    """The way of an event from the log to those who follow it."""

    fanout: Fanout
    orders: AlertOrders
    details: AlertDetailsReader
    supervised: DevicesOfRole
    """Where supervisors are signed in."""
    deliveries: DeliveryTrail
    announce: Callable[[], None]
    """Says that the event log has grown by this server; any thread may call it."""
    wake: Callable[[], None]
    """Lets the event log be read, since it may have grown; any thread may call it."""

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return the loop that follows the event log."""
        return (LOOPS.keep("follow_event_log", partial(self.fanout.follow_log, FANOUT_PERIOD_S)),)


def init_events(context: Context, changes: ChangeNotifier) -> EventParts:
    """Begin at the end of the event log."""
    settings, stores, clock = context.settings, context.stores, context.clock
    orders = AlertOrders(stores.watchlist, context.checkpoints)
    looks = FirstLooks(stores.look_setting, clock)
    looks.follow()
    details = AlertDetailsReader(
        stores.alerts, stores.watchlist, stores.people, orders, clock, looks.asked, stores.exercises
    )
    supervised = DevicesOfRole(SessionStore(context.database), settings.session_terms, clock, CONFIRMS)
    fanout = Fanout(stores.alerts, details, follow_supervisors=supervised.follow)
    deliveries = DeliveryTrail(stores.audit, clock, context.actor, context.metrics.batch("deliveries"))
    context.stack.callback(deliveries.close)
    context.stack.callback(fanout.close)
    loop = asyncio.get_running_loop()

    def wake() -> None:
        loop.call_soon_threadsafe(fanout.wake)

    def announce() -> None:
        wake()
        changes.send(ChangeTopic.ALERT_EVENTS)

    jobs = (
        PeriodicJob("follow_supervisors", SUPERVISED_PERIOD_S, supervised.follow),
        PeriodicJob("follow_first_looks", SUPERVISED_PERIOD_S, looks.follow),
    )
    return EventParts(fanout, orders, details, supervised, deliveries, announce, wake, jobs=jobs)
