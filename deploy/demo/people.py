"""The people of a demonstration: who is on the list and how, and which photographs they have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from cekalwatch.vision.faces import Face, Landmarks, Picture


class Role(Enum):
    """How a person stands on the watchlist of the demonstration."""

    LISTED = "CEGAH, active"
    URGENT = "CEGAH, urgent, active"
    LAPSED = "CEGAH, lapsed"
    TANGKAL = "TANGKAL (entry only)"
    UNLISTED = "not listed"

    @property
    def on_list(self) -> bool:
        """True when the watchlist has an order about the person."""
        return self is not Role.UNLISTED

    @property
    def searched(self) -> bool:
        """True when the person has an order in force, and so is in the gallery."""
        return self not in {Role.UNLISTED, Role.LAPSED}

    @property
    def alerts_on_departure(self) -> bool:
        """True when a departure camera must raise an alert."""
        return self in {Role.LISTED, Role.URGENT}


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph, and where its person's face is in it."""

    picture: Picture
    landmarks: Landmarks

    def __post_init__(self) -> None:
        if self.landmarks.shape != (5, 2):
            raise ValueError("landmarks must have the shape (5, 2)")

    @property
    def eye_distance(self) -> float:
        """Distance between the eyes' centres, pixels."""
        return float(np.linalg.norm(self.landmarks[1] - self.landmarks[0]))

    @property
    def unit(self) -> float:
        """The eye distance that the face would have when seen from the front, pixels.

        A turned head brings the eyes together but leaves the way from eyes to mouth, which is about as long.
        """
        down = self.landmarks[3:5].mean(axis=0) - self.landmarks[0:2].mean(axis=0)
        return max(self.eye_distance, 0.95 * float(np.linalg.norm(down)))

    @classmethod
    def of(cls, picture: Picture, face: Face) -> Photo:
        """Make a photograph of a picture and the face found in it."""
        return cls(picture, np.asarray(face.landmarks, dtype=np.float32))


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody who is on the list, or passes the camera, or both."""

    subject_id: str
    name: str
    sex: str
    role: Role
    list_photo: Photo
    """What the watchlist has, when it has the person."""
    passage_photos: tuple[Photo, ...]
    """How the person looks on passing; empty for somebody who never comes."""
    resembles: str = ""
    """The subject whose photograph this person is so like that they alert as that subject; empty for others."""

    @property
    def must_alert(self) -> bool:
        """Whether a departure camera must raise an alert when the person passes."""
        return self.role.alerts_on_departure or bool(self.resembles)
