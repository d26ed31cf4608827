"""Who is named by an alert: nobody who cannot alert here hides somebody who can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.contract.values.captures import CaptureOutcome
from cekalwatch.server.capture.deciding import EmbeddedCapture
from cekalwatch.server.recognition.probes import Probe
from cekalwatch.server.storage.database import Database
from tests.support.builders.alerts import capture
from tests.support.builders.watchlist import FIXED_THRESHOLD, MODEL
from tests.support.scenarios.deciding import CROP, ENDED, FOREIGN, DecidingCounter, like


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[DecidingCounter]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    yield DecidingCounter(database)
    database.close()


def test_five_ended_records_of_a_person_do_not_hide_the_sixth_in_force(counter: DecidingCounter) -> None:
    for number in range(5):
        counter.listed(f"E-{number}", 0.99, **ENDED)
    counter.listed("S-1", 0.9)
    assert counter.named() == ["S-1"]


def test_people_who_cannot_alert_at_this_camera_hide_nobody_who_can(counter: DecidingCounter) -> None:
    for number in range(30):
        counter.listed(f"T-{number:02}", 0.99 - number * 0.001, **FOREIGN)
    counter.listed("S-1", 0.9)
    counter.listed("S-2", 0.85)
    assert counter.named() == ["S-1", "S-2"]


def test_the_search_ends_at_the_threshold_and_at_five(counter: DecidingCounter) -> None:
    for number in range(8):
        counter.listed(f"T-{number}", 0.99, **FOREIGN)
    counter.listed("S-9", FIXED_THRESHOLD.value - 0.01)
    assert counter.named() == []
    for number in range(8):
        counter.listed(f"S-{number}", 0.95 - number * 0.01)
    assert counter.named() == ["S-0", "S-1", "S-2", "S-3", "S-4"]


def test_an_order_that_ends_between_the_search_and_the_check_never_alerts(counter: DecidingCounter) -> None:
    counter.listed("S-1", 0.99)
    counter.listed("S-2", 0.9)
    counter.holder.follow()
    before = counter.holder.current
    counter.listed("S-1", 0.99, **ENDED)
    counter.holder.follow = lambda: False  # type: ignore[method-assign]
    assert before.gallery.subjects == 2
    assert counter.named() == ["S-2"]


def test_a_track_that_goes_over_from_a_look_alike_to_the_real_person_alerts(
    counter: DecidingCounter,
) -> None:
    counter.listed("S-1", 1)
    look_alike, again, real, still = counter.alerts_on("1", 0.65, 0.66, 1, 0.99)
    assert look_alike == again
    assert real == still != look_alike


def test_the_real_person_after_a_look_alike_is_found_at_the_next_counter(counter: DecidingCounter) -> None:
    counter.listed("S-1", 1)
    (look_alike,) = counter.alerts_on("1", 0.65)
    (real,) = counter.alerts_on("2", 1)
    assert look_alike != real
    assert counter.alerts_on("3", 0.98) == [real]
    assert counter.alerts_on("4", 0.66) == [look_alike]


def test_a_defect_with_one_capture_leaves_those_beside_it_their_alerts(counter: DecidingCounter) -> None:
    counter.listed("S-1", 0.9)
    counter.holder.follow()
    broken, sound = capture(passage="1"), capture(passage="2", jpeg=CROP)
    broken = replace(broken, jpeg=None)  # type: ignore[arg-type]  # a defect
    failed, taken = counter.decider.decide([EmbeddedCapture(one, Probe(MODEL, like(1))) for one in (broken, sound)])
    assert isinstance(failed, TypeError)
    assert taken is CaptureOutcome.ACCEPTED
    assert [event.capture_id for event in counter.alerts.events_after(0, 10)] == [sound.capture_id]


def test_a_passage_that_is_over_is_counted_with_its_best_score_whoever_it_was_like(counter: DecidingCounter) -> None:
    """Also with somebody who cannot alert here: what is counted is how high strangers score in the whole gallery."""
    counter.listed("S-1", 1)
    counter.listed("T-1", 1, **FOREIGN)
    counter.alerts_on("1", 0.2, 0.4, 0.2)
    counter.alerts_on("2", 0.4, 0.9)
    counter.clock.advance(timedelta(seconds=61))
    counter.alerts_on("3", 0.1)
    (low, high) = [score for _, score in counter.ended]
    assert (low.reached, low.templates, low.model_version) == (False, 2, MODEL)
    assert 0.3 < low.best < 0.41
    assert high.reached
    assert high.best > FIXED_THRESHOLD.value
