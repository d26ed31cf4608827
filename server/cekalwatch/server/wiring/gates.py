"""Telling of gates what they are asked, which one server does for all of a database; and what supervisors see of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from cekalwatch.server.audit.entry import Action
from cekalwatch.server.cluster.jobs import LeaderJob
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.domain.presence import GatePresence
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.health.alarms.counters import GateAlarms
from cekalwatch.server.notices.gate_board import GateBoard
from cekalwatch.server.notices.gates import GateTeller, RecentAlerts
from cekalwatch.server.storage.alerts.gate_store import GateStore
from cekalwatch.server.storage.audit.search import AuditSearch
from cekalwatch.server.storage.audit.signers import newest_joint_entry
from cekalwatch.server.wiring.storage import Context

TELL_PERIOD_S: Final = 1.0
LOOK_AT_GATES_PERIOD_S: Final = 2.0


@dataclass(frozen=True)
class GateParts:
    """The gates that the settings name."""

    context: Context
    store: GateStore
    tellers: tuple[GateTeller, ...]

    def presence(self) -> dict[str, GatePresence]:
        """Return the gates that this server has told, by name."""
        return {one.terms.name: one.presence for one in self.tellers if one.presence}

    def jobs(self, board: AlarmBoard) -> tuple[LeaderJob, ...]:
        """Return the work on the gates, each by itself; `board` gets the alarms of silent ones."""
        look = LeaderJob("look_at_gates", LOOK_AT_GATES_PERIOD_S, partial(board.apply, GateAlarms(self.tellers)))
        return (look, *(LeaderJob(f"tell_gate_{one.terms.name}", TELL_PERIOD_S, one.tell) for one in self.tellers))

    def board(self, whole: Callable[[], WholePresence]) -> GateBoard:
        """Return what supervisors see and set; `whole` reads what the servers report."""
        context = self.context
        search, people = AuditSearch(context.database), context.stores.people
        newest = partial(newest_joint_entry, search, people, Action.GATES_SET)
        return GateBoard(context.settings.notices.gates, self.store, whole, newest, context.clock)


def init_gates(context: Context) -> GateParts:
    """Return what sends messages to gates; it sends none before its jobs run."""
    store, alerts = GateStore(context.database), RecentAlerts(context.stores.alerts, context.clock)
    terms = context.settings.notices.gates
    return GateParts(context, store, tuple(GateTeller(one, store.policy, alerts, context.clock) for one in terms))
