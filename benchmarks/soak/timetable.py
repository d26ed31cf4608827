"""Who passes when in a quarter of the soak: sixty people a minute at random, each seen by a camera in some crops.

All quarters have the same one, with other people. Of two thirty minutes of chance, one can have twice as many alerts
that meet another as the other, and these come twice as late, whatever the server does.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, cycle
from operator import attrgetter

from benchmarks.chaos.people import Traveller
from benchmarks.soak.travellers import Public

ARRIVALS_PER_MINUTE = 60.0
LISTED_SHARE = 0.1
"""Far more than any port has: so that officers have something to do."""
CROPS = (2, 5)
"""Fewest and most crops of a passage."""
CROP_EVERY_S = 0.4


@dataclass(frozen=True)
class Crop:
    """What a camera sees."""

    at_s: float
    """Since the quarter began."""
    passage: int
    """Its number within the quarter, from 0."""
    arrives: bool
    """Whether it is the first crop of its passage."""
    listed: bool
    camera_id: str
    traveller: Traveller
    score: float
    noise: int


def timetables(people: Public, cameras: Sequence[str], length_s: float, seed: str) -> Iterator[list[Crop]]:
    """Yield all crops of a quarter of this length, the first one first, for one quarter after another.

    Each of the `people` passes once; when all have, they begin again: who comes again too soon joins an alert.
    """
    turns = {True: cycle(people.listed), False: cycle(people.strangers)}
    while True:
        yield _quarter(turns, cameras, length_s, random.Random(seed))  # noqa: S311  # who passes, no secret


def _quarter(
    turns: Mapping[bool, Iterator[Traveller]], cameras: Sequence[str], length_s: float, chance: random.Random
) -> list[Crop]:
    crops: list[Crop] = []
    arrives_s = 0.0
    for passage in count():
        listed = chance.random() < LISTED_SHARE
        traveller, camera_id = next(turns[listed]), chance.choice(cameras)
        seen_s = [arrives_s + number * CROP_EVERY_S for number in range(chance.randint(*CROPS))]
        if seen_s[-1] >= length_s:
            break
        crops += [
            Crop(
                at_s=at_s,
                passage=passage,
                arrives=at_s == arrives_s,
                listed=listed,
                camera_id=camera_id,
                traveller=traveller,
                score=chance.uniform(0.5, 0.95),
                noise=chance.randrange(2**32),
            )
            for at_s in seen_s
        ]
        arrives_s += chance.expovariate(ARRIVALS_PER_MINUTE / 60)
    return sorted(crops, key=attrgetter("at_s"))
