"""Policies of cameras that people set, and surveys; all servers of the database follow them.

It contains only keys, numbers and times. Methods block.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column
from sqlmodel import Field, Session, col, delete, func, select

from cekalwatch.contract.values.capture_policy import SetPolicy
from cekalwatch.contract.values.surveys import MAX_KEPT, KeptSurvey
from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.storage.audit.store import commit_audited
from cekalwatch.server.storage.columns import Facts, moment
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import one_checked, replace_row, with_valid_mac
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError, SignedRow
from cekalwatch.server.storage.row_codec import RowCodec
from cekalwatch.server.storage.watchlist.changes import lock_watchlist


class CameraPolicyRow(SignedRow, table=True):
    """What one camera may send, where people have said otherwise than the settings; see `SetPolicy` of the domain."""

    __tablename__ = "camera_policy"

    camera_id: str = Field(primary_key=True)
    number: int
    changes: dict[str, float] = Field(sa_column=Column(Facts, nullable=False))
    before: dict[str, float] = Field(sa_column=Column(Facts, nullable=False))
    set_at: datetime = moment()


class CameraSurveyRow(SignedRow, table=True):
    """A survey of a camera; see `SurveyFigures`."""

    __tablename__ = "camera_survey"

    camera_id: str = Field(primary_key=True)
    number: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))
    """Counts the camera's surveys, from 1."""
    reported_at: datetime = moment()
    figures: dict[str, Any] = Field(sa_column=Column(Facts, nullable=False))


_POLICIES = RowCodec(SetPolicy, CameraPolicyRow)
_SURVEYS = RowCodec(KeptSurvey, CameraSurveyRow)


class CameraPolicyStore:
    """Each camera's policy as people have set it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, SetPolicy]:
        """Return the set policies by camera; changed rows are left out."""
        with self._database.session() as session:
            return {
                row.camera_id: _POLICIES.read(row)
                for row in with_valid_mac(session, session.exec(select(CameraPolicyRow)))
            }

    def get(self, camera_id: str) -> SetPolicy | None:
        """Return the set policy of a camera; None if there is none, or its row was changed."""
        with self._database.session() as session:
            return _found(session, camera_id)

    def set(self, camera_id: str, policy: SetPolicy, entry: AuditEntry) -> bool:
        """Store a new policy, with its entry in the audit trail.

        Store nothing and return False if its `number` is not the next one: somebody else was faster.
        """
        with self._database.session() as session:
            lock_watchlist(session)
            known = _found(session, camera_id)
            if policy.number != (known.number if known else 0) + 1:
                return False
            replace_row(session, _POLICIES.write(policy, camera_id=camera_id))
            commit_audited(session, entry)
        return True


def _found(session: Session, camera_id: str) -> SetPolicy | None:
    try:
        row = one_checked(session, CameraPolicyRow, camera_id)
    except ChangedRowError:  # setting it again repairs it
        return None
    return _POLICIES.read(row) if row else None


class CameraSurveyStore:
    """The last surveys of each camera, `MAX_KEPT` of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, camera_id: str, survey: KeptSurvey, entry: AuditEntry) -> None:
        """Keep a survey in place of the oldest, with its entry in the audit trail."""
        with self._database.session() as session:
            lock_watchlist(session)
            number = _newest(session, camera_id) + 1
            session.add(_SURVEYS.write(survey, camera_id=camera_id, number=number))
            session.flush()
            old = (col(CameraSurveyRow.camera_id) == camera_id, col(CameraSurveyRow.number) <= number - MAX_KEPT)
            session.exec(delete(CameraSurveyRow).where(*old))
            commit_audited(session, entry)

    def of(self, camera_id: str) -> list[KeptSurvey]:
        """Return the surveys of a camera, newest first; changed rows are left out."""
        query = (
            select(CameraSurveyRow)
            .where(CameraSurveyRow.camera_id == camera_id)
            .order_by(col(CameraSurveyRow.number).desc())
            .limit(MAX_KEPT)
        )
        with self._database.session() as session:
            return list(map(_SURVEYS.read, with_valid_mac(session, session.exec(query))))


def _newest(session: Session, camera_id: str) -> int:
    query = select(func.max(CameraSurveyRow.number)).where(CameraSurveyRow.camera_id == camera_id)
    return session.exec(query).one() or 0
