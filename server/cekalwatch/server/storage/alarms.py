"""Stores alarms (on the wire: troubles). Each method is one transaction. Methods block: call them from a thread.

It contains only keys, numbers, times and codes, nothing personal, so nothing is sealed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import uuid6
from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel, col, delete, or_, select, update

from cekalwatch.contract.values.alarms import OF_PEOPLE, AlarmKind
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.domain.alarms import AlarmChanges, AlarmCondition, StoredAlarm
from cekalwatch.server.domain.presence import Rejection
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.store import commit_audited
from cekalwatch.server.storage.columns import moment, moment_or_none
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import put_row, with_valid_mac
from cekalwatch.server.storage.integrity.signed_row import SignedRow
from cekalwatch.server.storage.people.tables import PersonRow
from cekalwatch.server.storage.row_codec import RowCodec


class AlarmLogRow(SQLModel, table=True):
    """One row, made by the first migration, with the counter that each change of an alarm locks and raises."""

    __tablename__ = "trouble_log"

    id: int = Field(primary_key=True)
    change: int


class AlarmRow(SQLModel, table=True):
    """An alarm; see `Alarm` of the domain."""

    __tablename__ = "trouble"

    trouble_id: str = Field(primary_key=True)
    """A UUID of version 7, so that keys are in the order of time."""
    open_key: str | None = Field(default=None, unique=True)
    """KIND and subject of an open alarm: it exists once, whichever server finds it."""
    kind: str
    about: str
    site: str
    counter: str
    details: str
    """A JSON object of texts."""
    began_at: datetime = moment()
    ended_at: datetime | None = moment_or_none()
    acknowledged_at: datetime | None = moment_or_none()
    acknowledged_by: str | None = None
    """Key of the person."""
    read_by: list[str] = Field(default_factory=list, sa_type=JSON)
    change: int = Field(index=True)
    """The counter of `AlarmLogRow` as of its last change."""


class CameraNewsRow(SignedRow, table=True):
    """Reports about a camera between the servers that share the database. They can hide that it is down."""

    __tablename__ = "camera_news"

    camera_id: str = Field(primary_key=True)
    """Of one that was refused: the key that it claims."""
    heard_at: datetime | None = moment_or_none()
    """When any server last heard it."""
    rejected_at: datetime | None = moment_or_none()
    """When any server last refused it."""
    reason: str = ""
    """Why: a code of the catalogue."""
    site: str = ""
    """The site in the certificate with which it was refused."""


MAX_OPEN = 1000
"""Maximum number of open alarms that are returned: the oldest."""

NEWS_LASTS = timedelta(days=1)
"""Time for which a refused camera that never connected is remembered."""

_SELECTED = select(AlarmRow, PersonRow.display_name).join(
    PersonRow, col(PersonRow.person_id) == col(AlarmRow.acknowledged_by), isouter=True
)
_OPEN = _SELECTED.where(col(AlarmRow.open_key).is_not(None)).order_by(col(AlarmRow.trouble_id)).limit(MAX_OPEN)
"""Built once: each alarm's rule asks, some of them each second."""


@dataclass(frozen=True)
class CameraNews:
    """The reports of all servers about cameras, by key."""

    heard: Mapping[str, datetime]
    rejected: Mapping[str, Rejection]


class AlarmStore:
    """The alarms in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self) -> list[StoredAlarm]:
        """Return the open alarms, oldest first."""
        with self._database.session() as session:
            return [_alarm(*row) for row in session.exec(_OPEN)]

    def state(self) -> tuple[int, list[StoredAlarm]]:
        """Return the counter of changes, and the open alarms at that value."""
        with self._database.session() as session:
            # The counter first: a change between the two is then reported twice instead of never.
            change = session.exec(select(AlarmLogRow.change)).one()
        return change, self.open()

    def changed_since(self, change: int, limit: int) -> list[StoredAlarm]:
        """Return the alarms that changed after that value of the counter, in the order of their changes."""
        query = _SELECTED.where(col(AlarmRow.change) > change).order_by(col(AlarmRow.change)).limit(limit)
        with self._database.session() as session:
            return [_alarm(*row) for row in session.exec(query)]

    def page(self, site: str, before: UUID | None, limit: int, began_from: datetime | None = None) -> list[StoredAlarm]:
        """Return alarms at `site` (empty: all) and of all sites, older than `before`, newest first."""
        query = _SELECTED.order_by(col(AlarmRow.trouble_id).desc()).limit(limit)
        if site:
            query = query.where(or_(col(AlarmRow.site) == "", col(AlarmRow.site) == site))
        if before:
            query = query.where(col(AlarmRow.trouble_id) < str(before))
        if began_from:
            query = query.where(col(AlarmRow.began_at) >= began_from)
        with self._database.session() as session:
            return [_alarm(*row) for row in session.exec(query)]

    def write(self, wanted: AlarmChanges, now: datetime) -> list[StoredAlarm]:
        """Begin, change and end alarms; return the changed ones. Another server's earlier write stays."""
        touched: list[AlarmRow] = []
        with self._database.session() as session:
            change = _lock(session)
            keys = [_key(*condition.key) for condition in (*wanted.begun, *wanted.changed)]
            keys += [_key(*key) for key in wanted.over]
            rows = {row.open_key: row for row in session.exec(select(AlarmRow).where(col(AlarmRow.open_key).in_(keys)))}
            for condition in (*wanted.begun, *wanted.changed):
                row = rows.get(_key(*condition.key))
                details = json.dumps(dict(condition.details), sort_keys=True)
                if row is None:
                    row = _new(condition, details, now)
                    session.add(row)
                elif row.details == details:
                    continue
                row.details = details
                touched.append(row)
            for key in wanted.over:
                if ended := rows.get(_key(*key)):
                    ended.open_key, ended.ended_at = None, now
                    touched.append(ended)
            for number, row in enumerate(touched, change + 1):
                row.change = number
            _count(session, change + len(touched))
            session.commit()
            return [_alarm(row, None) for row in touched]

    def acknowledge(
        self,
        alarm_id: UUID,
        by: Callable[[StoredAlarm], PersonReference],
        now: datetime,
        note: Callable[[StoredAlarm], AuditEntry],
    ) -> StoredAlarm:
        """Record that a person acknowledges it, with the audit entry of `note`; the first person stays recorded.

        What tells of people, each acknowledges for themselves.

        `by` gets the present alarm, and raises the reason of a refusal. Raises TROUBLE_NOT_FOUND.
        """
        with self._database.session() as session:
            change = _lock(session)
            found = session.exec(_SELECTED.where(col(AlarmRow.trouble_id) == str(alarm_id))).first()
            if found is None:
                raise CekalwatchError(Code.TROUBLE_NOT_FOUND)
            before = _alarm(*found)
            person = by(before)
            if before.acknowledged_by or person.person_id in before.read_by:
                return before
            row = found[0]
            row.change = change + 1
            if before.condition.kind in OF_PEOPLE:
                row.read_by = [*row.read_by, person.person_id]
            else:
                row.acknowledged_at, row.acknowledged_by = now, person.person_id
            _count(session, change + 1)
            session.flush()
            after = _alarm(row, person.display_name)
            commit_audited(session, note(after))
            return after

    def remove(self, before: datetime, note: Callable[[int], AuditEntry]) -> int:
        """Remove the alarms that ended before that moment, with an audit entry; return how many."""
        old = col(AlarmRow.ended_at) < before
        with self._database.session() as session:
            gone = session.exec(delete(AlarmRow).where(old)).rowcount
            if gone:
                commit_audited(session, note(gone))
            return gone

    def tell(self, heard: Mapping[str, datetime], rejected: Mapping[str, Rejection], now: datetime) -> None:
        """Report to the other servers when this one heard cameras, and which cameras it has refused."""
        with self._database.session() as session:
            names = {*heard, *rejected}
            # Locked, since a MAC is over what several servers write.
            query = select(CameraNewsRow).where(col(CameraNewsRow.camera_id).in_(names)).with_for_update()
            found = {row.camera_id: row for row in session.exec(query.order_by(CameraNewsRow.camera_id))}
            known = {row.camera_id: row for row in with_valid_mac(session, found.values())}
            for name in sorted(names):
                row = known.get(name) or CameraNewsRow(camera_id=name)
                row.heard_at = heard.get(name, row.heard_at)
                if one := rejected.get(name):
                    row.rejected_at, row.reason, row.site = one.at, str(one.reason), one.site
                if row is not found.get(name):
                    put_row(session, row, found.get(name))
            old = col(CameraNewsRow.rejected_at) < now - NEWS_LASTS
            session.exec(delete(CameraNewsRow).where(col(CameraNewsRow.heard_at).is_(None), old))
            session.commit()

    def told(self) -> CameraNews:
        """Return the reports of all servers. A row that somebody else wrote says nothing."""
        with self._database.session() as session:
            rows = list(with_valid_mac(session, session.exec(select(CameraNewsRow)).all()))
        return CameraNews(
            {row.camera_id: row.heard_at for row in rows if row.heard_at},
            {
                row.camera_id: Rejection(row.rejected_at, row.site, Code(row.reason))
                for row in rows
                if row.rejected_at and row.reason
            },
        )


def _lock(session: Session) -> int:
    """Lock the counter, so that changes rise in the order of commits, and return it."""
    session.exec(update(AlarmLogRow).values(change=AlarmLogRow.change))
    return session.exec(select(AlarmLogRow.change)).one()


def _count(session: Session, change: int) -> None:
    session.exec(update(AlarmLogRow).values(change=change))


def _key(kind: AlarmKind, about: str) -> str:
    return f"{kind} {about}"


_ALARMS = RowCodec(StoredAlarm, AlarmRow, {"alarm_id": "trouble_id"}, {"acknowledged_by"})


def _new(condition: AlarmCondition, details: str, now: datetime) -> AlarmRow:
    one = StoredAlarm(uuid6.uuid7(), condition, began_at=now)
    return _ALARMS.write(one, open_key=_key(*condition.key), details=details)


def _alarm(row: AlarmRow, name: str | None) -> StoredAlarm:
    seen_by = PersonReference(row.acknowledged_by, name or "") if row.acknowledged_by else None
    return _ALARMS.read(row, acknowledged_by=seen_by)
