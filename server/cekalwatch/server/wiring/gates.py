"""Telling of gates what they are asked, which one server does for all of a database."""

from __future__ import annotations

from functools import partial
from typing import Final

from cekalwatch.server.cluster.jobs import LeaderJob
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.health.alarms.counters import GateAlarms
from cekalwatch.server.notices.gates import GateTeller, RecentAlerts
from cekalwatch.server.storage.alerts.gate_store import GateStore
from cekalwatch.server.wiring.storage import Context

TELL_PERIOD_S: Final = 1.0
LOOK_AT_GATES_PERIOD_S: Final = 2.0


def init_gates(context: Context, board: AlarmBoard) -> tuple[LeaderJob, ...]:
    """Return the work on the gates that the settings name, each by itself; `board` gets the alarms of silent ones."""
    store, alerts = GateStore(context.database), RecentAlerts(context.stores.alerts, context.clock)
    terms = context.settings.notices.gates
    tellers = [GateTeller(one, store.policy, alerts, context.clock) for one in terms]
    rule = GateAlarms(tellers)
    look = LeaderJob("look_at_gates", LOOK_AT_GATES_PERIOD_S, partial(board.apply, rule))
    return (look, *(LeaderJob(f"tell_gate_{one.terms.name}", TELL_PERIOD_S, one.tell) for one in tellers))
