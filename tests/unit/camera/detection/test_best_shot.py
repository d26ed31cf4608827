"""Which crops of a passage go, and when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from cekalwatch.camera.detection.best_shot import LATER_GAP_S, BestShots
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import FaceCapture, FaceQuality
from tests.support.builders.camera import BEGIN, face_at, quality_of

PICTURE = np.zeros((300, 300, 3), np.uint8)
FACE = face_at(150, 150, 160)


def frame(at_s: float) -> Frame:
    return Frame(PICTURE, BEGIN + timedelta(seconds=at_s), at_s)


def pass_by(
    shots: BestShots, seconds: float, score: Callable[[float], float], track: int = 1, fps: int = 25
) -> tuple[list[FaceCapture], list[FaceCapture]]:
    """Let a traveller pass; return what was sent under way, and at the end."""
    under_way = []
    for number in range(round(seconds * fps)):
        at_s = number / fps
        shot = shots.offer(track, frame(at_s), FACE, quality_of(score(at_s)))
        if shot:
            under_way.append(shot)
    return under_way, shots.end(track)


def seconds_of(shots: list[FaceCapture]) -> list[float]:
    return [(shot.captured_at - BEGIN).total_seconds() for shot in shots]


def test_the_first_usable_shot_goes_at_once() -> None:
    shot = BestShots(CapturePolicy()).offer(1, frame(0.0), FACE, quality_of(0.3))
    assert shot is not None
    assert shot.captured_at == BEGIN


@pytest.mark.parametrize(
    "quality",
    [
        quality_of(0.9, yaw=51),
        quality_of(0.9, yaw=-51),
        quality_of(0.9, pitch=46),
        quality_of(0.9, pitch=-46),
        quality_of(0.0),
    ],
)
def test_a_face_turned_away_or_without_quality_is_not_used(quality: FaceQuality) -> None:
    assert BestShots(CapturePolicy()).offer(1, frame(0.0), FACE, quality) is None


def test_a_small_or_doubtful_face_is_not_used() -> None:
    shots = BestShots(CapturePolicy(min_eye_distance_px=32, min_detector_score=0.7))
    assert not shots.wants(1, face_at(150, 150, 78))
    assert shots.wants(1, face_at(150, 150, 82))
    assert not shots.wants(1, face_at(150, 150, 100, score=0.69))


@pytest.mark.parametrize("most", [1, 2, 5, 20])
@pytest.mark.parametrize("seconds", [0.04, 0.5, 3.0, 60.0])
def test_a_passage_never_has_more_crops_than_the_policy_allows(most: int, seconds: float) -> None:
    under_way, at_end = pass_by(
        BestShots(CapturePolicy(max_crops_per_track=most)), seconds, lambda t: 0.1 + 0.5 * t / 60
    )
    assert 1 <= len(under_way) + len(at_end) <= most


def test_a_passage_of_some_seconds_gives_all_its_crops_spread_in_time() -> None:
    under_way, at_end = pass_by(BestShots(CapturePolicy()), 4.0, lambda _: 0.6)
    times = sorted(seconds_of(under_way + at_end))
    assert len(times) == 5
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.12
    assert len(under_way) == 3


def test_a_short_passage_gives_the_rest_at_its_end_best_first() -> None:
    under_way, at_end = pass_by(BestShots(CapturePolicy()), 1.0, lambda t: 0.5 + 0.1 * t)
    assert len(under_way) + len(at_end) >= 4
    scores = [shot.quality.score for shot in at_end]
    assert scores == sorted(scores, reverse=True)


def test_of_someone_approaching_the_best_moment_is_among_the_crops() -> None:
    under_way, at_end = pass_by(BestShots(CapturePolicy()), 6.0, lambda t: 0.1 + 0.13 * t)
    assert max(shot.quality.score for shot in under_way + at_end) == pytest.approx(0.1 + 0.13 * 5.96)


def test_a_much_better_shot_goes_before_its_time() -> None:
    shots = BestShots(CapturePolicy())
    assert shots.offer(1, frame(0.0), FACE, quality_of(0.2))
    assert shots.offer(1, frame(0.04), FACE, quality_of(0.9)) is None  # the same moment, still
    assert shots.offer(1, frame(0.24), FACE, quality_of(0.6)) is not None


def test_for_someone_who_stays_a_clearly_better_last_shot_goes_while_he_is_there() -> None:
    under_way, _ = pass_by(BestShots(CapturePolicy()), 30.0, lambda t: 0.3 if t < 20 else 0.9)
    assert len(under_way) == 5
    assert 20 <= seconds_of(under_way)[-1] < 26


def test_poor_crops_are_not_sent_only_because_there_is_room_but_for_the_one_of_who_is_there_last() -> None:
    under_way, at_end = pass_by(BestShots(CapturePolicy()), 5.0, lambda t: 0.8 if t < 0.3 else 0.2)
    poor_s = [
        at_s
        for at_s, shot in zip(seconds_of(under_way + at_end), under_way + at_end, strict=True)
        if shot.quality.score == 0.2
    ]
    assert len(poor_s) == 1
    assert poor_s[0] >= 4


def test_passages_are_counted_once_each_and_only_when_something_was_sent() -> None:
    shots = BestShots(CapturePolicy())
    pass_by(shots, 3.0, lambda _: 0.5, track=1)
    pass_by(shots, 3.0, lambda _: 0.5, track=2)
    shots.offer(3, frame(0.0), FACE, quality_of(0.9, yaw=80))
    assert shots.passages == 2


def test_a_stricter_policy_counts_from_the_next_face_on() -> None:
    shots = BestShots(CapturePolicy(max_crops_per_track=5))
    assert shots.offer(1, frame(0.0), FACE, quality_of(0.5))
    assert shots.offer(1, frame(0.3), FACE, quality_of(0.4)) is None  # held
    shots.policy = CapturePolicy(max_crops_per_track=1)
    assert shots.end(1) == []


def test_a_track_that_is_unknown_ends_without_a_word() -> None:
    assert BestShots(CapturePolicy()).end(99) == []


def test_a_track_that_goes_over_to_another_person_late_still_has_a_crop_for_them() -> None:
    """The second face is worse lit than the first, and stays for longer than the first did."""
    under_way, at_end = pass_by(BestShots(CapturePolicy()), 20.0, lambda t: 0.8 if t < 4 else 0.3)
    seconds = seconds_of(under_way)
    assert [at_s for at_s in seconds if 4 <= at_s < 4 + LATER_GAP_S], "while they are there"
    assert len(under_way) + len(at_end) <= 5


def test_a_track_that_goes_over_to_another_person_and_ends_gives_a_crop_of_its_last_second() -> None:
    _, at_end = pass_by(BestShots(CapturePolicy()), 4.0, lambda t: 0.8 if t < 3 else 0.3)
    assert [at_s for at_s in seconds_of(at_end) if at_s >= 3]


def test_of_many_crops_a_quarter_is_kept_for_later() -> None:
    under_way, _ = pass_by(BestShots(CapturePolicy(max_crops_per_track=20)), 120.0, lambda _: 0.5)
    seconds = seconds_of(under_way)
    assert len([at_s for at_s in seconds if at_s < 50]) <= 15
    assert max(seconds) > 60
