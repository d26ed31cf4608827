"""Who passes, and how the cameras see them: faces of the pictures that installed packages have.

Seven people, of whom five are listed at the beginning. Each crop has a noise of its own, so that its bytes are found
wherever they were written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from cekalwatch.contract.values.captures import FaceCapture
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.recognition.packs.installed import Engine
from cekalwatch.vision.faces import Face, FaceDetector, Picture
from deploy.demo.faces import built_in_people
from deploy.demo.people import Person, Photo, Role
from tests.support.builders.camera import capture_of

LISTED = ("S-001", "S-004", "S-005", "S-006")
WANDERER = "S-002"
"""Comes on the list and off it."""
STRANGERS = ("S-003", "S-007")
EXERCISE_PICTURES = 4
AROUND = 1.6
"""How much of its own width a face keeps around it, of which the camera cuts away what it does not need."""
NOISE = 3.0


@dataclass(frozen=True, eq=False)
class Traveller:
    """Somebody who passes."""

    person: Person
    picture: Picture
    face: Face

    @property
    def subject_id(self) -> str:
        """The key on the list, also of who is not on it."""
        return self.person.subject_id

    def seen(self, track: str, score: float, noise: int) -> FaceCapture:
        """Return a crop of this moment, with this noise."""
        chance = np.random.default_rng(noise)
        noisy = self.picture + chance.normal(0, NOISE, self.picture.shape)
        picture = np.clip(noisy, 0, 255).astype(np.uint8)
        return capture_of(track, score, datetime.now(UTC), picture=picture, face=self.face)


def colleague(engine: Engine, people: Mapping[str, Traveller]) -> list[bytes]:
    """Return the pictures of a stranger as of a colleague who agreed to be in exercises: reference and crops.

    The same person passes as a traveller too, and must never alert then.
    """
    seen, enroller = people[STRANGERS[0]], Enroller(engine.detector, engine.recogniser)
    return [enroller.enrol(seen.seen("", 0.5, noise).jpeg).face_jpeg for noise in range(EXERCISE_PICTURES)]


def travellers(detector: FaceDetector) -> dict[str, Traveller]:
    """Return who passes, by key; of each the listed ones have an order for departures in force."""
    found = {}
    for person in built_in_people(detector):
        if not person.passage_photos:
            continue
        role = Role.UNLISTED if person.subject_id in STRANGERS else Role.LISTED
        picture, face = _around(person.passage_photos[0], detector)
        found[person.subject_id] = Traveller(replace(person, role=role), picture, face)
    return found


def _around(photo: Photo, detector: FaceDetector) -> tuple[Picture, Face]:
    """Cut the face with what is around it out of a photograph, and find it there."""
    nose = photo.landmarks[2]
    reach = round(AROUND * 2.2 * photo.eye_distance)
    height, width = photo.picture.shape[:2]
    left, top = max(0, round(nose[0]) - reach), max(0, round(nose[1]) - reach)
    right, bottom = min(width, round(nose[0]) + reach), min(height, round(nose[1]) + reach)
    picture = np.ascontiguousarray(photo.picture[top:bottom, left:right])
    at = nose - np.array([left, top], np.float32)
    faces = detector.detect(picture)
    return picture, min(faces, key=lambda one: float(np.linalg.norm(one.landmarks[2] - at)))
