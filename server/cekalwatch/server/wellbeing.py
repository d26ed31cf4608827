"""Whether the server is able to do its work, as it can tell by itself: its loops, the age of its revocations, its keys.

What it finds wrong is a trouble on the screens of administrators, and its health says NOT_SERVING where it matters to
clients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from cekalwatch.program.loops import LOOPS, LoopState
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.hardware.errors import SigningWaits
from cekalwatch.server.pki.revocations import RevocationState

FAILING_AFTER_S = 10.0
"""A loop that fails for so long does not come right by itself."""


@dataclass(frozen=True)
class Wellbeing:
    """Asking costs little; any thread may ask."""

    revocations: Callable[[], RevocationState | None]
    """None where no lists are followed."""
    limit: timedelta
    """For how long revocations need not be confirmed."""
    clock: Clock
    signing_waits: Callable[[], SigningWaits | None] = lambda: None
    """Why the audit trail is not signed although it is due; None: it is, or nothing is due."""
    loops: Callable[[], tuple[LoopState, ...]] = lambda: LOOPS.states

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
    def sound(self) -> bool:
        """Whether the server does its work for clients; the audit trail can be signed later."""
        return not (self.failing_loops or self.stale_revocations)
