"""Whether the server can do its work, as far as it knows itself: database, loops, revocations, audit trail, gallery.

Alarms, the gRPC health service, metrics and `/healthz` all read it here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from cekalwatch.contract.values.loops import LoopStatus
from cekalwatch.contract.values.status import Reporting, SigningStatus
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.foundation.clock import Clock, lately
from cekalwatch.server.pki.revocations import RevocationState
from cekalwatch.server.storage.availability import DatabaseAway

FAILING_AFTER_S = 10.0
"""A loop that has failed for this long does not recover by itself."""
UNREPORTED_AFTER = timedelta(minutes=1)
"""A port whose centre has been away for this long alarms its administrators."""


class ServerFault(StrEnum):
    """Why a server does not do its work."""

    LOOP_FAILING = "LOOP_FAILING"
    REVOCATIONS_STALE = "REVOCATIONS_STALE"
    AUDIT_HISTORY_CHANGED = "AUDIT_HISTORY_CHANGED"
    GALLERY_EMPTY = "GALLERY_EMPTY"
    """Nobody is searched although at least one person should be."""
    DATABASE_AWAY = "DATABASE_AWAY"
    """No connection is possible, or the last alert, or the write in its place, could not be committed."""
    STOPPING = "STOPPING"


@dataclass(frozen=True)
class Health:
    """Reading it costs little; any thread may read."""

    revocations: Callable[[], RevocationState | None]
    """None when no revocation lists are followed."""
    limit: timedelta
    """How long revocations may stay unconfirmed."""
    clock: Clock
    signing: Callable[[], SigningStatus]
    loops: Callable[[], tuple[LoopStatus, ...]] = lambda: LOOPS.states
    database: Callable[[], DatabaseAway | None] = lambda: None
    """The reason why no connection to it is possible; None while there is one."""
    takes_alerts: Callable[[], bool] = lambda: True
    """Whether the last alert, or the write in its place, was committed."""
    blind: Callable[[], bool] = lambda: False
    """Whether nobody is searched although at least one person should be."""
    late_s: Callable[[], float] = lambda: 0.0
    """How late alerts come, seconds, while faces come faster than they are recognised; else 0."""
    stopping: Callable[[], bool] = lambda: False
    clock_ahead: Callable[[], timedelta] = timedelta
    """The lead of the server's clock over the database's (negative: behind)."""
    reporting: Callable[[], Reporting | None] = lambda: None
    """State of the reports to the centre; None when this server sends none."""

    @property
    def failing_loops(self) -> tuple[LoopStatus, ...]:
        """Loops that have failed for `FAILING_AFTER_S` or longer."""
        return tuple(one for one in self.loops() if one.failing_s is not None and one.failing_s >= FAILING_AFTER_S)

    @property
    def stale_revocations(self) -> RevocationState | None:
        """The revocations in force, if they are too old."""
        state = self.revocations()
        return state if state and state.stale(self.limit, self.clock.now()) else None

    @property
    def database_well(self) -> bool:
        """Whether the database can be reached and takes alerts."""
        return self.database() is None and self.takes_alerts()

    @property
    def sound(self) -> bool:
        """Whether clients should use this server while somebody is searched; a checkpoint may be signed later."""
        return not (self.database() or self.failing_loops or self.stale_revocations or self.signing().change)

    @property
    def faults(self) -> tuple[ServerFault, ...]:
        """Why the server does not do its work."""
        found = {
            ServerFault.DATABASE_AWAY: not self.database_well,
            ServerFault.LOOP_FAILING: self.failing_loops,
            ServerFault.REVOCATIONS_STALE: self.stale_revocations,
            ServerFault.AUDIT_HISTORY_CHANGED: self.signing().change,
            ServerFault.GALLERY_EMPTY: self.blind(),
            ServerFault.STOPPING: self.stopping(),
        }
        return tuple(fault for fault, there in found.items() if there)

    @property
    def unreported(self) -> Reporting | None:
        """The state of the reports, if none has reached the centre for long."""
        state = self.reporting()
        away = state and not state.connected and not lately(state.since, self.clock.now(), UNREPORTED_AFTER)
        return state if away else None
