"""Passages in real clips. No clip has known identities, so only what is sure by eye is asserted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.detection.pipeline import Pipeline
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.settings import OneCamera
from cekalwatch.camera.sources.files import FileSource, FramePace, VideoReader
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.vision.detectors.factory import open_detector
from tests.support.tools.packs import light_pack
from tests.support.tools.shared import shared_faces

SMALL_FACES = CapturePolicy(min_eye_distance_px=16)
"""Both clips were taken from further away than a counter's camera is."""


def captures_of(clip: Path) -> list[FaceCapture]:
    clock = SystemClock()
    outbox = Outbox(1000, clock)
    source = FileSource(VideoReader(clip), clip.name, FramePace.UNPACED, clock)
    detector, statistics = open_detector(light_pack(), 1), CameraStatistics(outbox, clock)
    whole_every_s = OneCamera.model_fields["search_whole_seconds"].default
    pipeline = Pipeline(source, detector, Tracker(), outbox, statistics, whole_every_s=whole_every_s)
    pipeline.set_policy(SMALL_FACES)
    pipeline.run()
    captures = []
    while capture := outbox.take():
        captures.append(capture)
        outbox.settle(capture.capture_id)  # without receipts it would soon give out no more
    return captures


@pytest.mark.slow
def test_one_man_who_walks_up_and_away_is_one_passage_with_his_best_moments() -> None:
    captures = captures_of(shared_faces() / "clips" / "one-man-approaching.mp4")
    assert len({capture.track_id for capture in captures}) == 1
    assert len(captures) == SMALL_FACES.max_crops_per_track
    # His face grows from 7 to 26 pixels between the eyes.
    assert max(capture.quality.eye_distance_px for capture in captures) > 23


@pytest.mark.slow
def test_people_in_a_street_are_as_many_passages_as_walk_there() -> None:
    captures = captures_of(shared_faces() / "clips" / "street-1080p.mp4")
    crops = Counter(capture.track_id for capture in captures)
    assert 6 <= len(crops) <= 12
    assert max(crops.values()) == SMALL_FACES.max_crops_per_track
    assert sum(len(capture.jpeg) for capture in captures) / len(crops) == pytest.approx(25_000, rel=0.8)
