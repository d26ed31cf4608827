"""People who walk before a camera along known ways: who is where, when and how large. It knows no pictures.

Scenes are made to be hard for a tracker: people cross, walk behind one another, come in together, stop, turn back, and
one comes in where another has just left. The same seed gives the same scene.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from deploy.demo.scene import Place

SIZE: Final = (1280, 720)
"""Width and height of a frame, pixels."""
FRAME_RATE: Final = 15
BOB: Final = 0.06
"""How far a walker's head goes up and down, in eye distances."""
STEPS_PER_S: Final = 1.8


@dataclass(frozen=True)
class Light:
    """How a walker looks to the camera."""

    gain: float = 1.0
    """Factor on the colours at the begin."""
    last_gain: float = 1.0
    """The same at the end."""
    shutter_s: float = 0.01
    """For how long the shutter is open: a moving face is smeared by what it moves meanwhile."""
    focus_px: float = 45.0
    """Eye distance at which the lens is sharp; nearer and further away it is less so."""
    defocus: float = 0.0
    """Blur far from focus, standard deviation in pixels."""


@dataclass(frozen=True)
class Passage:
    """One way of one person through the view."""

    person: int
    stations: tuple[tuple[float, Place], ...]
    """Seconds of the scene, rising, and where the person is then; straight lines between them."""
    light: Light = Light()

    @property
    def begin_s(self) -> float:
        """When the person comes."""
        return self.stations[0][0]

    @property
    def end_s(self) -> float:
        """When the person is gone."""
        return self.stations[-1][0]

    def share(self, second: float) -> float:
        """How much of the passage is over."""
        return (second - self.begin_s) / (self.end_s - self.begin_s)

    def at(self, second: float) -> Place | None:
        """Return the place at a moment of the scene, or None when the person is not there."""
        for (before_s, before), (after_s, after) in pairwise(self.stations):
            if before_s <= second < after_s:
                part = (second - before_s) / (after_s - before_s)
                eye_distance = before.eye_distance + part * (after.eye_distance - before.eye_distance)
                step = BOB * eye_distance * float(np.sin(2 * np.pi * STEPS_PER_S * second + self.person))
                return Place(
                    before.x + part * (after.x - before.x), before.y + part * (after.y - before.y) + step, eye_distance
                )
        return None

    def velocity(self, second: float, within_s: float = 0.02) -> tuple[float, float]:
        """Return how fast the face moves, pixels a second."""
        here, there = self.at(second), self.at(second + within_s)
        if here is None or there is None:
            return 0.0, 0.0
        return (there.x - here.x) / within_s, (there.y - here.y) / within_s


@dataclass(frozen=True)
class Scene:
    """Passages before one camera."""

    passages: tuple[Passage, ...]
    seed: int
    size: tuple[int, int] = SIZE

    @property
    def frames(self) -> int:
        """How many frames show it: until everybody is gone, and half a second more."""
        return round((max(passage.end_s for passage in self.passages) + 0.5) * FRAME_RATE)


Way = tuple[tuple[float, Place], ...]
Dice = np.random.Generator


def _across(dice: Dice, begin_s: float) -> list[Way]:
    """One walks from one side to the other."""
    size, y = dice.uniform(16, 60), dice.uniform(150, 420)
    ends = (-2.0 * size, SIZE[0] + 2.0 * size)
    begin_x, end_x = ends if dice.random() < 0.5 else ends[::-1]
    # 0.8 to 1.5 m/s; eyes are 63 mm apart.
    seconds = abs(end_x - begin_x) / (size * dice.uniform(12, 24))
    end_size = size * dice.uniform(0.85, 1.18)
    return [
        ((begin_s, Place(begin_x, y, size)), (begin_s + seconds, Place(end_x, y + dice.uniform(-30, 30), end_size)))
    ]


def _crossing(dice: Dice, begin_s: float) -> list[Way]:
    """Two walk towards each other at about the same height, and one hides the other."""
    size = dice.uniform(22, 50)
    y = dice.uniform(180, 400)
    ways: list[Way] = []
    for to_right in (True, False):
        own = size * dice.uniform(0.88, 1.14)
        ends = (-2.0 * own, SIZE[0] + 2.0 * own)
        begin_x, end_x = ends if to_right else ends[::-1]
        seconds = (SIZE[0] + 4 * own) / (own * dice.uniform(12, 20))
        own_y = y + dice.uniform(-0.5, 0.5) * own
        ways.append(((begin_s, Place(begin_x, own_y, own)), (begin_s + seconds, Place(end_x, own_y, own))))
    return ways


def _approaching(dice: Dice, begin_s: float) -> list[Way]:
    """One comes towards the camera, and out of its view below or at a side."""
    x, y = dice.uniform(300, 980), dice.uniform(120, 220)
    begin_size, end_size = dice.uniform(15, 22), dice.uniform(60, 100)
    end_x = x + dice.uniform(-380, 380)
    seconds = dice.uniform(3.0, 5.5)
    # Things grow with one over the distance, and the walker's speed is even.
    shares = np.linspace(0, 1, 8)
    sizes = 1 / ((1 - shares) / begin_size + shares / end_size)
    ways = (sizes - begin_size) / (end_size - begin_size)
    return [
        tuple(
            (begin_s + share * seconds, Place(x + way * (end_x - x), y + way * (430 - y), float(size)))
            for share, way, size in zip(shares, ways, sizes, strict=True)
        )
    ]


def _together(dice: Dice, begin_s: float) -> list[Way]:
    """Two come in side by side, or one close behind the other, and walk the same way."""
    (way,) = _approaching(dice, begin_s) if dice.random() < 0.5 else _across(dice, begin_s)
    beside, behind = float(dice.uniform(2.2, 3.2) * dice.choice([-1, 1])), float(dice.uniform(-0.6, 0.6))
    smaller = dice.uniform(0.86, 0.97)
    other = tuple(
        (
            second,
            Place(
                place.x + beside * place.eye_distance,
                place.y + behind * place.eye_distance,
                smaller * place.eye_distance,
            ),
        )
        for second, place in way
    )
    return [way, other]


def _stopping(dice: Dice, begin_s: float) -> list[Way]:
    """One walks up, stands a while, and goes on or turns back; another passes before him."""
    size, x, y = dice.uniform(26, 44), dice.uniform(400, 880), dice.uniform(200, 360)
    stay_s = dice.uniform(1.5, 3.0)
    from_left, turns = dice.random() < 0.5, dice.random() < 0.5
    outside = -2.0 * size if from_left else SIZE[0] + 2.0 * size
    far = outside if turns else SIZE[0] - outside
    walk_s, leave_s = abs(x - outside) / (size * 16), abs(x - far) / (size * 16)
    standing_s = begin_s + walk_s
    stayer: Way = (
        (begin_s, Place(outside, y, size)),
        (standing_s, Place(x, y, size)),
        (standing_s + stay_s, Place(x, y, size)),
        (standing_s + stay_s + leave_s, Place(far, y, size)),
    )
    larger = size * dice.uniform(1.1, 1.4)
    seconds = (SIZE[0] + 4 * larger) / (larger * dice.uniform(13, 18))
    passing_s = max(0.0, standing_s + stay_s / 2 - seconds * 0.5)
    ends = (-2.0 * larger, SIZE[0] + 2.0 * larger)
    first, last = ends if dice.random() < 0.5 else ends[::-1]
    height = y + dice.uniform(-0.3, 0.5) * size
    return [stayer, ((passing_s, Place(first, height, larger)), (passing_s + seconds, Place(last, height, larger)))]


def _one_after_the_other(dice: Dice, begin_s: float) -> list[Way]:
    """One leaves at a side, and another comes in there, 1.3 s later."""
    size, y = dice.uniform(25, 55), dice.uniform(180, 380)
    outside = -2.0 * size if dice.random() < 0.5 else SIZE[0] + 2.0 * size
    inside = float(SIZE[0] / 2)
    seconds = abs(outside - inside) / (size * 15)
    turned_s = begin_s + seconds
    gone_s = turned_s + seconds
    first: Way = (
        (begin_s, Place(SIZE[0] - outside, y, size)),
        (turned_s, Place(inside, y, size)),
        (gone_s, Place(outside, y, size)),
    )
    come_s = gone_s + 1.0
    second: Way = ((come_s, Place(outside, y, size)), (come_s + 2 * seconds, Place(SIZE[0] - outside, y, size)))
    return [first, second]


HAPPENINGS: Final[tuple[Callable[[Dice, float], list[Way]], ...]] = (
    *(_across, _crossing, _approaching, _together, _stopping, _one_after_the_other),
)


def crowd(seed: int, people: int, happenings: int = 6, every_s: float = 1.6) -> Scene:
    """Return a scene of `happenings`, one each `every_s`, whose people are numbers below `people`, each once."""
    dice = np.random.default_rng(seed)
    order = dice.permutation(people)
    passages: list[Passage] = []
    kinds = [HAPPENINGS[(seed + number) % len(HAPPENINGS)] for number in range(happenings)]
    for number, kind in enumerate(kinds):
        for way in kind(dice, 0.3 + number * every_s + float(dice.uniform(0, 0.5))):
            passages.append(Passage(int(order[len(passages)]), way, _light(dice)))
    return Scene(tuple(passages), seed)


def _light(dice: Dice) -> Light:
    gain = float(dice.uniform(0.55, 1.15))
    return Light(gain, gain * float(dice.uniform(0.7, 1.3)), float(dice.uniform(0.003, 0.025)), 45.0, 1.0)


TAKEOVERS: Final = 4
"""Places in the view at which somebody takes another's place."""
FACE: Final = 2.2
"""Width of a face, in eye distances."""


def takeovers(seed: int, people: int) -> Scene:
    """Return a scene of pairs: one stands, is gone, and another appears within two face widths and 0.9 s.

    The even passages are those who come first, each followed by who takes their place.
    """
    dice = np.random.default_rng(seed)
    order = dice.permutation(people)
    passages: list[Passage] = []
    for number in range(TAKEOVERS):
        size = float(dice.uniform(33, 44))
        x, y = SIZE[0] * (number + 0.5) / TAKEOVERS, float(dice.uniform(160, 300))
        begin_s, light = float(dice.uniform(0.2, 0.6)), _light(dice)
        gone_s = begin_s + float(dice.uniform(1.5, 4.0))
        come_s = gone_s + float(dice.uniform(0.1, 0.9))
        off = float(dice.uniform(0.0, 2.0)) * FACE * size * float(dice.choice([-1, 1]))
        first, second = Place(x, y, size), Place(x + off, y, size * float(dice.uniform(0.9, 1.1)))
        for way_from, place, to in ((begin_s, first, gone_s), (come_s, second, come_s + float(dice.uniform(1.5, 3.0)))):
            passages.append(Passage(int(order[len(passages)]), ((way_from, place), (to, place)), light))
    return Scene(tuple(passages), seed)
