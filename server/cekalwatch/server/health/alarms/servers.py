"""Alarms of this server and its rows, of those refused at their start, and of ports."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cekalwatch.contract.values.alarms import OF_PORTS, OF_SERVERS, AlarmKind
from cekalwatch.contract.values.loops import LoopStatus
from cekalwatch.contract.values.status import CheckpointDestination
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind, stamp
from cekalwatch.server.audit.search_terms import action_term, moment_of
from cekalwatch.server.cluster.peers import MAX_CLOCK_DIFFERENCE
from cekalwatch.server.domain.alarms import MAX_ABOUT, AlarmCondition
from cekalwatch.server.domain.ports import PortState
from cekalwatch.server.foundation.clock import Clock, lately
from cekalwatch.server.foundation.refusals import RefusedServer
from cekalwatch.server.health.alarms.board import Findings, condition
from cekalwatch.server.health.alarms.people import MAX_ENTRIES, TOLD_FOR
from cekalwatch.server.health.state.health import Health
from cekalwatch.server.storage.audit.search import AuditQuery, AuditSearch
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.integrity.guard import RowGuard
from cekalwatch.server.storage.integrity.scan import PAGE_ROWS, RowScan
from cekalwatch.server.storage.integrity.signed_row import RowKey
from cekalwatch.server.storage.schema import SCHEMA


@dataclass(frozen=True)
class ServerAlarms:
    """The rule for the server named `server`; others that share the database have their own."""

    server: str
    health: Health

    def look(self) -> Findings:
        """Return the alarm conditions of this server."""
        about = self.server[:MAX_ABOUT]
        return Findings(list(self._conditions(about)), lambda kind, of: kind in OF_SERVERS and of == about)

    def _conditions(self, about: str) -> Iterator[AlarmCondition]:
        health, signing = self.health, self.health.signing()
        if stale := health.stale_revocations:
            yield condition(AlarmKind.REVOCATIONS_STALE, about, since=stale.read_at)
        if failing := health.failing_loops:
            yield condition(AlarmKind.LOOP_FAILING, about, loops=_names(failing))
        if abs(ahead := health.clock_ahead()) >= MAX_CLOCK_DIFFERENCE:
            yield condition(AlarmKind.SERVER_CLOCK_WRONG, about, offset_s=round(ahead.total_seconds()))
        if late_s := health.late_s():
            yield condition(AlarmKind.ALERTS_LATE, about, seconds=2 ** math.ceil(math.log2(max(1.0, late_s))))
        if reports := health.unreported:
            reason = reports.problem or "ENDED"
            yield condition(AlarmKind.CENTRE_AWAY, about, since=reports.since, waiting=reports.waiting, reason=reason)
        if signing.waits:
            yield condition(AlarmKind.AUDIT_UNSIGNED, about, reason=signing.waits)
        if signing.change:
            yield condition(AlarmKind.AUDIT_HISTORY_CHANGED, about, change=signing.change)
        if away := signing.unreached:
            yield condition(
                AlarmKind.AUDIT_CHECKPOINTS_WAITING,
                about,
                destinations=_names(away),
                waiting=max(one.waiting for one in away),
                reason=", ".join(sorted({one.failure for one in away if one.failure})),
            )


def _names(of: Iterable[LoopStatus | CheckpointDestination]) -> str:
    return ", ".join(one.name for one in of)


@dataclass(frozen=True)
class RefusedServerAlarms:
    """The rule for refused servers, by their reports in the database."""

    told: Callable[[], Collection[RefusedServer]]
    """Reads them, the newest first; blocks."""

    def look(self) -> Findings:
        """Return the servers that were refused; it blocks."""
        conditions = {one.about: one for one in reversed(list(self._conditions()))}  # of several of one name the newest
        return Findings(list(conditions.values()), lambda kind, _: kind is AlarmKind.SERVER_REFUSED)

    def _conditions(self) -> Iterator[AlarmCondition]:
        for one in self.told():
            yield condition(
                AlarmKind.SERVER_REFUSED, one.name, reason=one.reason, machine=one.machine, version=one.version
            )


@dataclass(frozen=True)
class PortAlarms:
    """The rule for the ports of `sites`, those of the settings; a port whose certificate is revoked has no alarm."""

    states: Callable[[], Collection[PortState]]
    """Reads the state of each port; blocks."""
    sites: frozenset[str]
    revoked: Callable[[str], bool]
    """Whether the certificate with that `CertificateKey.text` is revoked."""
    search: AuditSearch
    clock: Clock
    limit: timedelta

    def look(self) -> Findings:
        """Return the ports that are silent, or contradicted their own reports lately; it blocks."""
        conditions = [*self._silences(), *self._contradictions()]
        return Findings(conditions, lambda kind, _: kind in OF_PORTS)

    def _contradictions(self) -> Iterator[AlarmCondition]:
        since = moment_of(stamp(self.clock.now() - TOLD_FOR))
        page = self.search.page(AuditQuery((action_term(Action.PORT_CONTRADICTED),), since), MAX_ENTRIES)
        newest = {str(json.loads(one.details)["port"]): one.sequence for _, one in reversed(page.found)}
        for port, sequence in newest.items():
            yield condition(AlarmKind.PORT_CONTRADICTS, port, entry=sequence)

    def _silences(self) -> Iterator[AlarmCondition]:
        for state in self.states():
            following = state.following
            if state.port.site not in self.sites or (following and self.revoked(following.certificate)):
                continue
            if self._silent(following.heard_at if following else None):
                since = following.heard_at if following else None
                yield condition(AlarmKind.PORT_NOT_FOLLOWING, str(state.port), since=since)
            # In plaintext nobody says which port they are, and reports nothing.
            named = following is None or following.certificate
            began = following.since if following and state.heard_at is None else None
            if named and self._silent(state.heard_at or began):
                yield condition(AlarmKind.PORT_NOT_REPORTING, str(state.port), since=state.heard_at)

    def _silent(self, heard_at: datetime | None) -> bool:
        return heard_at is None or not lately(heard_at, self.clock.now(), self.limit)


MAX_NAMED = 100
"""Rows that one entry of the audit trail names; the others are only counted."""


MISSED_PERIOD_S = 20.0
"""From one look for missing subjects to the next, at least."""
WHOLE_SCHEMA_PERIOD_S = 86_400.0
"""From one comparison of tables and indexes to the next; of triggers it is that for missing subjects."""
MISSED_SHARE = 0.02
"""Share of the time that these looks take at most."""


class RowAlarms:
    """The rule for rows, at one server; `look` blocks."""

    def __init__(
        self,
        scan: RowScan,
        audit: AuditStore,
        clock: Clock,
        actor: Actor,
        read_again: Callable[[Collection[str], datetime], bool],
    ) -> None:
        """`read_again` lets the source bring subjects back of which rows are missing, and returns whether it could."""
        self._scan = scan
        self._read_again = read_again
        self._look_for_missed_s = clock.elapsed_s()
        self._whole_schema_s = self._look_for_missed_s
        self._brought_back: set[RowKey] = set()
        self._audit = audit
        self._clock = clock
        self._actor = actor
        self._told: set[RowKey] = set()
        self._tables: set[str] = set()
        """Those with changed rows, as this server has seen them."""
        self._rounds = 0
        self._walk = self._rows()

    @property
    def _guard(self) -> RowGuard:
        return self._scan.guard

    def look(self) -> Findings:
        """Check some rows, return the tables with changed ones, and remember which versions were seen."""
        walk, self._walk = self._walk, self._rows()  # one that fails begins again
        looked = 0
        while looked < PAGE_ROWS:
            looked += next(walk)
        self._walk = walk
        self._scan.few()
        self._look_for_missed()
        found = self._findings()
        self._guard.versions.keep()
        return found

    def _look_for_missed(self) -> None:
        now_s = self._clock.elapsed_s()
        if now_s < self._look_for_missed_s:
            return
        whole = now_s >= self._whole_schema_s or any(table == SCHEMA for table, _ in self._guard.refused)
        self._scan.schema(whole=whole)
        if whole:
            self._whole_schema_s = now_s + WHOLE_SCHEMA_PERIOD_S
        began_s = self._clock.elapsed_s()
        missed = {row.key for row in self._scan.missed()}
        now_s = self._clock.elapsed_s()
        self._look_for_missed_s = now_s + max(MISSED_PERIOD_S, (now_s - began_s) / MISSED_SHARE)
        new = missed - self._brought_back
        if not new or self._read_again([key for _, key in new], self._clock.now()):
            self._brought_back = missed

    def _rows(self) -> Iterator[int]:
        """Check page after page, and yield the number of rows of each; a round ends with the last page."""
        while True:
            for rows, _ in self._scan.all_pages():
                yield rows
            self._rounds += 1
            yield PAGE_ROWS

    def _findings(self) -> Findings:
        refused = set(self._guard.refused)
        if new := sorted(refused - self._told):
            named = tuple(ObjectKind.ROW.key(_printable(key)) for key in new[:MAX_NAMED])
            self._audit.append(
                AuditEntry(self._clock.now(), self._actor, Action.ROWS_REFUSED, named, details={"rows": len(new)})
            )
        self._told = refused
        counts = Counter(table for table, _ in refused)
        self._tables.update(counts)
        conditions = [condition(AlarmKind.ROWS_CHANGED, table, rows=n) for table, n in counts.items()]
        # Another server may have seen what this one has not: only the first round after a start ends its alarms.
        started, self._rounds = self._rounds == 1, self._rounds + (self._rounds == 1)
        return Findings(
            conditions, lambda kind, table: kind is AlarmKind.ROWS_CHANGED and (started or table in self._tables)
        )


def _printable(key: RowKey) -> str:
    """Return what names a row in a text, whatever its key has become."""
    return ascii("/".join(key))[1:-1][:150]
