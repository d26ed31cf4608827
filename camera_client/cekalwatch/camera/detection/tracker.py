"""Joins the faces of successive frames into tracks: one track is one passage of a traveller below the camera.

Each track is a Kalman filter of even motion (Kalman, "A New Approach to Linear Filtering and Prediction Problems",
1960), and the faces of a frame are assigned to the tracks so that all pairs together are the most likely. Boxes need
not overlap: at four detections a second a walker's face is two faces further on. Where places leave it open, colours
decide: a face that appears where another was lost is another person if it is dressed otherwise. It knows no identities:
only the server compares people.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import lap
import numpy as np
from numpy.typing import NDArray

from cekalwatch.camera.detection.colours import Colours, evidence
from cekalwatch.vision.faces import Face

# Distances in face sizes (the root of a box's area, about 0.2 m of a real face). Fitted on 21 composed scenes with a
# detection in each frame to each fourth at 15 a second; `benchmarks/camera/tracking.py` measures on others.
NOISE: Final = 0.15
"""The distance of a box from the face: standard deviation."""
SPEED: Final = 12.0
"""Speed of a face that was seen once: standard deviation per second. People walk up to 1.5 m/s, seven face sizes; this
is wider, because a short distance is no more likely than a long one."""
UNREST: Final = 10.0
"""How much the variance of a face's speed grows in a second: people turn, stop and nod."""
SIZE_NOISE: Final = 0.1
"""How much a box's size differs from the last one's: standard deviation of the logarithm."""
SIZE_NOISE_PER_S: Final = 0.15
"""Added for each second in which a person approaches undetected."""
UNPAIRED_COST: Final = 18.0
"""Cost of leaving a face without a track; a pair that costs more is not made."""
MAX_DISTANCE: Final = 3.5
"""The largest distance of a face from its expected place."""
NEW_COLOURS: Final = 0.3
"""How much a track's colours become those of the newest face."""


@dataclass(frozen=True)
class Update:
    """The effect of a frame on the tracks."""

    tracks: tuple[int, ...]
    """The track of each face, in the order in which the faces were given."""
    ended: tuple[int, ...]
    """Tracks that are over."""


class _Spread(NamedTuple):
    """How uncertain a track's place and motion are: covariances, the same across and down."""

    place: float
    both: float
    motion: float

    def after(self, passed_s: float) -> _Spread:
        """Return the spread after `passed_s` unseen seconds (white noise changes the motion)."""
        return _Spread(
            self.place + 2 * passed_s * self.both + passed_s**2 * self.motion + UNREST * passed_s**3 / 3,
            self.both + passed_s * self.motion + UNREST * passed_s**2 / 2,
            self.motion + UNREST * passed_s,
        )

    def of_box(self) -> float:
        """Return the variance of where the box will be."""
        return self.place + NOISE**2

    def seen(self) -> _Spread:
        """Return the spread after the face was seen."""
        kept = NOISE**2 / self.of_box()
        return _Spread(self.place * kept, self.both * kept, self.motion - self.both**2 / self.of_box())


@dataclass
class _Track:
    number: int
    centre: NDArray[np.float64]
    size: float
    """Root of the box's area, pixels."""
    seen_at_s: float
    colours: Colours
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    """Pixels a second."""
    spread: _Spread = field(default_factory=lambda: _Spread(NOISE**2, 0.0, SPEED**2))

    def expected(self, at_s: float) -> NDArray[np.float64]:
        return self.centre + self.velocity * (at_s - self.seen_at_s)

    def cost(self, centre: NDArray[np.float64], size: float, at_s: float) -> float:
        """Return the cost of assigning the face to this track, at least 0; infinity if it is impossible.

        It is twice the negative log-likelihood, so a track with a certain position comes before an uncertain one.
        """
        passed_s = at_s - self.seen_at_s
        off = (centre - self.expected(at_s)) / math.sqrt(size * self.size)
        distance = float(off @ off)
        if distance > MAX_DISTANCE**2:
            return math.inf
        variance = self.spread.after(passed_s).of_box()
        growth = math.log(size / self.size) / (SIZE_NOISE + SIZE_NOISE_PER_S * passed_s)
        return distance / variance + 2 * math.log(variance / NOISE**2) + growth**2

    def has_left(self, view: tuple[int, int], at_s: float) -> bool:
        """Whether the face is expected outside the view by half its size, or more."""
        expected = self.expected(at_s)
        return bool((expected < -self.size / 2).any() or (expected > np.array(view) + self.size / 2).any())

    def see(self, centre: NDArray[np.float64], size: float, at_s: float, colours: Colours) -> None:
        spread = self.spread.after(at_s - self.seen_at_s)
        off = centre - self.expected(at_s)
        self.centre = self.expected(at_s) + spread.place / spread.of_box() * off
        self.velocity = self.velocity + spread.both / spread.of_box() * off
        self.spread = spread.seen()
        self.size = math.sqrt(self.size * size)
        self.seen_at_s = at_s
        mixed = (1 - NEW_COLOURS) * self.colours + NEW_COLOURS * colours
        self.colours = np.where(np.isnan(mixed), np.where(np.isnan(colours), self.colours, colours), mixed)


class Tracker:
    """Owned by one thread. The same faces at the same times give the same tracks."""

    def __init__(self, max_miss_s: float = 1.0) -> None:
        """`max_miss_s`: a track is over when it was not seen for longer than this, seconds of the source."""
        self._max_miss_s = max_miss_s
        self._tracks: list[_Track] = []
        self._last_number = 0

    @property
    def alive(self) -> int:
        """How many tracks are not over."""
        return len(self._tracks)

    def expected(self, number: int, at_s: float) -> tuple[float, float] | None:
        """Return where the centre of a track's face should be at `at_s`, pixels; None if the track is over."""
        for track in self._tracks:
            if track.number == number:
                x, y = track.expected(at_s)
                return float(x), float(y)
        return None

    def update(self, faces: Sequence[Face], colours: Sequence[Colours], view: tuple[int, int], at_s: float) -> Update:
        """Take the faces of the frame at `at_s` (see `Frame.at_s`), which must not go back, and their colours.

        `view`: width and height of the frame.

        A track ends when it was not seen for too long, or when its face must have left the view: a face that enters
        there is another person.
        """
        over = [at_s - track.seen_at_s > self._max_miss_s or track.has_left(view, at_s) for track in self._tracks]
        ended = tuple(track.number for track, is_over in zip(self._tracks, over, strict=True) if is_over)
        self._tracks = [track for track, is_over in zip(self._tracks, over, strict=True) if not is_over]
        places = [_place(face) for face in faces]
        found: dict[int, _Track] = {}
        if faces and self._tracks:
            costs = np.array([[track.cost(*place, at_s) for place in places] for track in self._tracks])
            costs += evidence(np.array([track.colours for track in self._tracks])[:, None], np.array(colours))
            # For each track the number of its face, -1 for none, so that the sum of costs is least.
            _, columns, _ = lap.lapjv(np.minimum(costs, UNPAIRED_COST), extend_cost=True)
            for row, column in enumerate(map(int, columns)):
                if column >= 0 and costs[row, column] < UNPAIRED_COST:
                    found[column] = self._tracks[row]
                    found[column].see(*places[column], at_s, colours[column])
        for column, place in enumerate(places):
            if column not in found:
                self._last_number += 1
                found[column] = _Track(self._last_number, *place, at_s, colours[column])
                self._tracks.append(found[column])
        return Update(tuple(found[i].number for i in range(len(faces))), ended)

    def end(self) -> tuple[int, ...]:
        """End all tracks, because the source has ended; return them."""
        ended = tuple(track.number for track in self._tracks)
        self._tracks = []
        return ended


def _place(face: Face) -> tuple[NDArray[np.float64], float]:
    centre = np.array([(face.left + face.right) / 2, (face.top + face.bottom) / 2])
    return centre, math.sqrt(max(1.0, face.width) * max(1.0, face.height))
