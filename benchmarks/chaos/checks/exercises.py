"""Exercises among real passages (domain rule 16): they join nothing, stand beside no real alert, are in no figure, and
reach the screen of their counter or are an alarm that names the stage.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from benchmarks.chaos.checks.alerts import state_after
from benchmarks.chaos.evidence import Evidence, StoredExercise, StoredFinding, stored_exercises
from benchmarks.chaos.machines.officers_pc import ShownLine
from benchmarks.chaos.sites.running_site import COLLEAGUE, RunningSite
from cekalwatch.contract.values.adjudication import UNSETTLED
from cekalwatch.contract.values.exercises import ExerciseResult
from cekalwatch.server.domain.exercises import FAILED, JUDGED, JUDGED_WITHIN, ON_SCREEN_WITHIN, ExerciseEnd

QUIET_WITHIN_S = 240.0
"""Until no real alert waits while nobody on the list passes."""
PLAYED_WITHIN_S = 240.0
"""Until an exercise is on the screen, or judged; strangers who pass let another one be planned."""
RINGS_WITHIN_S = 15.0
"""Until a real passage rings while an exercise stands: as long as without one (see `dead_pc.py`)."""
OVER_AFTER = JUDGED_WITHIN + ON_SCREEN_WITHIN
LOOK_EVERY_S = 0.5


def wrong(evidence: Evidence) -> list[str]:
    """Say what went wrong with them, or with real alerts because of them."""
    return [*_apart(evidence), *_beside(evidence), *_ways(evidence), *_answers(evidence), *_told(evidence)]


def _apart(evidence: Evidence) -> Iterator[str]:
    """Say what is in one alert, or in one figure, and must not be."""
    travellers = {crop.capture_id for one in evidence.passages for crop in one.crops}
    seen: dict[str, list[str]] = {}
    for sighting in evidence.sightings.values():
        seen.setdefault(sighting.alert_id, []).append(sighting.capture_id)
    real = 0
    for alert in evidence.alerts.values():
        captures = seen.get(alert.alert_id, [])
        real += not alert.exercise
        if alert.exercise and (alert.subject_ids != {COLLEAGUE} or len(captures) != 1 or travellers & set(captures)):
            subjects = sorted(alert.subject_ids)
            yield f"alert {alert.alert_id} of exercise {alert.exercise} has {subjects} in captures {captures}"
    for alert in evidence.real.alerts.values():
        if COLLEAGUE in alert.subject_ids:
            yield f"real alert {alert.alert_id} has the colleague"
    if evidence.counted not in {None, real}:
        yield f"the figures count {evidence.counted} alerts, and {real} were real"


def _beside(evidence: Evidence) -> Iterator[str]:
    """Read the log from its beginning: no exercise is raised while a real alert waits, or stands when one comes."""
    states: dict[str, str] = {}
    found = defaultdict[str, list[StoredFinding]](list)
    for event in evidence.events:
        alert = evidence.alerts.get(event.alert_id)
        if alert is None:
            continue
        states[alert.alert_id] = state_after(event, states.get(alert.alert_id, ""), evidence, found[alert.alert_id])
        standing = [key for key, state in states.items() if state in UNSETTLED and evidence.alerts[key].exercise]
        if alert.exercise and event.type != "RAISED":
            continue
        waiting = [key for key, state in states.items() if state in UNSETTLED and not evidence.alerts[key].exercise]
        if standing and waiting:
            yield f"event {event.sequence} ({event.type}): exercise {standing[0]} stands beside real alert {waiting[0]}"


def _ways(evidence: Evidence) -> Iterator[str]:
    """Say which exercises ended otherwise than their way says, or not at all."""
    now = datetime.now(UTC)
    for one in evidence.exercises.values():
        what = f"exercise {one.exercise_id} at {one.camera_id}"
        raised = [event for event in evidence.events if event.alert_id == one.alert_id and event.type == "RAISED"]
        if one.alert_id and not one.end and raised and now - raised[0].occurred_at > OVER_AFTER:
            yield f"{what} was raised at {raised[0].occurred_at}, and has not ended"
        if one.end and one.alert_id and evidence.alerts[one.alert_id].state in UNSETTLED:
            yield f"{what} has ended, and its alert is {evidence.alerts[one.alert_id].state}"
        if one.end in JUDGED | {ExerciseEnd.UNJUDGED} and not list(_lines(one, evidence)):
            yield f"{what} ended as {one.end}, and no PC of {one.counter} has shown it"


def _lines(one: StoredExercise, evidence: Evidence) -> Iterator[ShownLine]:
    """Yield what the PCs of its counter have shown of it."""
    for plan, lines in evidence.shown.items():
        if plan.watches(one.counter):
            yield from (line for line in lines if line.alert_id == one.alert_id)


def _answers(evidence: Evidence) -> Iterator[str]:
    """Say who was told the wrong thing: only the person who judged is told the result, and others that it is over."""
    of_alert = {one.alert_id: one for one in evidence.exercises.values() if one.alert_id}
    results: dict[str, set[tuple[str, str]]] = {}
    for answer in evidence.answers:
        exercise = of_alert.get(answer.alert_id)
        if exercise is None and answer.exercise:
            yield f"{answer.alert_id} is a real alert, but {answer.person} was told {answer.exercise} as of an exercise"
        elif exercise and answer.state == "CLOSED" and not answer.exercise:
            yield f"{answer.person} was not told after {answer.step} that {answer.alert_id} was an exercise"
        elif exercise and answer.exercise and answer.exercise != ExerciseResult.ENDED:
            results.setdefault(answer.alert_id, set()).add((answer.person, answer.exercise))
            if answer.exercise != exercise.end:
                yield f"{answer.person} was told {answer.exercise} of {exercise.exercise_id}, which is {exercise.end}"
    for alert_id, told in results.items():
        if len(told) > 1:
            yield f"the result of exercise alert {alert_id} was told to {sorted(told)}"


def _told(evidence: Evidence) -> Iterator[str]:
    """Say where a failure is not shown as an alarm with its stage, or an alarm without a failure."""
    newest: dict[str, StoredExercise] = {}
    for one in sorted(evidence.exercises.values(), key=lambda one: one.ended_at or datetime.max.replace(tzinfo=UTC)):
        if one.end in FAILED | JUDGED:
            newest[one.counter] = one
    due = {counter: one.stage for counter, one in newest.items() if one.end in FAILED}
    if due != evidence.failed:
        yield f"exercises failed at {due}, and the supervisor is shown {dict(evidence.failed)}"


@dataclass(frozen=True)
class QuietExercises:
    """Exercises at one site after all faults were mended, so that their bounds are the product's own."""

    site: RunningSite
    passes: Callable[[str], object]
    """Lets somebody on the list pass a camera."""

    def are_judged(self) -> Iterator[str]:
        """While officers work and strangers pass: wait until no real alert waits, and until one was judged."""
        if not _becomes(self._quiet, QUIET_WITHIN_S):
            yield f"{self.site.key}: alerts wait after {QUIET_WITHIN_S:.0f} s without anybody on the list"
            return
        began, asked = datetime.now(UTC), list[str]()

        def judged() -> bool:
            rows = self._rows()
            out = [one for one in rows if one.exercise_id in asked and not one.end and one.due_at <= datetime.now(UTC)]
            if not out:  # none yet, or it gave way to strangers
                asked.append(str(self.site.plan_exercise(self._camera_id, datetime.now(UTC))))
            return any(one.end in JUDGED and one.ended_at and one.ended_at >= began for one in rows)

        if not _becomes(judged, PLAYED_WITHIN_S):
            yield f"{self.site.key}: none of {len(asked)} exercises was judged within {PLAYED_WITHIN_S:.0f} s"

    def give_way(self) -> Iterator[str]:
        """While nobody works or passes: let one reach the screen, and somebody on the list pass then."""
        pc = self.site.pcs[self.site.plan.lone[0].name]
        self.site.plan_exercise(self._camera_id, datetime.now(UTC))
        standing = list[StoredExercise]()

        def shown() -> bool:
            known = {line.alert_id for line in pc.lines}
            standing[:] = [one for one in self._rows() if one.alert_id in known and not one.end]
            return bool(standing)

        if not _becomes(shown, PLAYED_WITHIN_S):
            yield f"{pc.plan.name} showed no exercise within {PLAYED_WITHIN_S:.0f} s"
            return
        begun_s = time.monotonic()
        self.passes(self._camera_id)
        exercises = {one.alert_id for one in self._rows()}

        def rang() -> bool:
            return any(one.rings and one.shown_s >= begun_s and one.alert_id not in exercises for one in pc.lines)

        if not _becomes(rang, RINGS_WITHIN_S):
            yield f"{pc.plan.name} did not ring within {RINGS_WITHIN_S:.0f} s for who passed while an exercise stood"
        ends = {one.end for one in self._rows() if one.exercise_id in {each.exercise_id for each in standing}}
        if ends != {ExerciseEnd.WITHDRAWN}:
            yield f"{self.site.key}: an exercise is {ends} after somebody on the list passed"

    @property
    def _camera_id(self) -> str:
        return self.site.plan.lone[1].camera_id

    def _quiet(self) -> bool:
        with self.site.exercises() as store:
            return not store.busy(self.site.key, datetime.now(UTC))

    def _rows(self) -> list[StoredExercise]:
        database = self.site.database()
        try:
            with database.one_state() as session:
                return list(stored_exercises(session).values())
        finally:
            database.close()


def plan(site: RunningSite, over_s: float, every_s: float, chosen: Callable[[list[str]], str]) -> None:
    """Plan exercises at the `chosen` cameras, within this many seconds from now. Raises StorageError."""
    cameras, now = [one.camera_id for one in site.plan.cameras], datetime.now(UTC)
    for number in range(int(over_s / every_s)):
        site.plan_exercise(chosen(cameras), now + timedelta(seconds=number * every_s))


def _becomes(holds: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not (true := holds()) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return true
