from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest

from cekalwatch.server.capture.passages import Passage, Passages, PassageScore

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def template(*numbers: float) -> np.ndarray:
    vector = np.array(numbers, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def test_crops_of_a_passage_become_their_mean_of_length_one():
    passage = Passage()
    passage.fuse(str(uuid4()), template(1, 0), 0.5)
    fused = passage.fuse(str(uuid4()), template(0, 1), 0.5)
    assert fused == pytest.approx(template(1, 1), abs=1e-6)
    assert passage.crops == 2


def test_a_crop_weighs_as_much_as_its_quality():
    passage = Passage()
    passage.fuse(str(uuid4()), template(1, 0), 0.9)
    fused = passage.fuse(str(uuid4()), template(0, 1), 0.3)
    assert fused == pytest.approx(template(3, 1), abs=1e-6)


def test_crops_judged_worthless_still_count_alike():
    passage = Passage()
    passage.fuse(str(uuid4()), template(1, 0), 0.0)
    fused = passage.fuse(str(uuid4()), template(0, 1), 0.0)
    assert fused == pytest.approx(template(1, 1), abs=1e-6)


def test_a_capture_sent_again_does_not_weigh_twice():
    passage = Passage()
    first = str(uuid4())
    passage.fuse(first, template(1, 0), 0.5)
    passage.fuse(first, template(1, 0), 0.5)
    fused = passage.fuse(str(uuid4()), template(0, 1), 0.5)
    assert fused == pytest.approx(template(1, 1), abs=1e-6)


def test_opposite_templates_do_not_divide_by_zero():
    passage = Passage()
    passage.fuse(str(uuid4()), template(1, 0), 0.5)
    assert passage.fuse(str(uuid4()), template(-1, 0), 0.5) == pytest.approx(template(-1, 0))


def test_an_idle_track_is_forgotten_and_begins_anew():
    passages = Passages(idle_s=60)
    passages.at("cam", "cam/run/1", NOON).add(str(uuid4()), template(1, 0), 0.5, None)
    passages.at("cam", "cam/run/2", NOON + timedelta(seconds=61))
    assert len(passages) == 1
    assert not passages.at("cam", "cam/run/1", NOON + timedelta(seconds=62)).passages


def test_the_least_recently_used_track_of_a_camera_goes_when_there_are_too_many():
    passages = Passages(idle_s=60, most_each=2)
    passages.at("cam", "a", NOON).add(str(uuid4()), template(1, 0), 0.5, None)
    passages.at("cam", "b", NOON).add(str(uuid4()), template(1, 0), 0.5, None)
    passages.at("cam", "a", NOON)
    passages.at("cam", "c", NOON)
    assert passages.at("cam", "a", NOON).passages
    assert not passages.at("cam", "b", NOON).passages


def test_a_camera_that_begins_many_tracks_does_not_make_the_others_forgotten():
    passages = Passages(idle_s=60, most_each=3)
    passages.at("modest", "1", NOON).add(str(uuid4()), template(1, 0), 0.5, None)
    for number in range(100):
        passages.at("greedy", str(number), NOON)
    assert passages.at("modest", "1", NOON).passages
    assert len(passages) == 4


def test_tracks_of_one_key_at_two_cameras_are_two():
    passages = Passages(idle_s=60)
    passages.at("one", "1", NOON).add(str(uuid4()), template(1, 0), 0.5, None)
    assert not passages.at("other", "1", NOON).passages


def test_passages_of_a_camera_that_sends_nothing_more_end_within_a_second_of_others_captures():
    over = list[str]()
    passages = Passages(idle_s=60, ended=lambda camera_id, _: over.append(camera_id))
    for camera_id in ("quiet", "other"):
        state = passages.at(camera_id, "1", NOON).add(str(uuid4()), template(1, 0), 0.5, None)
        state.passage.score = PassageScore(0.4, reached=False, templates=1, model_version="m")
    passages.at("other", "2", NOON + timedelta(seconds=59.5))
    passages.at("other", "2", NOON + timedelta(seconds=60.4))
    assert over == ["other"], "its own camera is looked at with each capture"
    passages.at("other", "2", NOON + timedelta(seconds=60.5))
    assert over == ["other", "quiet"]
    assert len(passages) == 1


def test_a_clock_that_is_set_back_keeps_no_camera_from_being_looked_at():
    over = list[str]()
    passages = Passages(idle_s=60, ended=lambda camera_id, _: over.append(camera_id))
    passages.at("other", "1", NOON + timedelta(hours=1))
    state = passages.at("quiet", "1", NOON).add(str(uuid4()), template(1, 0), 0.5, None)
    state.passage.score = PassageScore(0.4, reached=False, templates=1, model_version="m")
    passages.at("other", "2", NOON + timedelta(seconds=61))
    assert over == ["quiet"]
