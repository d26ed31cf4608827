"""Decisions with scores that are compared with those of the list, if the model pack says so (docs/adr/0091)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from cekalwatch.server.storage.database import Database
from cekalwatch.vision.cohort import FULL_FROM, CohortModel
from tests.support.builders.cohorts import cohort
from tests.support.builders.watchlist import FIXED_THRESHOLD, MODEL, SIZE
from tests.support.scenarios.deciding import FOREIGN, MADE_UP, DecidingCounter, like

OTHERS = 20
SHARE = OTHERS / FULL_FROM
"""Of the part: the list is short."""
T = FIXED_THRESHOLD.value
Counter = Callable[[CohortModel | None], DecidingCounter]


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    yield lambda model: DecidingCounter(database, replace(MADE_UP, cohort=model))
    database.close()


def listed(counter: DecidingCounter, first: float, others: float) -> DecidingCounter:
    """List somebody, and others who also have an order; all have these scores with the traveller."""
    counter.listed("S-1", first)
    for number in range(OTHERS):
        counter.listed(f"T-{number:02}", others)
    return counter


def test_who_is_like_many_others_of_the_list_needs_a_higher_score(counter: Counter) -> None:
    port = listed(counter(cohort()), T + 0.05, 0.4)
    assert 0.75 * SHARE * 0.2 > 0.05, "what follows takes more than what is above the threshold"
    assert port.named() == []


def test_a_pack_that_does_not_compare_decides_by_the_score_alone(counter: Counter) -> None:
    port = listed(counter(None), T + 0.05, 0.4)
    assert port.named() == ["S-1"]
    (alert,) = port.raised()
    assert (alert.model_version, alert.present.cosine) == (MODEL, None)
    assert alert.score == pytest.approx(T + 0.05, abs=1e-3)


def test_who_is_like_nobody_else_alerts_below_the_threshold_of_scores(counter: Counter) -> None:
    port = listed(counter(cohort()), T - 0.05, 0.0)
    assert port.named() == ["S-1"]
    (alert,) = port.raised()
    assert alert.score == pytest.approx(T - 0.05 + 0.75 * SHARE * 0.2, abs=1e-3)
    assert alert.present.likeness == pytest.approx(T - 0.05, abs=1e-3)
    assert alert.threshold == T <= alert.score
    assert alert.model_version == cohort().score_version(MODEL)


def test_a_subject_with_many_references_counts_once(counter: Counter) -> None:
    port = listed(counter(cohort()), T + 0.05, 0.0)
    for subject in ("S-1", "T-00"):
        for likeness in (0.44, 0.43, 0.42, 0.41, 0.4):
            port.listed(subject, likeness)
    port.listed("S-1", T + 0.05)
    port.sees(like(1))
    (alert,) = port.raised()
    assert alert.score == pytest.approx(T + 0.05 + 0.75 * SHARE * (0.2 - 0.044), abs=0.015)


def test_two_look_alikes_of_the_list_are_both_asked_about(counter: Counter) -> None:
    port = listed(counter(cohort()), 0.75, 0.2)
    port.listed("S-2", 0.72)
    assert port.named() == ["S-1", "S-2"]
    first, second = port.raised()[0].candidates
    assert first.score - second.score == pytest.approx(0.03, abs=1e-3), "all of one search move alike"


def test_who_ranks_deeper_is_found_where_the_nearest_cannot_alert(counter: Counter) -> None:
    port = counter(cohort())
    for number in range(30):
        port.listed(f"T-{number:02}", 0.95 - number * 0.001, **FOREIGN)
    port.listed("S-1", 0.9)
    assert port.named() == ["S-1"]


def test_passages_of_one_person_are_told_by_their_faces_and_not_by_compared_scores(counter: Counter) -> None:
    """The two are less alike than the first and the subject, 1:1, but more than the first's compared score."""
    port = counter(cohort())
    port.listed("S-1", 1.0)
    apart, another = np.zeros(SIZE, np.float32), np.zeros(SIZE, np.float32)
    apart[[0, 2]] = 0.5, 0.75**0.5
    another[[0, 1, 3]] = 0.72, 0.262, 0.6426
    for number in range(OTHERS):
        port.listed_face(f"T-{number:02}", apart)
    port.sees(like(0.72), passage="1")
    port.sees(another, passage="2")
    alert, other = port.raised()
    assert alert.score < float(like(0.72) @ another) < alert.present.likeness
    port.sees(like(0.72), passage="3")
    assert [one.alert_id for one in port.raised()] == [alert.alert_id, other.alert_id], "the same face joins"


def test_what_is_counted_for_learning_is_the_compared_score(counter: Counter) -> None:
    port = listed(counter(cohort()), T + 0.05, 0.4)
    port.sees(like(1))
    port.clock.advance(timedelta(hours=1))
    port.sees(like(0), passage="2")
    ((_, score),) = port.ended
    assert score.best == pytest.approx(T + 0.05 - 0.75 * SHARE * 0.2, abs=1e-3)
    assert score.model_version == cohort().score_version(MODEL)
    assert not score.reached
