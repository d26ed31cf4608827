"""What the centre has of the port: the events that it reported, and its alerts as they stand there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select

from benchmarks.chaos.evidence import LoggedEvent, StoredAlert
from benchmarks.chaos.sites.centre import Centre
from benchmarks.chaos.sites.plans import PORT, PORT_DEVICE
from cekalwatch.server.domain.ports import Port
from cekalwatch.server.storage.ports.store import PortStore
from cekalwatch.server.storage.ports.tables import PortAlertRow, PortEventRow

_PORT = Port(PORT.key, PORT_DEVICE)


@dataclass(frozen=True)
class ReportedEvent:
    """An event of the port, as the centre stored it."""

    log: int
    """Counts the port's logs; in a day the port never begins another one once it has an event."""
    event: LoggedEvent
    reported_at: datetime


@dataclass(frozen=True)
class Reported:
    """All of it at one moment."""

    events: Sequence[ReportedEvent]
    """By log and sequence."""
    alerts: Mapping[str, StoredAlert]

    @classmethod
    def to(cls, centre: Centre) -> Reported:
        """Read it past the servers. Raises StorageError when the database is away."""
        database = centre.database()
        assert database.guard is not None
        try:
            store = PortStore(database, database.guard.keyring)
            in_order = select(PortEventRow).order_by(col(PortEventRow.log), col(PortEventRow.sequence))
            with database.one_state() as session:
                events = [_event(row) for row in session.exec(in_order)]
                keys = session.exec(select(PortAlertRow.alert_id)).all()
            alerts = [store.get(_PORT, UUID(key)).alert for key in keys]
        finally:
            database.close()
        stand = [
            StoredAlert(
                str(one.alert_id),
                one.state,
                one.version,
                frozenset(each.subject_id for each in one.candidates),
                one.handling.orders_ended_at is not None,
                one.late,
            )
            for one in alerts
        ]
        return cls(events, {one.alert_id: one for one in stand})


def _event(row: PortEventRow) -> ReportedEvent:
    event = LoggedEvent(row.sequence, row.type, row.occurred_at, row.alert_id, row.capture_id)
    return ReportedEvent(row.log, event, row.reported_at)
