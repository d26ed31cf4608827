"""Keeps how ports follow the list, for all servers of the centre. Methods block."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import col, select, update

from cekalwatch.server.domain.ports import Following, Port
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.ports.tables import PortFollowingRow


class FollowingStore:
    """Of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, port: Port) -> Following | None:
        """Return how a port follows; None when it never did."""
        with self._database.session() as session:
            row = session.get(PortFollowingRow, (port.site, port.name))
            return following_of(row) if row else None

    def tell(self, followings: Iterable[Following], now: datetime) -> None:
        """Note that these ports follow now."""
        with self._database.session() as session:
            for one in followings:
                row = PortFollowingRow(
                    site=one.port.site,
                    port=one.port.name,
                    run_id=one.run_id,
                    server=one.server,
                    since=one.since or now,
                    heard_at=now,
                    model_version=one.model_version,
                    version=one.version,
                    certificate=one.certificate,
                )
                session.merge(row)
            session.commit()

    def left(self, one: Following, now: datetime) -> None:
        """Note that a port follows at that server no longer, unless another server has it by now."""
        row = PortFollowingRow
        here = (
            col(row.site) == one.port.site,
            col(row.port) == one.port.name,
            col(row.server) == one.server,
            col(row.run_id) == one.run_id,
        )
        with self._database.session() as session:
            session.exec(update(row).where(*here).values(server="", since=now))
            session.commit()

    def all(self) -> list[Following]:
        """Return how all ports follow that ever did, by site and name."""
        query = select(PortFollowingRow).order_by(col(PortFollowingRow.site), col(PortFollowingRow.port))
        with self._database.session() as session:
            return [following_of(row) for row in session.exec(query)]


def following_of(row: PortFollowingRow) -> Following:
    """Read a row."""
    return Following(
        Port(row.site, row.port),
        row.run_id,
        row.server,
        row.since,
        row.heard_at,
        row.model_version,
        row.version,
        row.certificate,
    )
