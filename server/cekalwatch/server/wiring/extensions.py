"""What the root hands to extensions. They add jobs (`service`) and calls (`api`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.program.extensions import extensions
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.domain.alarms import StoredAlarm
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.wiring.part import Part
from cekalwatch.server.wiring.storage import Context


@dataclass(frozen=True)
class Core:
    """The parts of a server that extensions use."""

    context: Context
    presence: Presence
    """What this server reports to the others."""
    whole: Callable[[], WholePresence]
    """What all servers report."""
    board: AlarmBoard
    """Gets the findings of rules."""
    open_alarms: Callable[[], tuple[StoredAlarm, ...]]
    readiness: Callable[[AlertFilter], Readiness]
    """Whether a listed traveller would ring, as this server sees it."""

    def part(self) -> Part:
        """Return the calls and the jobs of all extensions. Raises ProgramError."""
        return Part(
            served=tuple(call for one in extensions("api") for call in one.served(self)),
            jobs=tuple(job for one in extensions("service") for job in one.start(self)),
        )
