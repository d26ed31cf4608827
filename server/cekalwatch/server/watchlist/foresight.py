"""What people's acts would silence, by the list as it is (domain rule 18). Methods block, and read the whole list."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.silencing import MAX_WHAT, SilencedOrder, Silencing
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.domain.orders.silencing import silenced, silencing
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.watchlist.store import WatchlistStore


@dataclass(frozen=True)
class ListForesight:
    """Compares the list of one database before and after."""

    watchlist: WatchlistStore
    checkpoints: Checkpoints
    clock: Clock

    def under(self, law: Law) -> Silencing:
        """Return which orders would be silenced if the list were judged by another law or list of agencies."""
        later, now = Checkpoints(law, self.checkpoints.zones), self.clock.now()
        found = dict[str, SilencedOrder]()
        for files in self.watchlist.everybody():
            found |= silenced(files, files, now, self.checkpoints, later)
        return silencing(found)

    def without(self, what: str, directions: Collection[Direction] = tuple(Direction)) -> Silencing:
        """Return all orders that alert in these directions, as if nothing came of them without `what`."""
        now, found = self.clock.now(), dict[str, SilencedOrder]()
        for files in self.watchlist.everybody():
            lost = silenced(files, (), now, self.checkpoints, self.checkpoints)
            found |= {key: one for key, one in lost.items() if one.place in directions}
        return replace(silencing(found), what=what[:MAX_WHAT])

    def of_orders(self, order_ids: frozenset[str]) -> Silencing:
        """Return the silencing of exactly these orders, as far as they are in force or will be."""
        subjects = self.watchlist.subjects_of(order_ids)
        files = self.watchlist.orders_of(subjects)
        without = [replace(one, orders=tuple(o for o in one.orders if o.order_id not in order_ids)) for one in files]
        found = silenced(files, without, self.clock.now(), self.checkpoints, self.checkpoints)
        return silencing({key: one for key, one in found.items() if key in order_ids})
