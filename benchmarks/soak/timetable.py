"""Who passes when in a quarter of the soak: sixty people a minute at random, each seen by a camera in some crops.

All quarters have the same one. Of two thirty minutes of chance, one has twice as many alerts that meet another as the
other, and these come twice as late, whatever the server does.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
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


def timetable(people: Public, cameras: Sequence[str], length_s: float, seed: str) -> list[Crop]:
    """Return all crops of a quarter of this length, the first one first; the same for the same arguments.

    Of each of the `people` the first pass first; when all have, they begin again.
    """
    chance = random.Random(seed)  # noqa: S311  # who passes, no secret
    turns = {True: cycle(people.listed), False: cycle(people.strangers)}
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
