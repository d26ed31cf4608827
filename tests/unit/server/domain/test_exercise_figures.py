"""What is counted of exercises: how far they came, and results only where they say nothing of one person (rule 16)."""

from __future__ import annotations

from datetime import UTC, datetime

from cekalwatch.contract.values.exercises import ExerciseStage
from cekalwatch.contract.values.reports import MIN_JUDGED, ExerciseFigures, ExercisesAt
from cekalwatch.server.domain.exercises import EndedExercise, ExerciseEnd, exercise_figures

NOON = datetime(2026, 3, 1, 5, tzinfo=UTC)


def ended(end: ExerciseEnd, stage: ExerciseStage = ExerciseStage.JUDGEMENT, counter: str = "D1") -> EndedExercise:
    return EndedExercise(NOON, counter, end, stage)


STOPPED = [
    ended(ExerciseEnd.STOPPED, ExerciseStage.DETECTION),
    ended(ExerciseEnd.STOPPED, ExerciseStage.DELIVERY, "D2"),
    ended(ExerciseEnd.UNJUDGED),
    ended(ExerciseEnd.WITHDRAWN),
]


def test_results_of_few_stay_where_they_are_and_what_gave_way_does_not_count() -> None:
    few = [*STOPPED, *[ended(ExerciseEnd.MISSED)] * (MIN_JUDGED - 1)]
    places = (ExercisesAt("D1", "DETECTION", 1), ExercisesAt("D1", "JUDGEMENT", 5), ExercisesAt("D2", "DELIVERY", 1))
    assert exercise_figures(few) == ExerciseFigures(7, 5, 4, places=places)


def test_results_of_many_are_told_for_all_counters_together() -> None:
    many = [ended(ExerciseEnd.RECOGNISED, counter=f"D{number}") for number in range(4)]
    found = exercise_figures([*many, ended(ExerciseEnd.MISSED), ended(ExerciseEnd.UNDECIDED)])
    assert (found.judged, found.recognised, found.undecided, found.missed) == (6, 4, 1, 1)
    assert {one.stage for one in found.places} == {"JUDGEMENT"}


def test_without_exercises_nothing_is_counted() -> None:
    assert exercise_figures([]) == ExerciseFigures()
