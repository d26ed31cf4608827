"""Stores the log of notices, and each target's position. Each method is one transaction. Methods block."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from uuid import uuid4

from sqlmodel import Session, col, delete, func, select

from cekalwatch.extensions.notices.domain import Notice
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import checked, with_valid_mac
from cekalwatch.server.storage.notices import NoticePositionRow, NoticeRow
from cekalwatch.server.storage.row_codec import RowCodec

_NUMBERS = "notices"


class NoticeOutcome(StrEnum):
    """How it ended with a notice."""

    DELIVERED = "DELIVERED"
    GIVEN_UP = "GIVEN_UP"
    """The receiver refused it, or was away for too long."""


@dataclass(frozen=True)
class LoggedNotice:
    """A notice to one target as the log has it; see `NoticeRow`."""

    target: str
    number: int
    notice_id: str
    body: str
    made_at: datetime
    attempts: int
    next_try_at: datetime
    failure: str
    settled_at: datetime | None
    outcome: NoticeOutcome | None


_LOGGED = RowCodec(LoggedNotice, NoticeRow)


class NoticeStore:
    """The notices of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def position(self, target: str, stream: str) -> int | None:
        """Return the target's position in that kind; None: it is new."""
        with self._database.session() as session:
            row = session.get(NoticePositionRow, (target, stream))
            return row.position if row else None

    def move(self, target: str, stream: str, position: int) -> None:
        """Store the target's position."""
        with self._database.session() as session:
            _move(session, target, stream, position)
            session.commit()

    def add(self, target: str, stream: str, notices: Sequence[Notice], position: int, now: datetime) -> int:
        """Log notices to a target, and move its position to their end; return how many were new to it."""
        with self._database.session() as session:
            sources = [one.source for one in notices]
            query = select(NoticeRow.source).where(NoticeRow.target == target, col(NoticeRow.source).in_(sources))
            known = set(session.exec(query))
            fresh = {one.source: one for one in notices if one.source not in known}
            counter = session.get(NoticePositionRow, (target, _NUMBERS))
            last = counter.position if counter else 0
            session.add_all(
                NoticeRow(
                    target=target,
                    number=number,
                    notice_id=f"msg_{uuid4().hex}",
                    source=one.source,
                    body=one.body(),
                    made_at=now,
                    next_try_at=now,
                )
                for number, one in enumerate(fresh.values(), last + 1)
            )
            _move(session, target, _NUMBERS, last + len(fresh))
            _move(session, target, stream, position)
            session.commit()
            return len(fresh)

    def waiting(self, target: str, limit: int) -> list[LoggedNotice]:
        """Return the target's first waiting notices; changed rows are left out."""
        query = (
            select(NoticeRow)
            .where(NoticeRow.target == target, col(NoticeRow.settled_at).is_(None))
            .order_by(col(NoticeRow.number))
        )
        # Not all that wait are read: a target that is away for days has thousands.
        some = query.execution_options(yield_per=limit)
        with self._database.session() as session, closing(session.exec(some)) as found:
            return list(map(_LOGGED.read, islice(with_valid_mac(session, found), limit)))

    def count_waiting(self, target: str) -> int:
        """Return how many notices of the target wait."""
        waiting = (NoticeRow.target == target, col(NoticeRow.settled_at).is_(None))
        with self._database.session() as session:
            return session.exec(select(func.count()).select_from(NoticeRow).where(*waiting)).one()

    def count_given_up(self, target: str, since: datetime) -> int:
        """Return how many notices of the target were given up since that moment."""
        settled = (NoticeRow.target == target, col(NoticeRow.settled_at) >= since)
        given_up = (*settled, NoticeRow.outcome == NoticeOutcome.GIVEN_UP)
        with self._database.session() as session:
            return session.exec(select(func.count()).select_from(NoticeRow).where(*given_up)).one()

    def newest(self, target: str, limit: int) -> list[LoggedNotice]:
        """Return the target's last notices, newest first."""
        query = select(NoticeRow).where(NoticeRow.target == target).order_by(col(NoticeRow.number).desc()).limit(limit)
        with self._database.session() as session:
            return list(map(_LOGGED.read, with_valid_mac(session, session.exec(query))))

    def put_off(self, notice: LoggedNotice, failure: str, next_try_at: datetime) -> None:
        """Note that an attempt failed, and when the next one is due."""
        with self._database.session() as session:
            row = _row(session, notice)
            row.attempts, row.failure, row.next_try_at = row.attempts + 1, failure, next_try_at
            session.commit()

    def settle(self, notice: LoggedNotice, outcome: NoticeOutcome, failure: str, now: datetime) -> None:
        """Note that a notice was delivered, or is given up."""
        with self._database.session() as session:
            row = _row(session, notice)
            row.attempts, row.failure, row.outcome, row.settled_at = row.attempts + 1, failure, str(outcome), now
            session.commit()

    def remove_settled(self, before: datetime) -> int:
        """Remove notices that were delivered or given up before that moment; return how many."""
        with self._database.session() as session:
            gone = session.exec(delete(NoticeRow).where(col(NoticeRow.settled_at) < before)).rowcount
            session.commit()
            return gone

    def keep_only(self, targets: Collection[str]) -> None:
        """Forget targets that are not configured any more, with what waits for them."""
        with self._database.session() as session:
            session.exec(delete(NoticeRow).where(col(NoticeRow.target).not_in(targets)))
            session.exec(delete(NoticePositionRow).where(col(NoticePositionRow.target).not_in(targets)))
            session.commit()


def _move(session: Session, target: str, stream: str, position: int) -> None:
    session.merge(NoticePositionRow(target=target, stream=stream, position=position))


def _row(session: Session, notice: LoggedNotice) -> NoticeRow:
    row = session.get_one(NoticeRow, (notice.target, notice.number))
    return checked(session, row)
