"""When exercises come, as supervisors see and set it (domain rule 16). Methods block."""

from __future__ import annotations

from collections.abc import Callable

from cekalwatch.contract.engine.scalars import Refused
from cekalwatch.contract.values.exercises import ExerciseHours, ExercisePlan
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.audit.entry import Action, AuditEntry, ObjectKind
from cekalwatch.server.domain.exercises import ExerciseSetting
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.exercises.store import ExerciseStore, read_shift


class ExercisePlanner:
    """The one setting of all servers of the database."""

    def __init__(self, store: ExerciseStore, looks_asked: Callable[[], bool], clock: Clock) -> None:
        self._store = store
        self._looks_asked = looks_asked
        self._clock = clock

    def plan(self) -> ExercisePlan:
        """Return when exercises come, and what they need. Raises StorageError."""
        setting, now = self._store.setting(), self._clock.now()
        agreed = sum(one.until > now for one in self._store.subjects())
        return ExercisePlan(
            ExerciseHours(tuple(map(str, setting.shifts)), setting.a_shift), agreed, self._looks_asked()
        )

    def set(self, who: ActingPerson, hours: ExerciseHours) -> None:
        """Set it in the name of a supervisor, with an entry in the audit trail. Raises Refused, StorageError."""
        try:
            setting = ExerciseSetting(tuple(map(read_shift, hours.shifts)), hours.a_shift)
        except ValueError:
            raise Refused("hours") from None
        told = ", ".join(map(str, setting.shifts)) or "none"
        named = (ObjectKind.PERSON.key(who.person.person_id),)
        details: dict[str, int | str] = {"shifts": told, "a_shift": setting.a_shift}
        self._store.set(setting, AuditEntry(self._clock.now(), who.actor, Action.EXERCISES_SET, named, details=details))
