"""Faults of servers: of one that runs, found by itself, and of those that were refused at their start."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from cekalwatch.contract.values.troubles import OF_SERVERS, TroubleKind
from cekalwatch.program.loops import LoopState
from cekalwatch.server.audit.destinations.delivery import DestinationState
from cekalwatch.server.cluster.agreement import MAX_CLOCK_DIFFERENCE
from cekalwatch.server.domain.troubles import MAX_ABOUT, Fault
from cekalwatch.server.health.alarms.findings import Findings, fault
from cekalwatch.server.health.state.health import Health
from cekalwatch.server.refused_start import RefusedServer


@dataclass(frozen=True)
class ServerAlarms:
    """The rule for the server named `server`; others that share the database have their own."""

    server: str
    health: Health

    def look(self) -> Findings:
        """Return the faults of this server."""
        about = self.server[:MAX_ABOUT]
        return Findings(list(self._faults(about)), lambda kind, of: kind in OF_SERVERS and of == about)

    def _faults(self, about: str) -> Iterator[Fault]:
        health, signing = self.health, self.health.signing()
        if stale := health.stale_revocations:
            yield fault(TroubleKind.REVOCATIONS_STALE, about, since=stale.read_at)
        if failing := health.failing_loops:
            yield fault(TroubleKind.LOOP_FAILING, about, loops=_names(failing))
        if abs(ahead := health.clock_ahead()) >= MAX_CLOCK_DIFFERENCE:
            yield fault(TroubleKind.SERVER_CLOCK_WRONG, about, offset_s=round(ahead.total_seconds()))
        if reports := health.unreported:
            reason = reports.problem or "ENDED"
            yield fault(TroubleKind.CENTRE_AWAY, about, since=reports.since, waiting=reports.waiting, reason=reason)
        if signing.waits:
            yield fault(TroubleKind.AUDIT_UNSIGNED, about, reason=signing.waits)
        if signing.change:
            yield fault(TroubleKind.AUDIT_HISTORY_CHANGED, about, change=signing.change)
        if away := signing.unreached:
            yield fault(
                TroubleKind.AUDIT_CHECKPOINTS_WAITING,
                about,
                destinations=_names(away),
                waiting=max(one.waiting for one in away),
                reason=", ".join(sorted({one.failure for one in away if one.failure})),
            )


def _names(of: Iterable[LoopState | DestinationState]) -> str:
    return ", ".join(one.name for one in of)


@dataclass(frozen=True)
class RefusedServerAlarms:
    """The rule for refused servers, by what they wrote to the database."""

    told: Callable[[], Collection[RefusedServer]]
    """Reads them, the newest first; blocks."""

    def look(self) -> Findings:
        """Return the servers that were refused; it blocks."""
        faults = {one.about: one for one in reversed(list(self._faults()))}  # of several of one name the newest
        return Findings(list(faults.values()), lambda kind, _: kind is TroubleKind.SERVER_REFUSED)

    def _faults(self) -> Iterator[Fault]:
        for one in self.told():
            yield fault(
                TroubleKind.SERVER_REFUSED, one.name, reason=one.reason, machine=one.machine, version=one.version
            )
