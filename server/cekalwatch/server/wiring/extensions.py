"""The step of the root that starts extensions, and what it hands to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.program.extensions import extensions
from cekalwatch.server.cluster.jobs import PeriodicJob
from cekalwatch.server.wiring.alarms import AlarmParts
from cekalwatch.server.wiring.storage import Context


@dataclass(frozen=True)
class Core:
    """The parts of a running server that extensions use."""

    context: Context
    alarms: AlarmParts
    readiness: Callable[[AlertFilter], Readiness]


def init_extensions(core: Core) -> tuple[PeriodicJob, ...]:
    """Return the jobs of all extensions: what `start(core)` of their `service` returns. Raises ProgramError."""
    return tuple(job for one in extensions("service") for job in one.start(core))
