"""A threshold that follows the people who really pass, as the product counts, fits, moves and records it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from cekalwatch.contract.values.people import PersonRole, TwoPersonAction
from cekalwatch.contract.values.thresholds import ThresholdSource
from cekalwatch.server.audit.entry import Action, AuditEntry
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.gallery.threshold import ThresholdSetting
from cekalwatch.server.learning.camera_agreement import MIN_PASSAGES
from cekalwatch.server.learning.learned_threshold import (
    MAX_ALONE,
    LearnedOffset,
    LearnedThreshold,
    LearningBounds,
    LearningMode,
    SiteFindings,
)
from cekalwatch.server.learning.score_counts import BINS, CountKey, ScoreCounts
from cekalwatch.server.storage.database import Database
from tests.support.builders.cohorts import cohort
from tests.support.builders.keys import open_keys
from tests.support.builders.watchlist import MODEL
from tests.support.scenarios.learning import LISTED, PACK, WANTED, LearningPort, Passers
from tests.support.scenarios.people import ADMINISTRATION, TOGETHER, person

PACKS = PACK.thresholds.threshold(LISTED, WANTED)
OTHERS = TwoPeople(
    TwoPersonAction.CONFIRM_ALERT, person("budi", PersonRole.OFFICER), person("sari", PersonRole.SUPERVISOR)
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    open_keys(database)
    yield database
    database.close()


@pytest.mark.slow
def test_fifteen_hundred_passages_of_other_people_bring_the_promise_within_a_factor_of_two(database: Database):
    port, people = LearningPort(database, cameras=3), Passers(0.1)
    port.look()
    assert port.decision.value == PACKS
    assert people.fpir(port.decision.value) > 9 * WANTED, "ten times too many"
    for _ in range(3):
        port.day({camera: people.scores(500 // 3) for camera in port.cameras})
        port.accept()
    assert port.decision.source is ThresholdSource.LEARNED
    assert WANTED / 2 <= people.fpir(port.decision.value) <= WANTED * 2
    assert port.decision.expected_fpir == pytest.approx(people.fpir(port.decision.value), rel=0.6)


@pytest.mark.slow
def test_until_there_is_enough_the_promise_is_the_packs_and_says_on_whom(database: Database):
    port, people = LearningPort(database, cameras=1), Passers(0.1)
    port.passes("dep-0", people.scores(MIN_PASSAGES // 2))
    port.look()
    promise = port.decision.promise
    assert (promise.measured_on, promise.needed) == ("LFW", MIN_PASSAGES)
    assert 0 < promise.counted < MIN_PASSAGES
    assert port.decision.value == PACKS
    port.passes("dep-0", people.scores(MIN_PASSAGES))
    port.look()
    port.look()
    promise = port.decision.promise
    assert promise.measured_on == ""
    assert promise.low < people.middle - people.spread * np.log(WANTED) < promise.high


@pytest.mark.slow
def test_a_step_is_recorded_with_what_it_means(database: Database):
    port, people = LearningPort(database, cameras=1), Passers(0.1)
    port.passes("dep-0", people.scores(500))
    port.look()
    learned = port.learned
    assert learned
    move = learned.findings.move
    assert move
    assert move.threshold == pytest.approx(port.decision.value)
    assert move.before == pytest.approx(PACKS)
    assert 1 / move.passages_per_false_alert == pytest.approx(people.fpir(move.threshold), rel=0.6)
    ((_, actor, text),) = port.desk.trail(Action.THRESHOLD_LEARNED)
    details = json.loads(text)
    assert actor == "server:test"
    assert (details["before"], details["threshold"]) == (f"{PACKS:.4f}", f"{move.threshold:.4f}")
    assert details["missed"] == "unknown", "nobody has two photographs"


@pytest.mark.slow
def test_no_day_moves_it_further_than_it_may(database: Database):
    port, people = LearningPort(database, 1, LearningBounds(step_a_day=0.01, above=0.05)), Passers(0.12)
    for days in (1, 2, 3, 4):
        port.day({"dep-0": people.scores(MIN_PASSAGES if days == 1 else 100)})
        assert port.decision.value == pytest.approx(PACKS + min(0.01 * days, MAX_ALONE))


@pytest.mark.slow
def test_two_people_accept_what_waits_and_it_learns_on_from_there(database: Database):
    port, people = LearningPort(database, cameras=1), Passers(0.1)
    setting = ThresholdSetting(port.thresholds, port.clock, lambda: MODEL)
    with pytest.raises(CekalwatchError) as refused:
        setting.accept_learned(0.6, TOGETHER, ADMINISTRATION)
    assert refused.value.code is Code.ARGUMENT_INVALID, "nothing waits"
    port.day({"dep-0": people.scores(800)})
    assert port.decision.value == pytest.approx(PACKS + MAX_ALONE)
    assert port.learned
    wanted = port.learned.waiting
    assert wanted
    setting.set(0.7, TOGETHER, ADMINISTRATION)
    setting.accept_learned(wanted, TOGETHER, ADMINISTRATION)
    port.look()
    assert port.decision.value == pytest.approx(wanted)
    assert port.decision.source is ThresholdSource.LEARNED
    assert port.learned.waiting is None
    text = port.desk.trail(Action.THRESHOLD_SET)[-1][2]
    assert json.loads(text) == {"threshold": f"{wanted:.4f}", "before": f"{PACKS + MAX_ALONE:.4f}", "model": MODEL}
    for _ in range(2):
        port.day({"dep-0": people.scores(800)})
    assert abs(port.decision.value - wanted) <= MAX_ALONE + 1e-9
    with pytest.raises(ValueError, match="CONFIRM_ALERT"):
        setting.accept_learned(wanted, OTHERS, ADMINISTRATION)


@pytest.mark.slow
def test_what_passes_now_counts_when_people_change(database: Database):
    port = LearningPort(database, 1, LearningBounds(window_days=3))
    for people in (Passers(0.1), Passers(0.02)):
        for _ in range(4):
            port.day({"dep-0": people.scores(350)})
            port.accept()
        assert WANTED / 2 <= people.fpir(port.decision.value) <= WANTED * 2
    assert len(port.scores.since("", MODEL)) == 3, "earlier days are forgotten"


def test_what_two_people_set_stays_and_the_tail_says_what_to_expect(database: Database):
    port, people = LearningPort(database, cameras=1), Passers(0.1)
    ThresholdSetting(port.thresholds, port.clock, lambda: MODEL).set(0.6, TOGETHER, ADMINISTRATION)
    port.holder.follow()
    port.day({"dep-0": people.scores(1_000)})
    port.look()
    assert (port.decision.value, port.decision.source) == (0.6, ThresholdSource.PEOPLE)
    assert port.decision.expected_fpir == pytest.approx(people.fpir(0.6), rel=0.8)
    assert not port.desk.trail(Action.THRESHOLD_LEARNED)


@pytest.mark.slow
def test_two_people_undo_it_and_what_had_passed_counts_no_more(database: Database):
    port, people = LearningPort(database, cameras=1), Passers(0.1)
    port.day({"dep-0": people.scores(400)})
    assert port.decision.source is ThresholdSource.LEARNED
    setting = ThresholdSetting(port.thresholds, port.clock, lambda: MODEL)
    setting.forget_learned(MODEL, "2026-03-02", TOGETHER, ADMINISTRATION)
    with pytest.raises(CekalwatchError) as refused:
        setting.forget_learned("other-1", "2026-03-02", TOGETHER, ADMINISTRATION)
    assert refused.value.code is Code.ARGUMENT_INVALID
    port.look()
    assert (port.decision.value, port.decision.source) == (PACKS, ThresholdSource.PACK)
    ((_, _, text),) = port.desk.trail(Action.LEARNING_FORGOTTEN)
    assert json.loads(text)["today"] == "2026-03-02"
    port.clock.advance(timedelta(days=1))
    port.day({"dep-0": people.scores(400)})
    assert port.decision.source is ThresholdSource.LEARNED, "it learns anew"
    with pytest.raises(ValueError, match="CONFIRM_ALERT"):
        setting.forget_learned(MODEL, "2026-03-02", OTHERS, ADMINISTRATION)


@pytest.mark.slow
def test_a_site_that_only_observes_moves_nothing(database: Database):
    port = LearningPort(database, 1, LearningBounds(mode=LearningMode.OBSERVE))
    port.day({"dep-0": Passers(0.1).scores(500)})
    port.look()
    assert (port.decision.value, port.decision.source) == (PACKS, ThresholdSource.PACK)
    assert port.decision.promise.low > PACKS + 0.05, "and shows where it would go"


@pytest.mark.slow
def test_of_two_servers_one_takes_the_step(database: Database):
    here, people = LearningPort(database, cameras=1), Passers(0.1)
    here.passes("dep-0", people.scores(400))
    here.counter.write()
    known = here.learned
    here.learner.learn()
    learned = here.learned
    assert learned
    assert not here.thresholds.learn(known, replace(learned, forgotten_through="2026-01-01"), None)
    assert here.learned == learned


@pytest.mark.slow
def test_alerts_that_nobody_settles_do_not_lower_the_threshold(database: Database):
    """Half of what alerts is settled, and stands for the rest."""
    port, people = LearningPort(database, cameras=1), Passers(0.05)
    for _ in range(3):
        for part in range(8):
            port.passes("dep-0", people.scores(125), settled=part % 2 == 0)
            port.look()
            port.accept()
        port.clock.advance(timedelta(days=1))
    assert WANTED / 2 <= people.fpir(port.decision.value) <= WANTED * 2


@pytest.mark.slow
def test_a_pack_that_begins_to_compare_learns_anew_and_says_what_no_longer_counts(database: Database):
    compares = replace(PACK, cohort=replace(cohort(), thresholds=replace(PACK.thresholds, grows_from=LISTED)))
    port, people = LearningPort(database, cameras=1, pack=compares), Passers(0.1)
    before = LearnedThreshold(MODEL, LearnedOffset(0.04), "", SiteFindings.NONE)
    port.thresholds.forget_learned(before, AuditEntry(port.clock.now(), ADMINISTRATION, Action.LEARNING_FORGOTTEN))
    counts = ScoreCounts(CountKey("2026-03-01", "dep-0", MODEL, LISTED, "batam-center"), np.full(BINS, 9.0), 0)
    port.scores.add([counts])
    port.holder.follow()
    assert port.decision.value == PACKS
    port.look()
    assert port.learned
    assert port.learned.model_version == compares.score_version != MODEL
    assert port.learned.findings.passages == 0, "counts of other scores do not count"
    assert port.thresholds.learned(MODEL) is None
    _, (_, actor, text) = port.desk.trail(Action.LEARNING_FORGOTTEN)
    assert actor == "server:test"
    assert json.loads(text) == {"forgotten": "+0.0400", "model": compares.score_version, "before": MODEL}
    port.passes("dep-0", people.scores(900))
    port.look()
    assert port.learned.findings.passages == 900
    assert port.decision.source is ThresholdSource.LEARNED
    assert len(port.desk.trail(Action.LEARNING_FORGOTTEN)) == 2, "it is said once"
