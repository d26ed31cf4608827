"""Keeps which agency had asked for each order of an alert when the alert met it: lists are corrected later, and the
statistics of that time are not.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from cekalwatch.server.domain.alerts.field_sums import AlertOrder, FieldAlert
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.storage.alerts.tables import AlertAgencyRow, AlertRow
from cekalwatch.server.storage.columns import ALERT_AGENCY
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.queries import pieces
from cekalwatch.server.storage.watchlist.reading import readable
from cekalwatch.server.storage.watchlist.rows import WatchlistRows
from cekalwatch.server.storage.watchlist.tables import BanOrderRow


class AgencyHistory:
    """The requesting agencies of alerts, as they were. Methods block."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._rows = WatchlistRows(keyring)

    def keep(self, session: Session, row: AlertRow, known: Collection[str] = ()) -> None:
        """Add the present agency of each order of the alert that is not among those `known` before, by their keys."""
        new = order_keys(row).difference(known)
        for order_id, agency in self._present(session, new).items():
            sealed = self._keyring.seal(ALERT_AGENCY.at(row.alert_id, order_id), agency.encode())
            session.add(AlertAgencyRow(alert_id=row.alert_id, order_id=order_id, agency=sealed))

    def of(self, alerts: Collection[FieldAlert]) -> dict[AlertOrder, str]:
        """Return the agency of each order of each alert; of an alert of an earlier release, the order's present one."""
        wanted = sorted({order for alert in alerts for order in alert.orders})
        found: dict[AlertOrder, str] = {}
        with self._database.session() as session:
            for some in pieces(wanted):
                key = tuple_(col(AlertAgencyRow.alert_id), col(AlertAgencyRow.order_id))
                found |= readable(
                    session.exec(select(AlertAgencyRow).where(key.in_(some))), self._kept, lambda row: row.alert_id
                )
            missing = [order for order in wanted if order not in found]
            present = self._present(session, {order_id for _, order_id in missing})
        return found | {order: present[order[1]] for order in missing if order[1] in present}

    def _kept(self, row: AlertAgencyRow) -> tuple[AlertOrder, str]:
        key = row.alert_id, row.order_id
        return key, self._keyring.open(ALERT_AGENCY.at(*key), row.agency).decode()

    def _present(self, session: Session, order_ids: Collection[str]) -> dict[str, str]:
        """Return the agency of each stored, readable order."""
        wanted, found = sorted(order_ids), dict[str, str]()
        for some in pieces(wanted):
            # The facts are sealed with their order's key, so no row must be checked in addition.
            query = select(BanOrderRow.order_id, BanOrderRow.facts).where(col(BanOrderRow.order_id).in_(some))
            found |= readable(
                session.exec(query), lambda row: (row[0], self._rows.agency(row[0], row[1])), lambda row: row[0]
            )
        return found


def order_keys(row: AlertRow) -> set[str]:
    """Return the keys of the orders of all candidates of an alert."""
    return {str(order_id) for one in row.candidates for order_id in one["order_ids"]}
