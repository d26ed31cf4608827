"""Whether the server is able to do its work, as it can tell by itself: database, loops, revocations, audit history.

What it finds wrong is a trouble on the screens of administrators, and its health says NOT_SERVING where it matters to
clients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from cekalwatch.program.loops import LOOPS, LoopState
from cekalwatch.server.audit.signing_state import SigningState
from cekalwatch.server.domain.clock import Clock, lately
from cekalwatch.server.domain.ports import Reporting
from cekalwatch.server.pki.revocations import RevocationState
from cekalwatch.server.storage.availability import DatabaseAway

FAILING_AFTER_S = 10.0
"""A loop that fails for so long does not come right by itself."""
UNREPORTED_AFTER = timedelta(minutes=1)
"""A port whose centre is away for so long tells its administrators."""


class ServerFault(StrEnum):
    """Why a server is not well."""

    LOOP_FAILING = "LOOP_FAILING"
    REVOCATIONS_STALE = "REVOCATIONS_STALE"
    AUDIT_HISTORY_CHANGED = "AUDIT_HISTORY_CHANGED"
    GALLERY_EMPTY = "GALLERY_EMPTY"
    """Nobody is searched though somebody should be."""
    DATABASE_AWAY = "DATABASE_AWAY"
    """No connection can be had, or the last alert, or what stands for one, could not be committed."""
    STOPPING = "STOPPING"


@dataclass(frozen=True)
class Health:
    """Asking costs little; any thread may ask."""

    revocations: Callable[[], RevocationState | None]
    """None where no lists are followed."""
    limit: timedelta
    """For how long revocations need not be confirmed."""
    clock: Clock
    signing: Callable[[], SigningState]
    loops: Callable[[], tuple[LoopState, ...]] = lambda: LOOPS.states
    database: Callable[[], DatabaseAway | None] = lambda: None
    clock_ahead: Callable[[], timedelta] = timedelta
    """By how much the server's clock is ahead of the database's (negative: behind)."""
    reporting: Callable[[], Reporting | None] = lambda: None
    """How the reports to the centre do; None where this server makes none."""

    @property
    def failing_loops(self) -> tuple[LoopState, ...]:
        """Loops that have failed for long."""
        return tuple(one for one in self.loops() if one.failing_s is not None and one.failing_s >= FAILING_AFTER_S)

    @property
    def stale_revocations(self) -> RevocationState | None:
        """The revocations in force, if they are too old."""
        state = self.revocations()
        return state if state and state.stale(self.limit, self.clock.now()) else None

    @property
    def faults(self) -> tuple[ServerFault, ...]:
        """Why the server does not do its work for clients, on a history that is not forged; it can be signed later."""
        found = {
            ServerFault.DATABASE_AWAY: self.database(),
            ServerFault.LOOP_FAILING: self.failing_loops,
            ServerFault.REVOCATIONS_STALE: self.stale_revocations,
            ServerFault.AUDIT_HISTORY_CHANGED: self.signing().change,
        }
        return tuple(fault for fault, there in found.items() if there)

    @property
    def unreported(self) -> Reporting | None:
        """The reports to the centre, if none have reached it for long."""
        state = self.reporting()
        away = state and not state.connected and not lately(state.since, self.clock.now(), UNREPORTED_AFTER)
        return state if away else None

    @property
    def sound(self) -> bool:
        """Whether there is none."""
        return not self.faults
