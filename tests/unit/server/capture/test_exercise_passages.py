"""A passage of an exercise is compared with its colleague alone, and travellers with the list alone (rule 16)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
import uuid6
from numpy.typing import NDArray

from cekalwatch.contract.values.captures import CaptureOutcome, ExercisePlayed, ExerciseRequest
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.capture.deciding import EmbeddedCapture
from cekalwatch.server.capture.exercises import ExerciseIntake, ExerciseSender
from cekalwatch.server.domain.captures import UNKNOWN_EXERCISE
from cekalwatch.server.domain.exercises import Exercise, ExerciseEnd, ExerciseSubject
from cekalwatch.server.recognition.probes import Probe
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.exercises.store import ExerciseStore
from tests.support.builders.alerts import DEPARTURE, NOON, capture
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import MODEL
from tests.support.scenarios.deciding import CROP, DecidingCounter, person

LISTED, COLLEAGUE = 1, 2
MYSELF = Actor(ActorKind.SERVER, "test")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    yield database
    database.close()


class Staged:
    """A counter before a list of one, and a colleague who is on no list."""

    def __init__(self, database: Database) -> None:
        self.counter = DecidingCounter(database)
        self.counter.listed_face("S-1", person(LISTED))
        self.store = ExerciseStore(database, keyring(database))
        self.asks_looks = True
        self.asked: list[ExerciseRequest] = []
        self.intake = ExerciseIntake(self.store)
        self.sender = ExerciseSender(
            self.store,
            self.intake,
            self.counter.exercises,
            self.counter.clock,
            MYSELF,
            lambda: self.asks_looks,
            lambda photograph: Probe(MODEL, person(int(photograph))),
            lambda: frozenset({"dep-1"}),
            lambda _, request: self.asked.append(request),
        )
        entry = AuditEntry(NOON, MYSELF, Action.EXERCISE_SUBJECT_ADDED)
        until = self.counter.clock.now().replace(year=2027)
        self.store.add_subject(ExerciseSubject("c-1", "Sari", "W.1", until, 1), [b"%d" % COLLEAGUE, b"crop"], entry)

    def plan(self) -> Exercise:
        now = self.counter.clock.now()
        one = Exercise(uuid6.uuid7(), "c-1", "dep-1", DEPARTURE.site, DEPARTURE.counter, now)
        self.store.plan([one], now)
        return one

    def sees(self, face: NDArray[np.float32], token: str, passage: str = "1") -> None:
        self.counter.holder.follow()
        seen = self.intake.marked(capture(passage=passage, jpeg=CROP, at=self.counter.clock.now()), token)
        assert self.counter.decider.decide([EmbeddedCapture(seen, Probe(MODEL, face))]) == [CaptureOutcome.ACCEPTED]


@pytest.fixture
def staged(database: Database) -> Staged:
    return Staged(database)


def test_an_exercise_is_sent_recognised_and_counted_nowhere(staged: Staged):
    exercise = staged.plan()
    staged.sender.work()
    (request,) = staged.asked
    assert request.jpegs == (b"crop",)
    staged.sees(person(COLLEAGUE), request.token)
    (alert,) = staged.counter.raised()
    assert (alert.exercise_id, alert.subject_id, alert.order_ids) == (exercise.exercise_id, "c-1", ())
    assert (staged.counter.begun, staged.counter.ended, staged.counter.decider.alerts_raised) == ([], [], 0)
    staged.sender.work()
    (held,) = staged.store.under_way()
    assert (held.received, held.alert_id) == (True, alert.alert_id)
    staged.sees(person(COLLEAGUE), request.token, passage="2")
    assert len(staged.counter.raised()) == 1


def test_a_colleague_who_passes_in_reality_alerts_nobody(staged: Staged):
    staged.plan()
    staged.sender.work()
    staged.counter.sees(person(COLLEAGUE))
    assert staged.counter.raised() == []


def test_a_listed_face_under_a_token_raises_nothing_as_an_exercise(staged: Staged):
    staged.plan()
    staged.sender.work()
    staged.sees(person(LISTED), staged.asked[0].token)
    assert staged.counter.raised() == []


def test_an_exercise_and_a_traveller_in_one_track_do_not_mix(staged: Staged):
    staged.plan()
    staged.sender.work()
    staged.sees(person(COLLEAGUE), staged.asked[0].token)
    staged.counter.sees(person(LISTED), passage="1")
    exercise, real = staged.counter.raised()
    assert (exercise.open, real.exercise_id, real.subject_id) == (False, None, "S-1")
    assert [one.fused_crops for one in real.sightings] == [1]


@pytest.mark.parametrize("token", ["", "x", f"{UUID(int=1)}.abc"])
def test_a_wrong_token_raises_nothing(staged: Staged, token: str):
    assert staged.intake.marked(capture(), token).exercise_id == UNKNOWN_EXERCISE
    staged.sees(person(COLLEAGUE), token)
    assert staged.counter.raised() == []
    staged.intake.played("dep-1", ExercisePlayed(token, 1))
    assert not staged.intake.notes


def test_while_a_real_alert_waits_or_first_looks_are_off_nothing_is_sent(staged: Staged):
    staged.plan()
    staged.asks_looks = False
    staged.sender.work()
    assert staged.asked == []
    staged.asks_looks = True
    staged.counter.sees(person(LISTED))
    staged.plan()
    staged.sender.work()
    assert staged.asked == []
    assert all(one.due_at > staged.counter.clock.now() for one in staged.store.under_way())


def test_one_exercise_at_a_time_is_out_at_a_camera(staged: Staged):
    first, second = staged.plan(), staged.plan()
    staged.sender.work()
    staged.sender.work()
    assert [one.sent_at is not None for one in staged.store.under_way()] == [True, False]
    assert len(staged.asked) == 1
    staged.store.end(first.exercise_id, ExerciseEnd.STOPPED, MYSELF, staged.counter.clock.now())
    staged.sender.work()
    assert [one.exercise_id for one in staged.store.under_way() if one.sent_at] == [second.exercise_id]


def test_what_the_host_says_is_written(staged: Staged):
    first = staged.plan()
    staged.sender.work()
    token = staged.asked[0].token
    staged.intake.played("dep-1", ExercisePlayed(token, 2))
    staged.sender.work()
    assert staged.store.under_way()[0].crops == 2
    staged.intake.played("dep-1", ExercisePlayed(token, 0, gave_way=True))
    staged.sender.work()
    (held,) = staged.store.under_way()
    assert (held.exercise_id, held.sent_at, held.crops) == (first.exercise_id, None, None)


def test_an_exercise_of_a_server_that_has_stopped_is_sent_again_later(staged: Staged):
    exercise = staged.plan()
    staged.store.sent(exercise.exercise_id, staged.counter.clock.now())
    staged.sender.work()
    (held,) = staged.store.under_way()
    assert (held.sent_at, staged.asked) == (None, [])


def test_an_exercise_of_somebody_who_was_erased_is_withdrawn(staged: Staged):
    exercise = Exercise(uuid6.uuid7(), "gone", "dep-1", DEPARTURE.site, DEPARTURE.counter, NOON)
    staged.store.plan([exercise], NOON)
    staged.sender.work()
    assert (staged.store.under_way(), staged.asked) == ([], [])
    assert staged.store.counts(NOON, None) == {"D1": {ExerciseEnd.WITHDRAWN: 1}}
