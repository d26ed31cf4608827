"""Telling of gates what they are asked, which one server does for all of a database."""

from __future__ import annotations

from functools import partial
from typing import Final

from cekalwatch.extensions.gates.alarms import GateAlarms
from cekalwatch.extensions.gates.store import GateStore
from cekalwatch.extensions.gates.teller import GateTeller, RecentAlerts
from cekalwatch.extensions.notices.settings import Section
from cekalwatch.server.cluster.jobs import LeaderJob
from cekalwatch.server.wiring.extensions import Core

TELL_PERIOD_S: Final = 1.0
LOOK_AT_GATES_PERIOD_S: Final = 2.0


def start(core: Core) -> tuple[LeaderJob, ...]:
    """Return the work on the gates that the settings name, each by itself."""
    context = core.context
    policy, alerts = GateStore(context.database).policy, RecentAlerts(context.stores.alerts, context.clock)
    terms = Section.of(context.settings).notices.gates
    tellers = [GateTeller(one, policy, alerts, context.clock) for one in terms]

    def tell(one: GateTeller) -> None:
        one.tell()
        if one.presence:
            core.presence.gates[one.terms.name] = one.presence

    return (
        LeaderJob("look_at_gates", LOOK_AT_GATES_PERIOD_S, partial(core.board.apply, GateAlarms(tellers))),
        *(LeaderJob(f"tell_gate_{one.terms.name}", TELL_PERIOD_S, partial(tell, one)) for one in tellers),
    )
