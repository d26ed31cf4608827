"""Stores exercises, their subjects with sealed pictures, and when exercises come. Methods block; each is a transaction.

Nobody's result is read by name except by themselves: `own`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, time
from hmac import compare_digest
from uuid import UUID

import sqlalchemy
import structlog
from sqlalchemy import func
from sqlmodel import Session, col, delete, select

from cekalwatch.contract.values.exercises import ExerciseRecord, ExerciseStage
from cekalwatch.server.audit.entry import Actor, AuditEntry
from cekalwatch.server.domain.exercises import (
    FAILED,
    JUDGED,
    EndedExercise,
    Exercise,
    ExerciseEnd,
    ExerciseSetting,
    ExerciseSubject,
    Shift,
)
from cekalwatch.server.encryption.keyring import DamagedValueError, Keyring
from cekalwatch.server.storage.alerts.store import lock_log
from cekalwatch.server.storage.alerts.tables import AlertRow
from cekalwatch.server.storage.audit.store import commit_audited, write_audit
from cekalwatch.server.storage.columns import EXERCISE_PICTURE, EXERCISE_TOKEN
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.exercises.ending import EXERCISES, close_alerts, end_row, held, real_alert_waits
from cekalwatch.server.storage.exercises.tables import (
    ExercisePictureRow,
    ExerciseRow,
    ExerciseSubjectRow,
)
from cekalwatch.server.storage.integrity.guarded_session import with_valid_mac
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.keys.store import hold_sealing_key
from cekalwatch.server.storage.row_codec import RowCodec
from cekalwatch.server.storage.settings import SettingStore

log = structlog.get_logger()

_RESULTS = FAILED | JUDGED
"""The ends that say something of the way or of a person."""


_SUBJECTS = RowCodec(ExerciseSubject, ExerciseSubjectRow, given={"pictures"})


class ExerciseStore:
    """Exercises in the database."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._setting = SettingStore(database, "exercises", ExerciseSetting)

    def token(self, exercise: Exercise) -> str:
        """Return what a capture host sends with the crops of an exercise: its key, and the server's signature."""
        return f"{exercise.exercise_id}.{self._signature(str(exercise.exercise_id), exercise.camera_id)}"

    def exercise_id(self, token: str, camera_id: str) -> UUID | None:
        """Return the key in a token that a server of this database signed for the camera; None for any other text."""
        key, _, signature = token.partition(".")
        if not compare_digest(signature.encode(), self._signature(key, camera_id).encode()):
            return None
        return UUID(key)

    def _signature(self, key: str, camera_id: str) -> str:
        return self._keyring.digest(EXERCISE_TOKEN.at(key, camera_id), b"")

    def subjects(self) -> list[ExerciseSubject]:
        """Return the subjects that can be read, by name."""
        counted = select(ExercisePictureRow.subject_id, func.count()).group_by(col(ExercisePictureRow.subject_id))
        with self._database.session() as session:
            pictures = dict(session.exec(counted).all())
            rows = list(with_valid_mac(session, session.exec(select(ExerciseSubjectRow))))
        found = [_SUBJECTS.read(row, self._keyring, pictures=pictures.get(row.subject_id, 1) - 1) for row in rows]
        return sorted(found, key=lambda one: one.name)

    def add_subject(self, subject: ExerciseSubject, pictures: Sequence[bytes], entry: AuditEntry) -> None:
        """Store a subject; the first picture is the reference, the others are played. Raises STORAGE_UNAVAILABLE."""
        with self._database.session() as session:
            hold_sealing_key(session, self._keyring)
            session.add(_SUBJECTS.write(subject, self._keyring, added_at=entry.at))
            session.flush()
            for number, jpeg in enumerate(pictures):
                where = EXERCISE_PICTURE.at(subject.subject_id, str(number))
                session.add(
                    ExercisePictureRow(
                        subject_id=subject.subject_id, number=number, jpeg=self._keyring.seal(where, jpeg)
                    )
                )
            commit_audited(session, entry)

    def erase(self, subject_ids: Collection[str], actor: Actor, entry: AuditEntry) -> int:
        """Erase subjects with their pictures, and end what is under way with them; return how many there were."""
        with self._database.session() as session:
            lock_log(session)
            under_way = select(ExerciseRow).where(
                col(ExerciseRow.subject_id).in_(subject_ids), col(ExerciseRow.ended_at).is_(None)
            )
            for row in with_valid_mac(session, session.exec(under_way)):
                self._end(session, row, ExerciseEnd.WITHDRAWN, actor, entry.at)
            session.exec(delete(ExercisePictureRow).where(col(ExercisePictureRow.subject_id).in_(subject_ids)))
            gone = session.exec(
                delete(ExerciseSubjectRow).where(col(ExerciseSubjectRow.subject_id).in_(subject_ids))
            ).rowcount
            if gone:
                write_audit(session, entry)
            session.commit()
        if gone:
            self._database.purge_journal()
        return gone

    def ended_consents(self, now: datetime) -> list[str]:
        """Return the subjects whose consent has ended."""
        with self._database.session() as session:
            query = select(ExerciseSubjectRow.subject_id).where(col(ExerciseSubjectRow.until) <= now)
            return list(session.exec(query))

    def pictures(self, subject_id: str) -> list[bytes]:
        """Return a subject's pictures, the reference first; none of one that is erased, or that somebody changed."""
        query = select(ExercisePictureRow).where(col(ExercisePictureRow.subject_id) == subject_id)
        with self._database.session() as session:
            rows = list(with_valid_mac(session, session.exec(query.order_by(col(ExercisePictureRow.number)))))
        try:
            return [self._keyring.open(EXERCISE_PICTURE.at(subject_id, str(row.number)), row.jpeg) for row in rows]
        except DamagedValueError as error:
            log.error("exercise_picture_damaged", error=type(error).__name__)  # noqa: TRY400  # no traceback
            return []

    def setting(self) -> ExerciseSetting:
        """Return when exercises come; never while the row is changed."""
        try:
            return self._setting.get()
        except ChangedRowError:
            return ExerciseSetting()

    def set(self, setting: ExerciseSetting, entry: AuditEntry) -> None:
        """Store when exercises come, for all servers of the database."""
        self._setting.set(setting, entry)

    def planned(self, camera_id: str, since: datetime) -> bool:
        """Whether an exercise was planned at a camera since."""
        query = select(ExerciseRow.exercise_id).where(
            col(ExerciseRow.camera_id) == camera_id, col(ExerciseRow.planned_at) >= since
        )
        with self._database.session() as session:
            return session.exec(query.limit(1)).first() is not None

    def plan(self, exercises: Iterable[Exercise], now: datetime) -> None:
        """Store planned exercises."""
        with self._database.session() as session:
            session.add_all(EXERCISES.write(one, planned_at=now) for one in exercises)
            session.commit()

    def under_way(self) -> list[Exercise]:
        """Return the exercises that have not ended."""
        with self._database.session() as session:
            rows = with_valid_mac(session, session.exec(select(ExerciseRow).where(col(ExerciseRow.ended_at).is_(None))))
            return list(map(EXERCISES.read, rows))

    def busy(self, site: str, now: datetime) -> bool:
        """Whether an exercise would stand in somebody's way: a real alert at the site is not settled for good."""
        with self._database.session() as session:
            return real_alert_waits(session, site, now)

    def put_off(self, exercise_id: UUID, due_at: datetime) -> None:
        """Let an exercise come later, as if it had not been sent."""

        def change(row: ExerciseRow) -> None:
            if row.alert_id is None:
                row.due_at, row.sent_at, row.crops, row.played_at, row.received = due_at, None, None, None, False

        self._change(exercise_id, change)

    def sent(self, exercise_id: UUID, now: datetime) -> None:
        """Note that a capture host has it."""

        def change(row: ExerciseRow) -> None:
            row.sent_at = now

        self._change(exercise_id, change)

    def played(self, exercise_id: UUID, crops: int, now: datetime) -> None:
        """Note that the host has played it, and how many crops it chose."""

        def change(row: ExerciseRow) -> None:
            row.crops, row.played_at = crops, row.played_at or now

        self._change(exercise_id, change)

    def received(self, exercise_id: UUID, now: datetime) -> None:
        """Note that a crop of it has arrived."""

        def change(row: ExerciseRow) -> None:
            row.received, row.played_at = True, row.played_at or now

        self._change(exercise_id, change)

    def shown(self, exercise_id: UUID, now: datetime) -> None:
        """Note that a PC of its counter has shown it."""

        def change(row: ExerciseRow) -> None:
            row.shown_at = row.shown_at or now

        self._change(exercise_id, change)

    def end(self, exercise_id: UUID, end: ExerciseEnd, actor: Actor, now: datetime) -> bool:
        """End an exercise that nobody judged, and close its alert; return whether an event was added."""
        with self._database.session() as session:
            lock_log(session)
            row = held(session, exercise_id)
            if row is None:
                return False
            self._end(session, row, end, actor, now)
            session.commit()
            return row.alert_id is not None

    def counts(self, since: datetime, site: str | None) -> dict[str, Counter[ExerciseEnd]]:
        """Count by counter how the exercises that ended since did, at a site or at all; of nobody by name."""
        query = select(ExerciseRow.counter, ExerciseRow.end, func.count()).where(
            col(ExerciseRow.ended_at) >= since, *(() if site is None else (col(ExerciseRow.site) == site,))
        )
        found: dict[str, Counter[ExerciseEnd]] = {}
        with self._database.session() as session:
            for counter, end, count in session.exec(query.group_by(col(ExerciseRow.counter), col(ExerciseRow.end))):
                if end:
                    found.setdefault(counter, Counter())[ExerciseEnd(end)] = count
        return found

    def ended(self, site: str, since: datetime, until: datetime) -> list[EndedExercise]:
        """Return what is counted of the exercises that ended at a site from `since` on and before `until`."""
        ended_at, end = col(ExerciseRow.ended_at), col(ExerciseRow.end)
        query = sqlalchemy.select(ended_at, col(ExerciseRow.counter), end, col(ExerciseRow.stage)).where(
            ended_at >= since, ended_at < until, col(ExerciseRow.site) == site, end.is_not(None)
        )
        with self._database.session() as session:
            return [
                EndedExercise(at, counter, ExerciseEnd(how), ExerciseStage(stage))
                for at, counter, how, stage in session.execute(query)
            ]

    def own(self, person_id: UUID, since: datetime) -> ExerciseRecord:
        """Count how a person judged exercises since: for themselves alone."""
        query = select(ExerciseRow.end, func.count()).where(
            col(ExerciseRow.person_id) == str(person_id), col(ExerciseRow.ended_at) >= since
        )
        with self._database.session() as session:
            counted = session.exec(query.group_by(col(ExerciseRow.end)))
            found = Counter({ExerciseEnd(end): count for end, count in counted if end})
        return ExerciseRecord(found[ExerciseEnd.RECOGNISED], found[ExerciseEnd.UNDECIDED], found[ExerciseEnd.MISSED])

    def newest_results(self, since: datetime) -> list[Exercise]:
        """Return the newest exercise of each camera since that says something of the way, or of a judgement."""
        query = select(ExerciseRow).where(
            col(ExerciseRow.ended_at) >= since, col(ExerciseRow.end).in_(sorted(_RESULTS))
        )
        newest: dict[str, Exercise] = {}
        with self._database.session() as session:
            for row in with_valid_mac(session, session.exec(query.order_by(col(ExerciseRow.ended_at)))):
                newest[row.camera_id] = EXERCISES.read(row)
        return list(newest.values())

    def forget(self, before: datetime) -> int:
        """Remove the records of exercises that ended before; return how many."""
        with self._database.session() as session:
            gone = session.exec(delete(ExerciseRow).where(col(ExerciseRow.ended_at) < before)).rowcount
            session.commit()
        return gone

    def _change(self, exercise_id: UUID, change: Callable[[ExerciseRow], None]) -> None:
        with self._database.session() as session:
            lock_log(session)
            row = held(session, exercise_id)
            if row is not None:
                change(row)
                session.add(row)
                session.commit()

    @staticmethod
    def _end(session: Session, row: ExerciseRow, end: ExerciseEnd, actor: Actor, now: datetime) -> None:
        alert = session.get(AlertRow, row.alert_id) if row.alert_id else None
        if alert is not None:
            close_alerts(session, [alert], end, actor, now)
        if row.ended_at is None:
            end_row(session, row, end, now)


def read_shift(text: str) -> Shift:
    """Read a shift as HH:MM-HH:MM; raises ValueError."""
    begins, _, until = text.partition("-")
    return Shift(time.fromisoformat(begins), time.fromisoformat(until))
