"""Looks for what is wrong with this server: failing loops, old revocations, its clock, an unsigned audit trail."""

from __future__ import annotations

from dataclasses import dataclass

from cekalwatch.contract.values.troubles import OF_SERVERS, TroubleKind
from cekalwatch.server.cluster.agreement import MAX_CLOCK_DIFFERENCE
from cekalwatch.server.domain.troubles import MAX_ABOUT, MAX_DETAIL, Fault
from cekalwatch.server.troubles.board import TroubleBoard
from cekalwatch.server.wellbeing import Wellbeing


@dataclass(frozen=True)
class ServerWatch:
    """Tells of the server that is called `server`; others that share the database tell of themselves."""

    server: str
    wellbeing: Wellbeing
    board: TroubleBoard

    def look(self) -> None:
        """Bring the troubles of this server up to date; it blocks."""
        about = self.server[:MAX_ABOUT]
        self.board.agree(self._faults(about), lambda kind, of: kind in OF_SERVERS and of == about)

    def _faults(self, about: str) -> list[Fault]:
        found = []
        if stale := self.wellbeing.stale_revocations:
            since = {"since": stale.read_at.isoformat(timespec="seconds")}
            found.append(Fault(TroubleKind.REVOCATIONS_STALE, about, details=since))
        if failing := self.wellbeing.failing_loops:
            names = ", ".join(one.name for one in failing)[:MAX_DETAIL]
            found.append(Fault(TroubleKind.LOOP_FAILING, about, details={"loops": names}))
        if abs(ahead := self.wellbeing.clock_ahead()) >= MAX_CLOCK_DIFFERENCE:
            offset_s = {"offset_s": f"{ahead.total_seconds():.0f}"}
            found.append(Fault(TroubleKind.SERVER_CLOCK_WRONG, about, details=offset_s))
        if unreported := self.wellbeing.unreported:
            reported = {
                "since": unreported.since.isoformat(timespec="seconds"),
                "waiting": str(unreported.waiting),
                "reason": unreported.problem or "ENDED",
            }
            found.append(Fault(TroubleKind.CENTRE_AWAY, about, details=reported))
        signing = self.wellbeing.signing()
        if signing.waits:
            found.append(Fault(TroubleKind.AUDIT_UNSIGNED, about, details={"reason": signing.waits.value}))
        if signing.change:
            found.append(Fault(TroubleKind.AUDIT_HISTORY_CHANGED, about, details={"change": signing.change.value}))
        if away := signing.unreached:
            told = {
                "destinations": ", ".join(one.name for one in away)[:MAX_DETAIL],
                "waiting": str(max(one.waiting for one in away)),
                "reason": ", ".join(sorted({one.failure.value for one in away if one.failure}))[:MAX_DETAIL],
            }
            found.append(Fault(TroubleKind.AUDIT_CHECKPOINTS_WAITING, about, details=told))
        return found
