"""How far a port and its centre are with each other, for all servers of either. Methods block."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select, update

from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.contract.values.federation import LogPosition
from cekalwatch.server.domain.ports import Following, Port
from cekalwatch.server.storage.alerts.tables import REAL, AlertEventRow, AlertRow
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.ports.tables import CentreReportRow, PortFollowingRow
from cekalwatch.server.storage.row_codec import RowCodec

FOLLOWINGS = RowCodec(Following, PortFollowingRow, {"port": "", "port.name": "port"})


class FollowingStore:
    """At the centre: how ports follow the list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, port: Port) -> Following | None:
        """Return how a port follows; None when it never did."""
        with self._database.session() as session:
            row = session.get(PortFollowingRow, (port.site, port.name))
            return FOLLOWINGS.read(row) if row else None

    def tell(self, followings: Iterable[Following], now: datetime) -> None:
        """Note that these ports follow now."""
        with self._database.session() as session:
            for one in followings:
                session.merge(FOLLOWINGS.write(one, since=one.since or now, heard_at=now))
            session.commit()

    def left(self, one: Following, now: datetime) -> None:
        """Record that a port no longer follows at that server, unless it follows at another one now."""
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
            return list(map(FOLLOWINGS.read, session.exec(query)))


class ReportedLog:
    """At a port: what of its event log the centre has, and what there is to report."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acknowledge(self, sequence: int, now: datetime) -> None:
        """Note that the centre has stored the log up to there."""
        with self._database.session() as session:
            session.exec(update(CentreReportRow).values(sequence=sequence, acknowledged_at=now))
            session.commit()

    def waiting(self) -> int:
        """Return how many events the centre has not stored, as far as this port knows."""
        reached = select(CentreReportRow.sequence).where(col(CentreReportRow.id) == 1).scalar_subquery()
        told = (REAL, col(AlertEventRow.type) != AlertEventType.LOOKED, col(AlertEventRow.sequence) > reached)
        query = select(func.count()).select_from(AlertEventRow).join(AlertRow).where(*told)
        with self._database.session() as session:
            return session.exec(query).one()

    def event_at(self, sequence: int) -> LogPosition | None:
        """Return the event with that sequence; None if there is none."""
        with self._database.session() as session:
            row = session.get(AlertEventRow, sequence)
            return LogPosition(sequence, UUID(row.alert_id), row.occurred_at) if row else None
