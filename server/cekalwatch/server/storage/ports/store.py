"""Keeps what ports report. Each method is one transaction. Methods block: call them from a worker thread."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, delete, select, update

from cekalwatch.contract.values.adjudication import UNSETTLED, AlertEventType, AlertState
from cekalwatch.contract.values.federation import LogPosition, LogStart, PortStep
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.names import people_in
from cekalwatch.server.domain.ports import (
    Port,
    PortAlert,
    PortReport,
    PortState,
    RefusedReport,
    contradictions,
    later,
)
from cekalwatch.server.encryption.keyring import DamagedValueError, Keyring
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.store import commit_audited, write_audit
from cekalwatch.server.storage.columns import PORT_ALERT_FACTS
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import checked, replace_row, with_valid_mac
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.keys.store import hold_sealing_key
from cekalwatch.server.storage.ports.followings import FOLLOWINGS
from cekalwatch.server.storage.ports.tables import (
    PortAlertRow,
    PortEventRow,
    PortFollowingRow,
    PortPositionRow,
    PortPresenceRow,
)
from cekalwatch.server.storage.row_codec import RowCodec

MAX_STEPS = 200
"""Steps that are read of an alert: the newest ones."""
MAX_PORTS = 1000
"""Ports that are listed."""
AT_ONCE = 200
"""Alerts whose records go in one transaction."""
_FOLLOWINGS = select(PortFollowingRow).order_by(col(PortFollowingRow.site), col(PortFollowingRow.port)).limit(MAX_PORTS)
_DONE = (AlertState.CLEARED, AlertState.CLOSED)

log = structlog.get_logger()


@dataclass(frozen=True)
class _Facts:
    """The sealed part of an alert."""

    alert: Alert
    people: dict[str, str]


_FACTS: TypeAdapter[_Facts] = TypeAdapter(_Facts)


_STATES = RowCodec(
    PortState, PortPresenceRow, {"port": "", "port.name": "port"}, {"sequence", "unsettled", "following"}
)


class PortStore:
    """What ports reported, in the centre's database."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def position(self, port: Port) -> LogPosition | None:
        """Return the position up to which the port's log is stored; None without one, or if the row was changed."""
        with self._database.session() as session:
            row = _position(session, port)
            if row is None or row.occurred_at is None:
                return None
            return LogPosition(row.sequence, UUID(row.alert_id), row.occurred_at)

    def start(self, port: Port, start: LogStart, now: datetime) -> None:
        """Expect the events after `start.after`, of a new log of the port unless `start` continues the old one.

        Raises REPORT_OUT_OF_ORDER when it continues at another position.
        """
        with self._database.session() as session:
            _lock(session, port, now)
            row = _position(session, port)
            if start.reason is None:
                if row is None or row.sequence != start.after:
                    raise CekalwatchError(Code.REPORT_OUT_OF_ORDER, f"{port} starts after {start.after}")
                return
            newest = select(func.max(PortEventRow.log)).where(*_of(PortEventRow, port))
            number = max(session.exec(newest).one() or 0, row.log if row else 0) + 1
            begun = PortPositionRow(site=port.site, port=port.name, log=number, sequence=start.after, alert_id="")
            replace_row(session, begun)
            session.commit()

    def record(
        self,
        port: Port,
        reports: Sequence[PortReport],
        now: datetime,
        refused: Callable[[Sequence[RefusedReport]], AuditEntry],
    ) -> int:
        """Store new events with their alerts; return the position up to which the log is stored.

        What contradicts an earlier report of the alert is not stored; the entry that `refused` makes of it is. Raises
        REPORT_OUT_OF_ORDER, and stores none, if an event is missing before one of them.
        """
        with self._database.session() as session:
            _lock(session, port, now)
            row = _position(session, port)
            if row is None:
                raise CekalwatchError(Code.REPORT_OUT_OF_ORDER, f"{port} has no position")
            hold_sealing_key(session, self._keyring)
            reached, last = row.sequence, None
            held = self._held(session, port, {one.event.alert_id for one in reports})
            changed, contradicting = set[UUID](), list[RefusedReport]()
            for report in reports:
                event = report.event
                if event.sequence <= reached:
                    continue
                if report.previous != reached:
                    detail = f"{port} reports {event.sequence} after {report.previous}, and {reached} is stored"
                    raise CekalwatchError(Code.REPORT_OUT_OF_ORDER, detail)
                reached, last = event.sequence, event
                before = held.get(event.alert_id)
                if before and (facts := contradictions(before.alert, report.alert)):
                    contradicting.append(RefusedReport(report, facts))
                    continue
                held[event.alert_id] = _facts_of(report, before)
                changed.add(event.alert_id)
                if not _is_known(session, port, report):
                    session.add(_event_row(port, row.log, report, now))
            for alert_id in changed:
                replace_row(session, self._alert_row(port, held[alert_id], now))
            if contradicting:
                write_audit(session, refused(contradicting))
            if last is not None:
                row.sequence, row.alert_id, row.occurred_at = reached, str(last.alert_id), last.occurred_at
                session.add(row)
            session.commit()
            return reached

    def remove_records(self, before: datetime, note: Callable[[Sequence[str]], AuditEntry]) -> int:
        """Remove cleared and closed alerts that were raised before, with their events; return how many were removed.

        For each AT_ONCE of them, the audit entry that `note` makes of their keys is committed with it.
        """
        due = (
            select(PortAlertRow.site, PortAlertRow.port, PortAlertRow.alert_id)
            .where(col(PortAlertRow.state).in_(_DONE), col(PortAlertRow.raised_at) <= before)
            .limit(AT_ONCE)
        )
        gone = 0
        while True:
            with self._database.session() as session:
                found = session.exec(due).all()
                if not found:
                    break
                for site, name, alert_id in found:
                    _remove(session, Port(site, name), [alert_id])
                commit_audited(session, note([alert_id for _, _, alert_id in found]))
                gone += len(found)
        if gone:
            self._database.purge_journal()
        return gone

    def get(self, port: Port, alert_id: UUID) -> PortAlert:
        """Return an alert of a port; raises ALERT_NOT_FOUND, and ValueError for a damaged one."""
        with self._database.session() as session:
            row = session.get(PortAlertRow, (port.site, port.name, str(alert_id)))
            if row is None:
                raise CekalwatchError(Code.ALERT_NOT_FOUND)
            return self._alert(checked(session, row))

    def has(self, alert_id: UUID) -> bool:
        """Whether any port reported an alert with this key."""
        query = select(PortAlertRow.port).where(col(PortAlertRow.alert_id) == str(alert_id)).limit(1)
        with self._database.session() as session:
            return session.exec(query).first() is not None

    def steps(self, port: Port, alert_id: UUID) -> list[PortStep]:
        """Return what happened to an alert, in order, at most the newest MAX_STEPS; changed rows are left out."""
        query = (
            select(PortEventRow)
            .where(*_of(PortEventRow, port), col(PortEventRow.alert_id) == str(alert_id))
            .order_by(col(PortEventRow.log).desc(), col(PortEventRow.sequence).desc())
            .limit(MAX_STEPS)
        )
        with self._database.session() as session:
            rows = with_valid_mac(session, session.exec(query))
            steps = [PortStep(AlertEventType(row.type), row.occurred_at, row.reported_at) for row in rows]
        return steps[::-1]

    def alerts(
        self, site: str, before: UUID | None, limit: int, states: Collection[AlertState] = ()
    ) -> list[PortAlert]:
        """Return at most `limit` alerts of ports at `site` (empty: all), newest first, older than the alert `before`.

        Damaged ones are left out, and logged.
        """
        query = select(PortAlertRow).order_by(col(PortAlertRow.alert_id).desc())
        if site:
            query = query.where(col(PortAlertRow.site) == site)
        if before:
            query = query.where(col(PortAlertRow.alert_id) < str(before))
        if states:
            query = query.where(col(PortAlertRow.state).in_(states))
        found: list[PortAlert] = []
        with self._database.session() as session:
            for row in session.exec(query).yield_per(limit):
                try:
                    found.append(self._alert(checked(session, row)))
                except ValueError as error:
                    log.error("alert_damaged", alert_id=row.alert_id, error=type(error).__name__)  # noqa: TRY400
                if len(found) == limit:
                    break
        return found

    def tell(
        self, port: Port, server: str, waiting: int, version: str, now: datetime, list_at: datetime | None = None
    ) -> None:
        """Record a port's state; `server` is where it is connected, `list_at` the time of its list, if known."""
        row = PortPresenceRow(
            site=port.site,
            port=port.name,
            server=server,
            heard_at=now,
            waiting=waiting,
            version=version,
            list_at=list_at,
        )
        with self._database.session() as session:
            session.merge(row)
            session.commit()

    def left(self, port: Port, server: str) -> None:
        """Record that a port is no longer connected at `server`, unless it is now connected at another one."""
        here = (*_of(PortPresenceRow, port), col(PortPresenceRow.server) == server)
        with self._database.session() as session:
            session.exec(update(PortPresenceRow).where(*here).values(server=""))
            session.commit()

    def states(self) -> list[PortState]:
        """Return how all ports do that ever reported or followed the list, by site and name."""
        of_alerts = (
            select(PortAlertRow.site, PortAlertRow.port, func.count())
            .where(col(PortAlertRow.state).in_(UNSETTLED))
            .group_by(col(PortAlertRow.site), col(PortAlertRow.port))
        )
        known = select(PortPresenceRow).order_by(col(PortPresenceRow.site), col(PortPresenceRow.port)).limit(MAX_PORTS)
        with self._database.session() as session:
            unsettled = {(site, name): count for site, name, count in session.exec(of_alerts)}
            positions = with_valid_mac(session, session.exec(select(PortPositionRow)))
            reached = {(row.site, row.port): row.sequence for row in positions}
            followings = {(row.site, row.port): FOLLOWINGS.read(row) for row in session.exec(_FOLLOWINGS)}
            states = {
                (row.site, row.port): _STATES.read(
                    row,
                    sequence=reached.get((row.site, row.port), 0),
                    unsettled=unsettled.get((row.site, row.port), 0),
                    following=followings.get((row.site, row.port)),
                )
                for row in session.exec(known)
            }
        for key, following in followings.items():
            states.setdefault(key, PortState(following.port, version=following.version, following=following))
        return [states[key] for key in sorted(states)][:MAX_PORTS]

    def _held(self, session: Session, port: Port, alert_ids: Collection[UUID]) -> dict[UUID, _Facts]:
        """Return what is stored of alerts; of one whose row was changed nothing is."""
        query = select(PortAlertRow).where(
            *_of(PortAlertRow, port), col(PortAlertRow.alert_id).in_([str(one) for one in alert_ids])
        )
        held = {}
        for row in with_valid_mac(session, session.exec(query)):
            try:
                held[UUID(row.alert_id)] = self._facts(row)
            except ValueError as error:
                log.error("alert_damaged", alert_id=row.alert_id, error=type(error).__name__)  # noqa: TRY400
        return held

    def _alert_row(self, port: Port, facts: _Facts, now: datetime) -> PortAlertRow:
        alert = facts.alert
        key = (port.site, port.name, str(alert.alert_id))
        return PortAlertRow(
            site=port.site,
            port=port.name,
            alert_id=str(alert.alert_id),
            state=alert.state,
            raised_at=alert.raised_at,
            reported_at=now,
            facts=self._keyring.seal(PORT_ALERT_FACTS.at(*key), _written(facts)),
        )

    def _alert(self, row: PortAlertRow) -> PortAlert:
        """Return the row's alert; raises ValueError for a damaged one."""
        facts = self._facts(row)
        return PortAlert(Port(row.site, row.port), facts.alert, facts.people, row.reported_at)

    def _facts(self, row: PortAlertRow) -> _Facts:
        place = PORT_ALERT_FACTS.at(row.site, row.port, row.alert_id)
        try:
            return _read(self._keyring.open(place, row.facts))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            # Its text quotes the content of the row.
            raise DamagedValueError(f"an alert of a port that cannot be read: {type(error).__name__}") from None


def _lock(session: Session, port: Port, now: datetime) -> None:
    """Lock the port's reports until the transaction ends; the first step of storing them."""
    if not session.exec(update(PortPresenceRow).where(*_of(PortPresenceRow, port)).values(heard_at=now)).rowcount:
        session.add(PortPresenceRow(site=port.site, port=port.name, heard_at=now))
        session.flush()


def _position(session: Session, port: Port) -> PortPositionRow | None:
    row = session.get(PortPositionRow, (port.site, port.name))
    try:
        return checked(session, row) if row else None
    except ChangedRowError:
        return None


def _facts_of(report: PortReport, before: _Facts | None) -> _Facts:
    """Return what is stored after a report: who worked on the alert keeps the name that was told first."""
    alert = later(before.alert, report.alert) if before else report.alert
    names = {**report.people, **(before.people if before else {})}
    at_work = frozenset(people_in(alert.handling))
    return _Facts(alert, {key: name for key, name in names.items() if key in at_work})


_MOMENTS = {"findings": "found_at", "follow_ups": "recorded_at"}
"""Parts of a handling whose person and moment are stored as `by` and `at`, as servers since 0.2.0 store them."""


def _written(facts: _Facts) -> bytes:
    """Return the stored form."""
    stored = _FACTS.dump_python(facts, mode="json")
    alert, handling = stored["alert"], stored["alert"]["handling"]
    alert["probe_capture_id"] = alert["probe_capture_id"] or None
    if claim := handling["claim"]:
        claim["holder"]["agent"], claim["until"] = claim["agent_id"], claim["expires_at"]
    for part, moment in _MOMENTS.items():
        for one in handling[part]:
            one["by"], one["at"] = one.pop("person")["person_id"], one.pop(moment)
    return json.dumps(stored).encode()


def _read(written: bytes) -> _Facts:
    """Return the facts of a stored form."""
    stored = json.loads(written)
    alert, handling = stored["alert"], stored["alert"]["handling"]
    alert["probe_capture_id"] = alert["probe_capture_id"] or ""
    if claim := handling["claim"]:
        claim["agent_id"], claim["expires_at"] = claim["holder"]["agent"], claim["until"]
    for part, moment in _MOMENTS.items():
        for one in handling[part]:
            one["person"], one[moment] = {"person_id": one["by"]}, one["at"]
    return _FACTS.validate_python(stored)


def _is_known(session: Session, port: Port, report: PortReport) -> bool:
    """Whether the event is stored from a former log of the port, under another sequence."""
    event = report.event
    same = select(PortEventRow.sequence).where(
        *_of(PortEventRow, port),
        col(PortEventRow.alert_id) == str(event.alert_id),
        col(PortEventRow.type) == event.type,
        col(PortEventRow.occurred_at) == event.occurred_at,
        col(PortEventRow.capture_id) == str(event.capture_id or ""),
    )
    return session.exec(same.limit(1)).first() is not None


def _event_row(port: Port, number: int, report: PortReport, now: datetime) -> PortEventRow:
    event = report.event
    return PortEventRow(
        site=port.site,
        port=port.name,
        log=number,
        sequence=event.sequence,
        alert_id=str(event.alert_id),
        type=event.type,
        occurred_at=event.occurred_at,
        capture_id=str(event.capture_id or ""),
        reported_at=now,
    )


def _remove(session: Session, port: Port, alert_ids: Sequence[str]) -> None:
    for table in (PortAlertRow, PortEventRow):
        session.exec(delete(table).where(*_of(table, port), col(table.alert_id).in_(alert_ids)))


def _of(table: type[PortAlertRow | PortEventRow | PortPresenceRow], port: Port) -> tuple[ColumnElement[bool], ...]:
    return col(table.site) == port.site, col(table.port) == port.name
