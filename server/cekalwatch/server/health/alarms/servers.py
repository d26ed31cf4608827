"""Faults of servers: of one that runs, found by itself, and of those that were refused at their start."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from cekalwatch.contract.values.troubles import OF_SERVERS, TroubleKind
from cekalwatch.server.cluster.agreement import MAX_CLOCK_DIFFERENCE
from cekalwatch.server.domain.troubles import MAX_ABOUT, MAX_DETAIL, Fault
from cekalwatch.server.health.alarms.board import Findings
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
        return Findings(self._faults(about), lambda kind, of: kind in OF_SERVERS and of == about)

    def _faults(self, about: str) -> list[Fault]:
        found = []
        if stale := self.health.stale_revocations:
            since = {"since": stale.read_at.isoformat(timespec="seconds")}
            found.append(Fault(TroubleKind.REVOCATIONS_STALE, about, details=since))
        if failing := self.health.failing_loops:
            names = ", ".join(one.name for one in failing)[:MAX_DETAIL]
            found.append(Fault(TroubleKind.LOOP_FAILING, about, details={"loops": names}))
        if abs(ahead := self.health.clock_ahead()) >= MAX_CLOCK_DIFFERENCE:
            offset_s = {"offset_s": f"{ahead.total_seconds():.0f}"}
            found.append(Fault(TroubleKind.SERVER_CLOCK_WRONG, about, details=offset_s))
        if unreported := self.health.unreported:
            reported = {
                "since": unreported.since.isoformat(timespec="seconds"),
                "waiting": str(unreported.waiting),
                "reason": unreported.problem or "ENDED",
            }
            found.append(Fault(TroubleKind.CENTRE_AWAY, about, details=reported))
        signing = self.health.signing()
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
            details = {"reason": one.reason.value, "machine": one.machine, "version": one.version}
            shown = {name: _printable(value, MAX_DETAIL) for name, value in details.items()}
            yield Fault(TroubleKind.SERVER_REFUSED, _printable(one.name, MAX_ABOUT), details=shown)


def _printable(text: str, most: int) -> str:
    """Make a text safe to show: anybody who can write the database may have written the row."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:most] or "?"
