"""Rows that somebody changed without the server: an alarm, and an entry in the audit trail.

Each look checks some hundred rows, so that all rows are checked within minutes and nobody waits for it; the rows of
people, the threshold and the model are checked each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cekalwatch.contract.values.troubles import TroubleKind
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.health.alarms.board import Findings, fault
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.integrity.guard import RowGuard
from cekalwatch.server.storage.integrity.scan import PAGE_ROWS, RowScan
from cekalwatch.server.storage.integrity.signed_row import RowKey

MAX_NAMED = 100
"""Rows that one entry of the audit trail names; the others are only counted."""


class RowAlarms:
    """The rule for rows, at one server; `look` blocks."""

    def __init__(self, scan: RowScan, audit: AuditStore, clock: Clock, actor: Actor) -> None:
        self._scan = scan
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
        found = self._findings()
        self._guard.versions.keep()
        return found

    def _rows(self) -> Iterator[int]:
        """Check page after page, and yield how many rows each has; the end of a round is the end of a look."""
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
        faults = [fault(TroubleKind.ROWS_CHANGED, table, rows=n) for table, n in counts.items()]
        # Another server may have seen what this one has not: only the first round after a start ends its alarms.
        started, self._rounds = self._rounds == 1, self._rounds + (self._rounds == 1)
        return Findings(
            faults, lambda kind, table: kind is TroubleKind.ROWS_CHANGED and (started or table in self._tables)
        )


def _printable(key: RowKey) -> str:
    """Return what names a row in a text, whatever its key has become."""
    return ascii("/".join(key))[1:-1][:150]
