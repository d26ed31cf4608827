"""Faults of ports, at a centre: their servers do not follow the list, or do not report."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cekalwatch.contract.values.troubles import OF_PORTS, TroubleKind
from cekalwatch.server.domain.clock import Clock, lately
from cekalwatch.server.domain.ports import PortState
from cekalwatch.server.domain.troubles import Fault
from cekalwatch.server.health.alarms.findings import Findings, fault


@dataclass(frozen=True)
class PortAlarms:
    """The rule for the ports of `sites`, those of the settings; a port whose certificate is revoked has no fault."""

    states: Callable[[], Collection[PortState]]
    """Reads the state of each port; blocks."""
    sites: frozenset[str]
    revoked: Callable[[str], bool]
    """Whether the certificate with that `CertificateKey.text` is revoked."""
    clock: Clock
    limit: timedelta

    def look(self) -> Findings:
        """Return the ports that are silent; it blocks."""
        return Findings(list(self._faults()), lambda kind, _: kind in OF_PORTS)

    def _faults(self) -> Iterator[Fault]:
        for state in self.states():
            following = state.following
            if state.port.site not in self.sites or (following and self.revoked(following.certificate)):
                continue
            if self._silent(following.heard_at if following else None):
                since = following.heard_at if following else None
                yield fault(TroubleKind.PORT_NOT_FOLLOWING, str(state.port), since=since)
            # In plaintext nobody says which port they are, and reports nothing.
            named = following is None or following.certificate
            began = following.since if following and state.heard_at is None else None
            if named and self._silent(state.heard_at or began):
                yield fault(TroubleKind.PORT_NOT_REPORTING, str(state.port), since=state.heard_at)

    def _silent(self, heard_at: datetime | None) -> bool:
        return heard_at is None or not lately(heard_at, self.clock.now(), self.limit)
