"""The calls of ShiftService about when exercises come, which supervisors see and set (domain rule 16)."""

from __future__ import annotations

from typing import Final

from cekalwatch.contract.calls import alerts as calls
from cekalwatch.contract.engine.scalars import Refused
from cekalwatch.contract.values.exercises import ExerciseHours, ExercisePlan
from cekalwatch.contract.values.silencing import NOTHING_SILENCED, Silencing
from cekalwatch.server.audit.entry import Action, AuditEntry, ObjectKind
from cekalwatch.server.domain.exercises import ExerciseSetting
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.grpc_api.servicers.adjudication import acting_person
from cekalwatch.server.storage.exercises.store import read_shift
from cekalwatch.server.wiring.extensions import Core

EXERCISES_ENDED: Final = Silencing(what="exercises")


def served(core: Core) -> tuple[Served, ...]:
    """Return the calls. They raise StorageError."""
    store, looks, clock = core.context.stores.exercises, core.context.stores.look_setting, core.context.clock

    def plan(_: object) -> ExercisePlan:
        setting, now = store.setting(), clock.now()
        agreed = sum(one.until > now for one in store.subjects())
        return ExercisePlan(ExerciseHours(tuple(map(str, setting.shifts)), setting.a_shift), agreed, looks.get().asked)

    def wanted(hours: ExerciseHours) -> ExerciseSetting:
        try:
            return ExerciseSetting(tuple(map(read_shift, hours.shifts)), hours.a_shift)
        except ValueError:
            raise Refused("hours") from None

    def silences(hours: ExerciseHours) -> Silencing:
        """Fewer exercises silence nobody at once, and let nobody notice that somebody is silenced."""
        return EXERCISES_ENDED if wanted(hours).asks_less_than(store.setting()) else NOTHING_SILENCED

    def set_hours(hours: ExerciseHours) -> None:
        setting = wanted(hours)
        who, told = acting_person(), ", ".join(map(str, setting.shifts)) or "none"
        named = (ObjectKind.PERSON.key(who.person.person_id),)
        details: dict[str, int | str] = {"shifts": told, "a_shift": setting.a_shift}
        store.set(setting, AuditEntry(clock.now(), who.actor, Action.EXERCISES_SET, named, details=details))

    return (serve(calls.GET_EXERCISE_HOURS, plan), serve(calls.SET_EXERCISE_HOURS, set_hours, silences=silences))
