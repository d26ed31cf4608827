"""Counts of scores and what was learned from them, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy

from cekalwatch.contract.values.adjudication import Outcome, Reason
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.domain.alerts.field_sums import AlertVerdict
from cekalwatch.server.learning.camera_agreement import StandingOut
from cekalwatch.server.learning.learned_threshold import LearnedOffset, LearnedThreshold, SiteFindings, ThresholdMove
from cekalwatch.server.learning.score_counts import BINS, CountKey, ScoreCounts
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.models.threshold_store import ScoreStore, ThresholdStore
from cekalwatch.vision.thresholds import Provenance, ThresholdModel
from tests.support.builders.alerts import NOON
from tests.support.builders.keys import key_store
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import Counter

TAIL = ThresholdModel(400, 0.41, 0.0513, 0.0417, 0.013, Provenance("", "model-1", "2026-03-01", 0, 900, 0, "0.1.0"))
MOVE = ThresholdMove(datetime(2026, 3, 1, 5, tzinfo=UTC), 0.41, 0.46, 97, 0.0371)
FINDINGS = SiteFindings(1_000, 900.5, (StandingOut("dep-1", "batam-center", 3.7, 400),), TAIL, 0.02, 0.07, 0.41, MOVE)
LEARNED = LearnedThreshold("model-1", LearnedOffset(0.05, "2026-03-01", 0.05, 0.04), "2026-02-01", FINDINGS)
ENTRY = AuditEntry(NOON, Actor(ActorKind.SERVER, "test"), Action.THRESHOLD_LEARNED)


def counts(day: str = "2026-03-01", camera: str = "dep-1", place: int = 60, templates: int = 400) -> ScoreCounts:
    below = np.zeros(BINS)
    below[place] = 20
    return ScoreCounts(CountKey(day, camera, "model-1", templates, "batam-center"), below, 1)


@pytest.fixture
def scores(database: Database) -> ScoreStore:
    key_store(database)
    return ScoreStore(database)


def change(database: Database, statement: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text(statement))


@pytest.mark.both_databases
def test_what_several_servers_count_adds_up(scores: ScoreStore, database: Database):
    scores.add([counts(), counts(camera="dep-2")])
    ScoreStore(database).add([counts(), counts(place=70)])
    rows = {row.key.camera_id: row for row in scores.since("2026-03-01", "model-1")}
    assert (rows["dep-1"].below[60], rows["dep-1"].below[70], rows["dep-1"].reached) == (40, 20, 3)
    assert rows["dep-2"].passages == 21


def test_days_models_and_sizes_of_the_list_stay_apart(scores: ScoreStore):
    scores.add([counts(), counts("2026-03-02"), counts(templates=440)])
    assert len(scores.since("2026-03-01", "model-1")) == 3
    assert [row.key.day for row in scores.since("2026-03-02", "model-1")] == ["2026-03-02"]
    assert scores.since("2026-03-01", "model-2") == []
    assert scores.forget_before("2026-03-02") == 2
    assert len(scores.since("", "model-1")) == 1


def test_a_row_that_somebody_else_changed_does_not_count_and_the_next_takes_its_place(
    scores: ScoreStore, database: Database
):
    scores.add([counts()])
    change(database, "UPDATE score_count SET reached = 900")
    assert scores.since("", "model-1") == []
    scores.add([counts()])
    (row,) = scores.since("", "model-1")
    assert row.passages == 21


@pytest.mark.both_databases
def test_what_was_learned_comes_back_as_it_was(scores: ScoreStore, database: Database):  # noqa: ARG001
    store = ThresholdStore(database)
    assert store.learned("model-1") is None
    assert store.learn(None, LEARNED, ENTRY)
    assert store.learned("model-1") == LEARNED
    assert store.learned("model-2") is None, "scores of another model mean something else"
    plain = replace(LEARNED, findings=replace(FINDINGS, tail=None, move=None, standing_out=()))
    assert store.learn(LEARNED, plain, None)
    assert store.learned("model-1") == plain
    assert not store.learn(LEARNED, LEARNED, ENTRY), "something else stands there"


def test_a_learned_threshold_that_somebody_else_changed_is_refused_until_people_forget_it(
    scores: ScoreStore,  # noqa: ARG001
    database: Database,
):
    store = ThresholdStore(database)
    store.learn(None, LEARNED, ENTRY)
    change(database, "UPDATE learned_threshold SET step = 0.2")
    with pytest.raises(ChangedRowError):
        store.learned("model-1")
    with pytest.raises(ChangedRowError):
        store.learn(None, LEARNED, ENTRY)
    store.forget_learned(LEARNED, ENTRY)
    assert store.learned("model-1") == LEARNED


@pytest.mark.both_databases
def test_alerts_count_once_they_are_settled(database: Database):
    desk = Counter(database, FixedClock(NOON))
    desk.list_subject()
    officer, supervisor = desk.hire("ani", PersonRole.OFFICER), desk.hire("budi", PersonRole.SUPERVISOR)
    false, right, _, gone = (desk.raise_alert(str(number)) for number in range(4))
    desk.claim(false, officer)
    desk.judge(false, officer, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    desk.claim(right, officer)
    desk.judge(right, officer)
    desk.confirm(right, supervisor)
    desk.claim(gone, officer)
    desk.judge(gone, officer, Outcome.CANNOT_DETERMINE, Reason.TRAVELLER_GONE)
    store = FieldStore(database)
    found = store.judged(NOON - timedelta(hours=1), "model-1")
    assert sorted(one.verdict for one in found) == [AlertVerdict.CONFIRMED, AlertVerdict.FALSE_ALERT]
    assert {(one.camera_id, one.site, one.score) for one in found} == {("dep-1", "batam-center", 0.7)}
    assert store.judged(NOON + timedelta(hours=1), "model-1") == []
    assert store.judged(NOON - timedelta(hours=1), "model-2") == []
    change(database, "UPDATE sighting SET score = 0.99")
    assert store.judged(NOON - timedelta(hours=1), "model-1") == []
