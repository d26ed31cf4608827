"""Alarms of gates that do not answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cekalwatch.contract.values.alarms import OF_GATES, AlarmKind
from cekalwatch.extensions.gates.teller import GateTeller
from cekalwatch.server.health.alarms.board import Findings, condition


@dataclass(frozen=True)
class GateAlarms:
    """The rule for gates, at the server that tells them."""

    gates: Sequence[GateTeller]

    def look(self) -> Findings:
        """Return the gates that do not answer; one that the settings no longer name has no alarm."""
        conditions = []
        for one in self.gates:
            if one.silent and one.presence:
                why, gate = one.presence.problem or "-", one.terms
                conditions.append(condition(AlarmKind.GATE_AWAY, gate.name, gate.site, gate.counter, reason=why))
        return Findings(conditions, lambda kind, _: kind in OF_GATES)
