"""Faults of this server, of those refused at their start, of the servers of ports, and of receivers of notices."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cekalwatch.contract.values.troubles import OF_PORTS, OF_SERVERS, TroubleKind
from cekalwatch.program.loops import LoopState
from cekalwatch.server.audit.destinations.delivery import DestinationState
from cekalwatch.server.cluster.agreement import MAX_CLOCK_DIFFERENCE
from cekalwatch.server.domain.clock import Clock, lately
from cekalwatch.server.domain.ports import PortState
from cekalwatch.server.domain.troubles import MAX_ABOUT, Fault
from cekalwatch.server.health.alarms.board import Findings, fault
from cekalwatch.server.health.state.health import Health
from cekalwatch.server.notices.syslog_feed import Page
from cekalwatch.server.outbox import Dispatcher
from cekalwatch.server.refusals import RefusedServer
from cekalwatch.server.storage.notices import NoticeStore


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


TELL_AFTER: Final = timedelta(minutes=5)
"""A receiver may be restarted meanwhile."""


@dataclass(frozen=True)
class NoticeAlarms:
    """The rule for receivers, at the server that sends for all; `look` blocks."""

    store: NoticeStore
    webhooks: Sequence[str]
    feed: Dispatcher[Page] | None
    clock: Clock

    def look(self) -> Findings:
        """Return the receivers that fail; one that is not configured any more has no fault."""
        return Findings(list(self._faults()), lambda kind, _: kind is TroubleKind.NOTICES_WAITING)

    def _faults(self) -> Iterator[Fault]:
        before = self.clock.now() - TELL_AFTER
        for name in self.webhooks:
            for first in self.store.waiting(name, 1):
                if first.attempts and first.made_at <= before:
                    yield _fault(f"webhook {name}", first.made_at, first.failure)
        if self.feed and (failing := self.feed.failing) and failing.since <= before:
            yield _fault("syslog", failing.since, failing.reason)


def _fault(receiver: str, since: datetime, reason: str) -> Fault:
    printable = "".join(one if one.isprintable() else " " for one in reason)
    return fault(TroubleKind.NOTICES_WAITING, receiver, since=since, reason=printable or "-")
