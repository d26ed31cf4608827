"""The law by which orders are judged: people see it, look at what another row would do, and add it. Methods block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from cekalwatch.contract.values.law import LawPreview, LawRow
from cekalwatch.contract.values.people import TwoPersonAction
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, both_keys
from cekalwatch.server.domain.orders.ban_order import WIB
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_preview import LawComparison
from cekalwatch.server.domain.orders.law_table import LawTable
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.watchlist.law import LawStore, with_rows
from cekalwatch.server.storage.watchlist.store import WatchlistStore


class LawRegister:
    """The law of one database."""

    def __init__(
        self,
        store: LawStore,
        watchlist: WatchlistStore,
        checkpoints: Checkpoints,
        home: str,
        clock: Clock,
        follow: Callable[[], None] = lambda: None,
        *,
        of_centre: bool = False,
    ) -> None:
        """`home` is the site by whose clock a preview is. `follow` is called after each change: it lets this server
        judge orders by the new law at once. `of_centre`: a centre keeps the law, and nobody changes it here.
        """
        self._store = store
        self._watchlist = watchlist
        self._checkpoints = checkpoints
        self._home = home
        self._clock = clock
        self._follow = follow
        self.of_centre = of_centre

    def rows(self) -> tuple[LawRow, ...]:
        """Return the rows by which orders are judged, by kind and day, as the database has them."""
        return self._store.read().rows

    def preview(self, row: LawRow) -> LawPreview:
        """Return which orders change when `row` is added; it reads the whole list."""
        return self._compare(self._checkpoints.law.table.with_row(row))

    def _compare(self, table: LawTable) -> LawPreview:
        present = self._checkpoints.law
        proposed = replace(present, table=table)
        zone = self._checkpoints.zones.get(self._home, WIB)
        comparison = LawComparison(present, proposed, self._clock.now(), zone)
        for files in self._watchlist.everybody():
            comparison.add(files)
        return comparison.found

    def add(self, row: LawRow, people: TwoPeople, actor: Actor) -> None:
        """Add a row, or replace the one of its kind and day; servers follow within seconds.

        Raises LAW_ROW_INVALID for one whose unconfirmed figures counsel is said to have confirmed without a name, and
        KEPT_BY_CENTRE.
        """
        if people.action is not TwoPersonAction.CHANGE_LAW:
            raise ValueError(f"these people may do {people.action}")
        self.require_kept_here()
        if row.confirmed_by != row.confirmed_by.strip():
            raise CekalwatchError(Code.LAW_ROW_INVALID)
        found = self.preview(row)
        details: dict[str, int | str] = {
            "kind": row.kind,
            "holds_from": row.holds_from.isoformat(),
            "article": row.article,
            "confirmed": "yes" if row.confirmed_by else "no",
        }
        details |= _counted(found)
        both = both_keys(people)
        self._store.add(row, AuditEntry(self._clock.now(), actor, Action.LAW_ROW_ADDED, both, details=details))
        self._follow()

    def take_over(self, rows: Sequence[LawRow], centre: Actor) -> None:
        """Store the law that a centre keeps, in place of this one; two people at the centre have agreed to it."""
        wanted = with_rows(rows)
        if self._store.read() == wanted:
            return
        details: dict[str, int | str] = {"rows": len(rows)}
        details |= _counted(self._compare(wanted))
        entry = AuditEntry(self._clock.now(), centre, Action.LAW_TAKEN_OVER, details=details)
        if self._store.replace(rows, entry):
            self._follow()

    def require_kept_here(self) -> None:
        """Raise KEPT_BY_CENTRE where a centre keeps the law."""
        if self.of_centre:
            raise CekalwatchError(Code.KEPT_BY_CENTRE)


def _counted(found: LawPreview) -> dict[str, int]:
    """Return how many orders change, for the audit trail."""
    return {"orders_changed": found.changed, "begin": found.begin, "end": found.end}
