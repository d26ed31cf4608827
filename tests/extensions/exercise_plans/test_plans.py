"""Exercises are planned once in a shift, for each counter, of staff who agreed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest

from cekalwatch.extensions.exercise_plans.service import ExercisePlans
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.domain.exercises import ExerciseSetting, ExerciseSubject, Shift
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.exercises.store import ExerciseStore
from tests.support.builders.alerts import DEPARTURE, NOON
from tests.support.builders.watchlist import WIB, FixedClock
from tests.support.scenarios.adjudication import Counter

COLLEAGUE = "exercise-1"
ALL_DAY = ExerciseSetting((Shift(time(0), time(23, 59)),))
ENTRY = AuditEntry(NOON, Actor(ActorKind.SERVER, "test"), Action.EXERCISES_SET)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def store(tmp_path: Path, clock: FixedClock) -> Iterator[ExerciseStore]:
    with closing(Database(f"sqlite:///{tmp_path / 'exercises.sqlite3'}")) as database:
        database.begin()
        store = Counter(database, clock).exercises
        store.add_subject(
            ExerciseSubject(COLLEAGUE, "Sari Dewi", "W.12/34", NOON + timedelta(days=30), 1),
            [b"reference", b"crop"],
            replace(ENTRY, action=Action.EXERCISE_SUBJECT_ADDED),
        )
        yield store


@pytest.fixture
def plans(store: ExerciseStore, clock: FixedClock) -> ExercisePlans:
    return ExercisePlans(store, (DEPARTURE,), {"batam-center": WIB}, clock)


def test_each_counter_gets_its_exercises_once_in_a_shift(store: ExerciseStore, plans: ExercisePlans) -> None:
    store.set(replace(ALL_DAY, a_shift=2), ENTRY)
    for _ in range(3):
        plans.plan()
    planned = store.under_way()
    assert len(planned) == 2
    assert all(NOON <= one.due_at <= NOON + timedelta(hours=12) for one in planned)
    assert {(one.counter, one.subject_id) for one in planned} == {("D1", COLLEAGUE)}


def test_without_hours_or_without_anybody_who_agreed_nothing_is_planned(
    store: ExerciseStore, plans: ExercisePlans, clock: FixedClock
) -> None:
    plans.plan()
    store.set(ALL_DAY, ENTRY)
    clock.advance(timedelta(days=31))
    plans.plan()
    assert store.under_way() == []
