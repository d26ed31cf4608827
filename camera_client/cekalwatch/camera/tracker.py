"""Joins the faces of successive frames into tracks: one track is one passage of a traveller below the camera.

Own and small: constant motion, optimal assignment on overlap, distance and size. It knows no identities: who looks like
whom is the server's business, and none of the camera's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cekalwatch.camera.assignment import assign
from cekalwatch.vision.faces import Face

# Distances in face sizes (the root of a box's area, about 0.2 m of a real face).
STILL_GATE = 0.5
"""How far from its prediction a face may be found when no time passes: the detector's own noise."""
NEW_GATE_PER_S = 7.0
"""A track seen once has no known motion: people walk up to 1.5 m/s, seven face sizes a second."""
KNOWN_GATE_PER_S = 3.0
"""How wrong a known motion can become within a second."""
WIDEST_GATE = 1.8
MOST_SIZE_RATIO = 2.0
UNPAIRED_COST = 2.5
"""What leaving a face without its track costs, against overlap, distance and size of a pair that is possible."""
POSITION_GAIN = 0.8
LEAST_VELOCITY_GAIN = 0.3


class Sighting(NamedTuple):
    """A face of the current frame and its track."""

    track: int
    face: Face


@dataclass(frozen=True)
class Update:
    """What a frame did to the tracks."""

    sightings: tuple[Sighting, ...]
    """In the order of the faces that were given."""
    ended: tuple[int, ...]
    """Tracks that are over."""


@dataclass
class _Track:
    number: int
    centre: NDArray[np.float64]
    extent: NDArray[np.float64]
    """Width and height."""
    seen_at_s: float
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    """Pixels a second."""
    hits: int = 1

    def predicted(self, at_s: float) -> NDArray[np.float64]:
        return self.centre + self.velocity * (at_s - self.seen_at_s)

    def gate(self, at_s: float) -> float:
        speed = NEW_GATE_PER_S if self.hits == 1 else KNOWN_GATE_PER_S
        return min(WIDEST_GATE, STILL_GATE + speed * (at_s - self.seen_at_s))

    def see(self, centre: NDArray[np.float64], extent: NDArray[np.float64], at_s: float) -> None:
        passed_s = at_s - self.seen_at_s
        expected = self.predicted(at_s)
        off = centre - expected
        self.centre = expected + POSITION_GAIN * off
        self.extent = 0.5 * self.extent + 0.5 * extent
        if passed_s > 0:
            # The first step tells all that is known of the motion; later ones are averaged, for boxes tremble.
            self.velocity = self.velocity + max(LEAST_VELOCITY_GAIN, 1 / self.hits) * off / passed_s
        self.seen_at_s = at_s
        self.hits += 1


class Tracker:
    """Owned by one thread. The same faces at the same times give the same tracks."""

    def __init__(self, max_miss_s: float = 1.0) -> None:
        """`max_miss_s`: for how long a track may stay unseen before it is over, seconds of the source."""
        self._max_miss_s = max_miss_s
        self._tracks: list[_Track] = []
        self._last_number = 0

    def update(self, faces: Sequence[Face], at_s: float) -> Update:
        """Take the faces of the frame at `at_s` (see `Frame.at_s`), which must not go back."""
        ended = tuple(track.number for track in self._tracks if at_s - track.seen_at_s > self._max_miss_s)
        self._tracks = [track for track in self._tracks if track.number not in ended]
        places = [_place(face) for face in faces]
        found: dict[int, _Track] = {}
        if faces and self._tracks:
            costs = np.array([[_cost(track, *place, at_s) for place in places] for track in self._tracks])
            for row, column in assign(np.minimum(costs, UNPAIRED_COST)):
                if costs[row, column] < UNPAIRED_COST:
                    found[column] = self._tracks[row]
                    found[column].see(*places[column], at_s)
        for column, (centre, extent) in enumerate(places):
            if column not in found:
                self._last_number += 1
                found[column] = _Track(self._last_number, centre, extent, at_s)
                self._tracks.append(found[column])
        return Update(tuple(Sighting(found[i].number, face) for i, face in enumerate(faces)), ended)

    def end(self) -> tuple[int, ...]:
        """End all tracks, because the source has ended; return them."""
        ended = tuple(track.number for track in self._tracks)
        self._tracks = []
        return ended


def _place(face: Face) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    centre = np.array([(face.left + face.right) / 2, (face.top + face.bottom) / 2])
    return centre, np.maximum(np.array([face.width, face.height]), 1.0)


def _cost(track: _Track, centre: NDArray[np.float64], extent: NDArray[np.float64], at_s: float) -> float:
    """Return 0 for a face just where and as large as expected, infinity for one that cannot be it."""
    expected = track.predicted(at_s)
    size, expected_size = float(np.sqrt(extent.prod())), float(np.sqrt(track.extent.prod()))
    ratio = max(size, expected_size) / min(size, expected_size)
    distance = float(np.linalg.norm(centre - expected)) / ((size + expected_size) / 2)
    if distance > track.gate(at_s) or ratio > MOST_SIZE_RATIO:
        return float("inf")
    overlap = np.minimum(centre + extent / 2, expected + track.extent / 2) - np.maximum(
        centre - extent / 2, expected - track.extent / 2
    )
    common = float(np.maximum(overlap, 0).prod())
    iou = common / (float(extent.prod() + track.extent.prod()) - common)
    return distance * 0.5 + (1 - iou) + float(np.log(ratio))
