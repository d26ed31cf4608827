"""Follows each exercise to the screen, and ends what nobody judged (domain rule 16). The leader does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

import structlog

from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.cluster.attendance import Attendance
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.exercises import Exercise, ExerciseEnd
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.alerts.store import AlertStore, lowest_positions
from cekalwatch.server.storage.exercises.store import ExerciseStore

GIVEN_UP_AFTER: Final = timedelta(hours=1)
"""An exercise that found no gap, or no camera, for this long after its moment is withdrawn."""

log = structlog.get_logger()


class ExerciseDirector:
    """Its methods block: call them from a worker thread."""

    def __init__(
        self,
        store: ExerciseStore,
        alerts: AlertStore,
        cameras: Iterable[Camera],
        attendance: Attendance,
        clock: Clock,
        actor: Actor,
        announce: Callable[[], None],
        records_kept: timedelta,
    ) -> None:
        self._store = store
        self._alerts = alerts
        self._cameras = tuple(cameras)
        self._attendance = attendance
        self._clock = clock
        self._actor = actor
        self._announce = announce
        self._records_kept = records_kept

    def follow(self) -> int:
        """Note what has reached a screen, and end what is over; return how many have ended. Raises StorageError."""
        now, ended, announced = self._clock.now(), 0, False
        for one in self._store.under_way():
            if one.raised_at and one.shown_at is None and self._is_shown(one):
                self._store.shown(one.exercise_id, now)
                continue
            given_up = one.alert_id is None and now - one.due_at >= GIVEN_UP_AFTER
            end = one.due_end(now) or (ExerciseEnd.WITHDRAWN if given_up else None)
            if end:
                announced |= self._store.end(one.exercise_id, end, self._actor, now)
                ended += 1
                log.info("exercise_ended", exercise_id=str(one.exercise_id), end=end, stage=one.reached)
        if announced:
            self._announce()
        return ended

    def erase_ended(self) -> int:
        """Erase the subjects whose consent has ended, and old records; return the number of subjects."""
        now = self._clock.now()
        self._store.forget(now - self._records_kept)
        ended = self._store.ended_consents(now)
        if not ended:
            return 0
        objects = tuple(map(ObjectKind.SUBJECT.key, ended))
        entry = AuditEntry(
            now, self._actor, Action.EXERCISE_SUBJECT_ERASED, objects, details={"because": "consent ended"}
        )
        return self._store.erase(ended, self._actor, entry)

    def _is_shown(self, exercise: Exercise) -> bool:
        """Whether a PC that attends its camera has acknowledged its event, which it does once it is painted."""
        camera = next((one for one in self._cameras if one.camera_id == exercise.camera_id), None)
        if camera is None:
            return False
        reached = lowest_positions(self._alerts.positions())
        return any(reached.get(one, 0) >= exercise.sequence for one in self._attendance.attending(camera))
