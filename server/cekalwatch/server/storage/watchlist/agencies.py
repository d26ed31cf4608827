"""Which agencies asked for orders, read without the rest of the orders. It blocks: call it from a worker thread."""

from __future__ import annotations

from collections.abc import Collection

from sqlmodel import col, select

from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.models.template_store import KEYS_A_QUERY
from cekalwatch.server.storage.watchlist.reading import readable
from cekalwatch.server.storage.watchlist.rows import WatchlistRows
from cekalwatch.server.storage.watchlist.tables import BanOrderRow


class OrderAgencies:
    """The requesting agencies of orders in the database."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._rows = WatchlistRows(keyring)

    def of(self, order_ids: Collection[str]) -> dict[str, str]:
        """Return the agency of each of the orders that is held and can be read."""
        wanted, found = sorted(set(order_ids)), dict[str, str]()
        with self._database.session() as session:
            for start in range(0, len(wanted), KEYS_A_QUERY):
                # The facts are sealed with their order's key, so that no row has to be checked beside.
                query = select(BanOrderRow.order_id, BanOrderRow.facts).where(
                    col(BanOrderRow.order_id).in_(wanted[start : start + KEYS_A_QUERY])
                )
                found |= readable(
                    session.exec(query), lambda row: (row[0], self._rows.agency(row[0], row[1])), lambda row: row[0]
                )
        return found
