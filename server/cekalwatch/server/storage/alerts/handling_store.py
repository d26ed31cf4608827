"""Stores people's steps with alerts. A step is one transaction: the alert, its events and the audit entries.

Methods block: call them from a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

import sqlalchemy
import structlog
from sqlalchemy import ColumnElement, case, func, true
from sqlmodel import Session, col, delete, select

from cekalwatch.contract.values.adjudication import (
    CLEARING,
    OPEN_STATES,
    UNSETTLED,
    AlertEventType,
    AlertState,
    Outcome,
)
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.alerts.alert import Alert, AlertEvent
from cekalwatch.server.domain.alerts.handling import Handling
from cekalwatch.server.domain.alerts.match import Told
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.alerts.reading import readable, reference_owed
from cekalwatch.server.storage.alerts.rows import (
    HANDLING_COLUMNS,
    event_of,
    handling_of,
    read_alerts,
    write_handling,
    write_told,
)
from cekalwatch.server.storage.alerts.store import lock_log
from cekalwatch.server.storage.alerts.tables import REAL, AlertEventRow, AlertRow, FindingRow, ProbeRow
from cekalwatch.server.storage.audit.store import write_audit
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.exercises.ending import end_judged
from cekalwatch.server.storage.integrity.guard import REMOVED
from cekalwatch.server.storage.integrity.guarded_session import checked, guard_of
from cekalwatch.server.storage.keys.store import hold_sealing_key
from cekalwatch.server.storage.watchlist.rows import DAMAGED

log = structlog.get_logger()

_UNCOUNTED = frozenset({AlertEventType.ESCALATED, AlertEventType.LOOKED})
"""Leaves the version: it changes nothing that a person judges, and no judgement may be refused for it."""


_SETTLED = frozenset(AlertState) - UNSETTLED


@dataclass(frozen=True)
class HandlingStep:
    """How an alert is handled from now on, and what happened to bring it there: nothing when a claim was renewed."""

    handling: Handling
    happened: tuple[AlertEventType, ...]
    in_force: frozenset[str] | None = None
    """The candidates with an order in force, if the step checked them; see `Alert.with_orders`."""
    told: Mapping[str, Told] = MappingProxyType({})
    """What the list tells of candidates, if the step compared it."""


@dataclass(frozen=True)
class RaisedAlert:
    """An alert with when it was first claimed, which the shift's figures need."""

    alert: Alert
    first_claimed_at: datetime | None


@dataclass(frozen=True)
class OpenAlerts:
    """The open alerts of one state."""

    state: AlertState
    count: int
    oldest_at: datetime
    """When the oldest was raised."""


@dataclass(frozen=True)
class WatchedAlert:
    """The facts that decide whether the orders of an open alert must be checked again."""

    alert_id: UUID
    version: int
    subject_ids: tuple[str, ...]
    """Its candidates."""
    orders_ended: bool


class HandlingStore:
    """The handling of alerts in the database."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def open_alerts(self) -> list[OpenAlerts]:
        """Count the alerts on which somebody must still act, by state; rows are not checked."""
        state, raised_at = col(AlertRow.state), col(AlertRow.raised_at)
        wanted = (REAL, state.in_(OPEN_STATES))
        query = select(state, func.count(), func.min(raised_at)).where(*wanted).group_by(state)
        with self._database.session() as session:
            return [OpenAlerts(AlertState(one), count, oldest) for one, count, oldest in session.exec(query)]

    def open_at(self) -> dict[tuple[str, str], dict[AlertState, int]]:
        """Count the alerts on which somebody must still act, by site and counter, and by state; rows are not checked.

        Exercises are left out.
        """
        by = (col(AlertRow.site), col(AlertRow.counter), col(AlertRow.state))
        query = sqlalchemy.select(*by, func.count()).where(REAL, col(AlertRow.state).in_(OPEN_STATES)).group_by(*by)
        found: dict[tuple[str, str], dict[AlertState, int]] = {}
        with self._database.session() as session:
            for site, counter, state, count in session.execute(query):
                found.setdefault((site, counter), {})[AlertState(state)] = count
        return found

    def waiting_at(self) -> dict[tuple[str, str], int]:
        """Count the unsettled alerts by site and counter, exercises among them: a number must not tell them apart."""
        place = (col(AlertRow.site), col(AlertRow.counter))
        query = sqlalchemy.select(*place, func.count()).where(col(AlertRow.state).in_(UNSETTLED)).group_by(*place)
        with self._database.session() as session:
            return {(site, counter): count for site, counter, count in session.execute(query)}

    def step(
        self,
        alert_id: UUID,
        make: Callable[[Alert], HandlingStep],
        note: Callable[[Alert, AlertEvent], AuditEntry],
        now: datetime,
    ) -> Alert:
        """Commit the step that `make` computes from the alert's present state, and return the alert after it.

        The changes become events of the log, each with the audit entry of `note`. If several people act at once, each
        step sees the result of the previous one. Raises ALERT_NOT_FOUND, the errors of `make`, and STORAGE_UNAVAILABLE
        when the note cannot be sealed.
        """
        with self._database.session() as session:
            lock_log(session)
            row = session.get(AlertRow, str(alert_id))
            if row is None:
                raise CekalwatchError(Code.ALERT_NOT_FOUND)
            (before,) = read_alerts(session, [checked(session, row)], self._keyring)
            step = make(before)
            version = before.version + sum(kind not in _UNCOUNTED for kind in step.happened)
            looked = (before if step.in_force is None else before.with_orders(step.in_force)).with_told(
                step.told, version
            )
            if step.handling == before.handling and looked == before:
                return before
            hold_sealing_key(session, self._keyring)
            write_handling(session, row, looked, step.handling, self._keyring)
            write_told(session, before, looked)
            row.version = version
            if AlertEventType.CLAIMED in step.happened:
                row.first_claimed_at = row.first_claimed_at or now
            session.flush()
            (after,) = read_alerts(session, [row], self._keyring)
            if before.exercise_id and before.open and not after.open:
                end_judged(session, after, now)
            events = [self._event(session, row.alert_id, kind, now) for kind in step.happened]
            if events:
                write_audit(session, *(note(after, event) for event in events))
            session.commit()
            return after

    def waiting(self) -> dict[UUID, Handling]:
        """Return the handling of each alert that may lapse or escalate, oldest first.

        That of unsettled ones is without findings, and their rows are not checked: `step` checks a row before it
        changes anything. Damaged ones are left out. Hits whose reference is owed follow, whole.
        """
        query = sqlalchemy.select(*HANDLING_COLUMNS).where(REAL, col(AlertRow.state).in_(OPEN_STATES))
        found: dict[UUID, Handling] = {}
        with self._database.session() as session:
            for row in session.execute(query.order_by(col(AlertRow.alert_id))):
                try:
                    found[UUID(row.alert_id)] = handling_of(row)
                except DAMAGED as error:
                    log.error("alert_damaged", alert_id=row.alert_id, error=type(error).__name__)  # noqa: TRY400
            hits = select(AlertRow).where(reference_owed()).order_by(col(AlertRow.alert_id))
            owed = readable(session, hits, lambda rows: read_alerts(session, rows, self._keyring))
        return found | {one.alert_id: one.handling for one in owed}

    def untold(self, since: datetime) -> list[UUID]:
        """Return the alerts raised since on which somebody must still act, and that no event of the log raises.

        The guard refuses these events as removed. Events younger than a day are never pruned.
        """
        told = (
            select(AlertEventRow.sequence)
            .where(col(AlertEventRow.alert_id) == col(AlertRow.alert_id))
            .where(col(AlertEventRow.type) == AlertEventType.RAISED)
        )
        query = select(AlertRow.alert_id).where(
            col(AlertRow.state).in_(OPEN_STATES), col(AlertRow.raised_at) >= since, ~told.exists()
        )
        with self._database.session() as session:
            found = session.exec(query).all()
            log_table = str(AlertEventRow.__tablename__)
            guard_of(session).refuse_of(log_table, {(log_table, key): REMOVED for key in found})
        return list(map(UUID, found))

    def tell_again(self, alert_id: UUID, note: Callable[[Alert, AlertEvent], AuditEntry], now: datetime) -> None:
        """Add the event that raises an alert to the log again, with the audit entry of `note`."""
        with self._database.session() as session:
            lock_log(session)
            row = session.get(AlertRow, str(alert_id))
            if row is None:
                raise CekalwatchError(Code.ALERT_NOT_FOUND)
            (alert,) = read_alerts(session, [checked(session, row)], self._keyring)
            write_audit(session, note(alert, self._event(session, row.alert_id, AlertEventType.RAISED, now)))
            session.commit()

    def watched(self) -> list[WatchedAlert]:
        """Return the readable alerts on which somebody must still act, oldest first."""
        query = select(AlertRow).where(REAL, col(AlertRow.state).in_(OPEN_STATES)).order_by(col(AlertRow.alert_id))
        with self._database.session() as session:
            return readable(session, query, lambda rows: list(map(_watched, rows)))

    def raised_between(self, site: str, start: datetime, end: datetime) -> list[RaisedAlert]:
        """Return the alerts that can be read and were raised at `site` from `start` on and before `end`."""
        query = (
            select(AlertRow)
            .where(REAL, col(AlertRow.raised_at) >= start, col(AlertRow.raised_at) < end, col(AlertRow.site) == site)
            .order_by(col(AlertRow.alert_id))
        )
        with self._database.session() as session:
            return readable(session, query, lambda rows: self._raised(session, rows))

    def remove_probes(
        self, cleared_before: datetime, confirmed_before: datetime, note: Callable[[int, int], AuditEntry]
    ) -> tuple[int, int]:
        """Remove the probes of alerts that were cleared or confirmed before; return how many of each.

        If any were removed, the audit entry that `note` makes of these numbers is committed with it.
        """
        with self._database.session() as session:
            # Of one that was taken back, the last finding is another.
            number = col(FindingRow.number)
            confirmed_by = case((col(FindingRow.outcome) == Outcome.CONFIRMED, number))
            hits = (
                select(FindingRow.alert_id)
                .group_by(col(FindingRow.alert_id))
                .having(func.max(confirmed_by) == func.max(number))
            )
            cleared = self._remove(session, ~col(AlertRow.alert_id).in_(hits), CLEARING, cleared_before)
            confirmed = self._remove(session, true(), (Outcome.CONFIRMED,), confirmed_before)
            if not cleared + confirmed:
                return 0, 0
            write_audit(session, note(cleared, confirmed))
            session.commit()
        self._database.purge_journal()
        return cleared, confirmed

    def _raised(self, session: Session, rows: Sequence[AlertRow]) -> list[RaisedAlert]:
        alerts = read_alerts(session, rows, self._keyring)
        return [RaisedAlert(alert, row.first_claimed_at) for alert, row in zip(alerts, rows, strict=True)]

    @staticmethod
    def _remove(session: Session, alerts: ColumnElement[bool], outcomes: Collection[Outcome], before: datetime) -> int:
        """Remove the probes of settled `alerts` whose last such outcome was before: each candidate has its own."""
        found = (
            select(FindingRow.alert_id)
            .join(AlertRow, col(AlertRow.alert_id) == col(FindingRow.alert_id))
            .where(alerts, col(AlertRow.state).in_(_SETTLED), col(FindingRow.outcome).in_(outcomes))
            .group_by(col(FindingRow.alert_id))
            .having(func.max(FindingRow.found_at) <= before)
        )
        return session.exec(delete(ProbeRow).where(col(ProbeRow.alert_id).in_(found))).rowcount

    @staticmethod
    def _event(session: Session, alert_id: str, kind: AlertEventType, now: datetime) -> AlertEvent:
        row = AlertEventRow(type=kind, occurred_at=now, alert_id=alert_id, capture_id="")
        session.add(row)
        session.flush()
        return event_of(row)


def _watched(row: AlertRow) -> WatchedAlert:
    subject_ids = tuple(one["subject_id"] for one in row.candidates)
    return WatchedAlert(UUID(row.alert_id), row.version, subject_ids, row.orders_ended_at is not None)
