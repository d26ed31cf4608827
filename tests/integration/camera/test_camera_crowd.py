"""Passages of composed scenes, whose truth is known, through the real detector: who is who is told by the drawing."""

from __future__ import annotations

from collections import defaultdict

import pytest

from cekalwatch.camera.detection.colours import colours_of
from cekalwatch.camera.detection.tracker import Tracker
from cekalwatch.vision.detectors.factory import open_detector
from tests.support.builders.crowd import SIZE, crowd
from tests.support.scenarios.crowd_pictures import draw, look_of
from tests.support.tools.packs import light_pack
from tests.support.tools.shared import shared_faces


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 2])
def test_people_who_cross_and_come_together_are_a_passage_each(every: int) -> None:
    """Two cross, one comes closer, two come in together; a different photograph each half of the way."""
    detector = open_detector(light_pack(), threads=1)
    folders = [folder for folder in sorted((shared_faces() / "lfw").iterdir()) if len(list(folder.iterdir())) > 1][:5]
    looks = {
        number: [look for file in sorted(folder.iterdir())[:2] if (look := look_of(file, number, detector))]
        for number, folder in enumerate(folders)
    }
    scene, tracker = crowd(seed=1, people=5, happenings=3), Tracker()
    tracks: dict[int, set[int]] = defaultdict(set)
    for at_s, picture, truths in draw(scene, looks, every):
        faces = detector.detect(picture)
        colours = [colours_of(picture, face) for face in faces]
        for track, face in zip(tracker.update(faces, colours, SIZE, at_s).tracks, faces, strict=True):
            nose = face.landmarks[2]
            for truth in truths:
                left, top, right, bottom = truth.box
                if truth.visible > 0.5 and left < nose[0] < right and top < nose[1] < bottom:
                    tracks[truth.passage].add(track)
    assert len(tracks) == len(scene.passages) == 5
    assert all(len(had) == 1 for had in tracks.values()), tracks
    assert len(set.union(*tracks.values())) == 5
