"""A video of people passing a counter, whose truth is known: who is in view, when, and how large.

It knows nothing of lists, cameras or programs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.faces import Picture
from deploy.demo.people import Person
from deploy.demo.sprite import EYE_DISTANCE, EYES, HEIGHT, WIDTH, Sprite, cut_out

SIZE = (1280, 720)
"""Width and height of a frame, pixels."""
FRAME_RATE = 15
NOISE_FRAMES = 5
SOFT_PX = 2
"""How far a lens draws each point, pixels."""


@dataclass(frozen=True)
class Place:
    """The point between the eyes, and the distance between them, all in pixels of the frame."""

    x: float
    y: float
    eye_distance: float


@dataclass(frozen=True)
class Walk:
    """One passage: a straight line from one place to another, in `seconds` from `start_s` on."""

    subject_id: str
    start_s: float
    seconds: float
    begin: Place
    end: Place

    @property
    def end_s(self) -> float:
        """When the person is out of view, seconds from the start of the video."""
        return self.start_s + self.seconds

    def at(self, second: float) -> Place | None:
        """Return the place at a moment of the video, or None when the person is not there."""
        share = (second - self.start_s) / self.seconds
        if not 0 <= share < 1:
            return None
        # Things grow with one over the distance, and the walker's speed is even.
        size = 1 / ((1 - share) / self.begin.eye_distance + share / self.end.eye_distance)
        change = self.end.eye_distance - self.begin.eye_distance
        way = (size - self.begin.eye_distance) / change if abs(change) > 1 else share
        bob = 0.06 * size * np.sin(2 * np.pi * 1.8 * second)
        return Place(
            self.begin.x + way * (self.end.x - self.begin.x),
            self.begin.y + way * (self.end.y - self.begin.y) + float(bob),
            size,
        )


@dataclass(frozen=True)
class Scene:
    """Walks over one background."""

    walks: tuple[Walk, ...]
    seed: int = 1
    lasts_s: float = 0.0
    """Length of the video at least."""
    blinded_s: tuple[float, float] | None = None
    """From when to when the sun shines into the lens, seconds from the start of the video."""

    @property
    def seconds(self) -> float:
        """Length of the video; a second of empty view closes it, so that the last tracks end by themselves."""
        return max([self.lasts_s, *(walk.end_s + 1.0 for walk in self.walks)])

    def is_blinded(self, second: float) -> bool:
        """Whether the sun shines into the lens at a moment of the video."""
        return self.blinded_s is not None and self.blinded_s[0] <= second < self.blinded_s[1]


_PATTERNS = (
    # Seconds, from, to: approaching on the left, on the right, crossing far off, crossing near, coming straight on.
    (5.0, Place(420, 190, 34), Place(250, 330, 88)),
    (4.5, Place(840, 200, 36), Place(1010, 340, 92)),
    (4.5, Place(-160, 230, 46), Place(1440, 250, 50)),
    (4.0, Place(1480, 300, 70), Place(-200, 290, 66)),
    (5.5, Place(640, 185, 33), Place(660, 350, 90)),
)
_GAP_S = 2.9


def people_passing(people: Sequence[Person], again: Sequence[Person] = ()) -> Scene:
    """Let everybody who has passage photographs walk by once, one after another but overlapping, then `again`."""
    walkers = [person for person in (*people, *again) if person.passage_photos]
    walks = []
    for number, person in enumerate(walkers):
        seconds, begin, end = _PATTERNS[number % len(_PATTERNS)]
        walks.append(Walk(person.subject_id, 0.5 + number * _GAP_S, seconds, begin, end))
    return Scene(tuple(walks))


def frames(scene: Scene, people: Sequence[Person]) -> Iterator[Picture]:
    """Draw the scene, frame by frame, FRAME_RATE a second; each is a new BGR picture of SIZE."""
    random = np.random.default_rng(scene.seed)
    hall = _background(random)
    glare = np.clip(hall.astype(np.int16) + 160, 0, 255).astype(np.uint8)
    noises = [_Noise.drawn(random) for _ in range(NOISE_FRAMES)]
    walkers = {walk.subject_id for walk in scene.walks}
    sprites = {
        person.subject_id: [cut_out(photo, number) for photo in person.passage_photos]
        for number, person in enumerate(people)
        if person.subject_id in walkers
    }
    views = {False: _View(hall, noises), True: _View(glare, noises)}
    for index in range(round(scene.seconds * FRAME_RATE)):
        second = index / FRAME_RATE
        present = [(place, walk) for walk in scene.walks if (place := walk.at(second))]
        drawn = []
        for place, walk in sorted(present, key=lambda item: item[0].eye_distance):
            choices = sprites[walk.subject_id]
            # Half the way one photograph, half the next: a passage shows more than one pose.
            share = (second - walk.start_s) / walk.seconds
            drawn.append((choices[min(int(share * len(choices)), len(choices) - 1)], place))
        yield views[scene.is_blinded(second)].with_people(drawn, index % NOISE_FRAMES)


@dataclass(frozen=True, eq=False)
class _Noise:
    """What a sensor adds and takes, two pictures of SIZE, for sums of 8 bits take a tenth of the time of others."""

    more: Picture
    less: Picture

    @classmethod
    def drawn(cls, random: np.random.Generator) -> _Noise:
        noise = (2.5 * random.standard_normal((SIZE[1], SIZE[0], 3), np.float32)).astype(np.int8)
        return cls(np.maximum(noise, 0).astype(np.uint8), np.maximum(-noise, 0).astype(np.uint8))

    def on(self, picture: Picture, rows: slice, columns: slice) -> Picture:
        """Return a part of a picture with the noise there."""
        brighter = cv2.add(picture, self.more[rows, columns])
        return np.asarray(cv2.subtract(brighter, self.less[rows, columns]), dtype=np.uint8)


class _View:
    """An empty hall, in which only what people cover is drawn anew."""

    def __init__(self, hall: Picture, noises: Sequence[_Noise]) -> None:
        self._hall, self._noises, self._all = hall, noises, (slice(0, SIZE[1]), slice(0, SIZE[0]))
        soft = _soft(hall)
        self._empty = [noise.on(soft, *self._all) for noise in noises]

    def with_people(self, people: Sequence[tuple[Sprite, Place]], noise: int) -> Picture:
        """Return a new picture with those people, the last in front."""
        made, sharp = self._empty[noise].copy(), self._hall.copy() if people else self._hall
        areas = [area for sprite, place in people if (area := _draw(sharp, sprite, place))]
        if not areas:
            return made
        # The softness reaches as far, and as far again is needed to know it.
        x0, y0 = (max(0, min(area[side] for area in areas) - SOFT_PX) for side in (0, 1))
        x1, y1 = (min(SIZE[side], max(area[side + 2] for area in areas) + SOFT_PX) for side in (0, 1))
        left, top = max(0, x0 - SOFT_PX), max(0, y0 - SOFT_PX)
        soft = _soft(sharp[top : y1 + SOFT_PX, left : x1 + SOFT_PX])[y0 - top :, x0 - left :][: y1 - y0, : x1 - x0]
        made[y0:y1, x0:x1] = self._noises[noise].on(soft, slice(y0, y1), slice(x0, x1))
        return made


def _soft(picture: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (2 * SOFT_PX + 1, 2 * SOFT_PX + 1), 0.6), dtype=np.uint8)


def write_video(scene: Scene, people: Sequence[Person], file: Path) -> None:
    """Write the scene as an MP4. Raises OSError when OpenCV cannot write it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), FRAME_RATE, SIZE)
    if not writer.isOpened():
        raise OSError(f"OpenCV cannot write {file}")
    try:
        for picture in frames(scene, people):
            writer.write(picture)
    finally:
        writer.release()


def _draw(picture: Picture, sprite: Sprite, place: Place) -> tuple[int, int, int, int] | None:
    """Draw it, and return the area that changed, left, top, right and bottom; None when it is out of view."""
    scale = place.eye_distance / EYE_DISTANCE
    left, top = place.x - EYES[0] * scale, place.y - EYES[1] * scale
    x0, y0 = max(0, int(left)), max(0, int(top))
    x1, y1 = min(SIZE[0], int(left + WIDTH * scale) + 1), min(SIZE[1], int(top + HEIGHT * scale) + 1)
    if x0 >= x1 or y0 >= y1:
        return None
    matrix = np.array([[scale, 0, left - x0], [0, scale, top - y0]])
    size = (x1 - x0, y1 - y0)
    colours = cv2.warpAffine(sprite.colours, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    opacity = cv2.warpAffine(sprite.opacity, matrix, size, flags=cv2.INTER_LINEAR)
    patch = picture[y0:y1, x0:x1]
    patch[:] = cv2.blendLinear(colours, patch, opacity, 1 - opacity)
    return x0, y0, x1, y1


def _background(random: np.random.Generator) -> Picture:
    """A hall: a wall with panels and a band of light, a floor that comes closer, and a counter at the side."""
    width, height = SIZE
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    wall = 176 - 40 * down
    floor = 96 + 60 * down
    horizon = 0.42
    grey = np.where(down < horizon, wall, floor) * np.ones((1, width), np.float32)
    clouds = cv2.resize(random.normal(0, 4, (18, 32)).astype(np.float32), SIZE, interpolation=cv2.INTER_CUBIC)
    tint = np.array([1.0, 0.99, 0.96], np.float32)
    picture: NDArray[np.uint8] = np.clip((grey + clouds)[..., None] * tint, 0, 255).astype(np.uint8)
    line = round(horizon * height)
    for x in range(0, width + 1, 160):
        cv2.line(picture, (x, 0), (x, line), (128, 126, 120), 2, cv2.LINE_AA)
        cv2.line(picture, (x, line), (round(width / 2 + (x - width / 2) * 3), height), (104, 104, 102), 2, cv2.LINE_AA)
    cv2.rectangle(picture, (0, 36), (width, 62), (222, 222, 216), -1)
    cv2.rectangle(picture, (0, line - 6), (width, line + 4), (92, 90, 86), -1)
    cv2.rectangle(picture, (1120, 430), (width, height), (72, 84, 104), -1)
    cv2.rectangle(picture, (1104, 414), (width, 436), (120, 134, 156), -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.5), dtype=np.uint8)
