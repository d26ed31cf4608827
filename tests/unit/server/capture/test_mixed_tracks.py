"""A track that goes over from one person to another has two passages: nobody passes behind an innocent's face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cekalwatch.server.capture.passages import MAX_CROPS, PassageScore, Track
from cekalwatch.server.recognition.packs.threshold_models import LIGHT_LIKENESS
from cekalwatch.server.storage.database import Database
from cekalwatch.vision.alignment import align
from cekalwatch.vision.faces import Picture
from tests.support.builders.alerts import NOON, capture
from tests.support.builders.portraits import astronaut, group
from tests.support.scenarios.deciding import CROP, MADE_UP, DecidingCounter, like, person
from tests.support.scenarios.server import engine

INNOCENT, LISTED, ANOTHER = 1, 2, 3


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    yield database
    database.close()


@pytest.fixture
def counter(database: Database) -> DecidingCounter:
    counter = DecidingCounter(database)
    counter.listed_face("S-1", person(LISTED))
    return counter


def test_a_listed_person_to_whom_a_track_goes_over_alerts_and_the_first_one_is_not_in_it(
    counter: DecidingCounter,
) -> None:
    counter.sees(*[person(INNOCENT)] * 4)
    their_crop = capture(jpeg=CROP)
    counter.sees(person(LISTED), probe=their_crop)
    counter.sees(person(INNOCENT))
    (alert,) = counter.raised()
    assert [(one.capture_id, one.fused_crops) for one in alert.sightings] == [(their_crop.capture_id, 1)]
    assert alert.score == pytest.approx(1.0)


def test_a_person_who_passes_after_a_listed_one_in_the_same_track_is_not_in_their_alert(
    counter: DecidingCounter,
) -> None:
    counter.sees(*[person(LISTED)] * 3, *[person(INNOCENT)] * 2)
    (alert,) = counter.raised()
    assert [one.fused_crops for one in alert.sightings] == [1, 2, 3]
    assert [one.best for _, one in ended(counter)] == [pytest.approx(1.0), pytest.approx(0.0)]


def test_two_who_cross_and_swap_tracks_are_fused_each_with_themselves(counter: DecidingCounter) -> None:
    for _ in range(2):
        counter.sees(person(INNOCENT), person(LISTED), passage="1")
        counter.sees(person(LISTED), person(INNOCENT), passage="2")
    (alert,) = counter.raised()
    assert [one.fused_crops for one in alert.sightings] == [1, 1, 2, 2]


def test_two_listed_people_of_one_track_have_an_alert_each(counter: DecidingCounter) -> None:
    counter.listed_face("S-2", person(ANOTHER))
    counter.sees(person(LISTED), person(ANOTHER), person(LISTED), person(ANOTHER))
    assert [alert.subject_id for alert in counter.raised()] == ["S-1", "S-2"]
    assert [[one.subject_id for one in alert.candidates] for alert in counter.raised()] == [["S-1"], ["S-2"]]


def test_the_second_person_is_told_apart_by_another_server_that_never_saw_the_first(
    counter: DecidingCounter, database: Database
) -> None:
    other = DecidingCounter(database)
    counter.listed_face("S-2", person(ANOTHER))
    counter.sees(person(LISTED))
    other.sees(person(ANOTHER))
    other.sees(person(LISTED, turned=10))
    first, second = counter.raised()
    assert [one.subject_id for one in second.candidates] == ["S-2"]
    assert (len(first.sightings), len(second.sightings), first.version) == (2, 1, 1)


def test_a_capture_that_is_sent_again_to_any_server_changes_nothing(
    counter: DecidingCounter, database: Database
) -> None:
    counter.sees(person(INNOCENT))
    again = capture(jpeg=CROP)
    for one in (counter, counter, DecidingCounter(database), counter):
        one.sees(person(LISTED), probe=again)
    (alert,) = counter.raised()
    assert len(alert.sightings) == 1
    assert len(counter.begun) == 2, "the innocent's passage, and the listed person's"


def test_crops_that_waited_in_a_spool_find_their_person_whatever_their_order(counter: DecidingCounter) -> None:
    counter.sees(person(LISTED), person(INNOCENT))
    counter.clock.advance(timedelta(seconds=30))
    counter.sees(person(INNOCENT, turned=15), person(LISTED, turned=15))
    (alert,) = counter.raised()
    assert [one.fused_crops for one in alert.sightings] == [1, 2]


@pytest.mark.parametrize("angles", [(0, 25, 50, 75, 100), (0, 100, 50, 75, 25)])
def test_one_who_turns_their_head_stays_one_passage_while_each_crop_is_like_another(
    counter: DecidingCounter, angles: tuple[int, ...]
) -> None:
    """The last crop is not like the first one at all."""
    counter.sees(*(person(INNOCENT, turned) for turned in angles))
    assert len(counter.begun) == (1 if angles[1] < 50 else 2), "who looks away at once is taken for two at most"


def test_a_look_alike_and_the_real_person_in_one_track_are_two_passages(counter: DecidingCounter) -> None:
    counter.listed("S-2", 1)
    counter.sees(like(0.65), like(0.66), like(1), like(0.99))
    look_alike, real = counter.raised()
    assert [one.fused_crops for one in look_alike.sightings] == [1, 2]
    assert [one.fused_crops for one in real.sightings] == [1, 2]
    assert len(counter.begun) == 2


def test_each_person_of_a_track_counts_as_a_passage_with_a_best_score_of_their_own(counter: DecidingCounter) -> None:
    counter.sees(person(INNOCENT), person(LISTED), person(INNOCENT), person(LISTED))
    assert len(counter.begun) == 2
    low, high = (one for _, one in ended(counter))
    assert (low.reached, high.reached) == (False, True)
    assert (low.best, high.best) == pytest.approx((0.0, 1.0))


def test_more_crops_of_a_track_than_are_kept_hide_nobody(counter: DecidingCounter) -> None:
    counter.sees(*[person(INNOCENT)] * (MAX_CROPS + 1), person(LISTED))
    assert [alert.subject_id for alert in counter.raised()] == ["S-1"]
    counter.sees(*(person(INNOCENT, turned=70.0 * number) for number in range(2 * MAX_CROPS)))
    track = counter.decider._passages.at("dep-1", capture().passage, counter.clock.now())
    assert sum(one.crops for one in track.passages) <= MAX_CROPS


def test_with_a_model_that_nobody_has_measured_the_tracker_decides(database: Database) -> None:
    counter = DecidingCounter(database, replace(MADE_UP, likeness=None))
    counter.listed_face("S-1", person(LISTED))
    counter.sees(person(INNOCENT), person(LISTED))
    (alert,) = counter.raised()
    assert alert.score == pytest.approx(np.sqrt(0.5))
    assert len(counter.begun) == 1


def photographed(picture: Picture) -> NDArray[np.float32]:
    """Return the template of the first face in a picture, with the pack `light`."""
    found = engine().detector.detect(picture)[0]
    return np.asarray(engine().recogniser.embed(align(picture, found.landmarks)[np.newaxis])[0], np.float32)


def test_a_real_face_in_changing_light_that_turns_and_blurs_is_one_passage_and_that_of_another_a_second() -> None:
    whole = astronaut(0.8)
    height, width = whole.shape[:2]
    seen = [
        whole,
        np.clip(whole * 0.45, 0, 255).astype(np.uint8),
        np.clip(whole * 1.5, 0, 255).astype(np.uint8),
        np.asarray(cv2.GaussianBlur(whole, (0, 0), 2.0), np.uint8),
        np.asarray(cv2.resize(whole, (round(0.78 * width), height)), np.uint8),  # as a head that turns is narrower
        astronaut(0.4),
        np.asarray(cv2.flip(whole, 1), np.uint8),
    ]
    track = Track(NOON)
    for picture in (*seen, group()):
        track.add(str(uuid4()), photographed(picture), 0.8, LIGHT_LIKENESS.threshold)
    assert [passage.crops for passage in track.passages] == [len(seen), 1]


def ended(counter: DecidingCounter) -> list[tuple[str, PassageScore]]:
    """Return what is counted of the passages once they are over."""
    counter.clock.advance(timedelta(seconds=61))
    counter.sees(person(0), passage="later")
    return counter.ended
