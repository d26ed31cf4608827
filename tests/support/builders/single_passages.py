"""One person at a time before a camera, under conditions that change on the way: what a choice of crops is judged by.

Size, pose (by the photographs), light, defocus and smear differ between passages, and from moment to moment of one.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from deploy.demo.scene import Place
from tests.support.builders.crowd import Light, Passage, Scene

SIZE: Final = (480, 480)
"""Width and height of a frame, pixels."""


def single_passage(person: int, seed: int) -> Scene:
    """Return a passage of `person`, two to four seconds long; the same for the same person and seed."""
    dice = np.random.default_rng((seed, person))
    seconds = float(dice.uniform(2.0, 4.0))
    small, large = float(dice.uniform(12, 34)), float(dice.uniform(34, 64))
    kind = dice.random()
    if kind < 0.5:  # walks up, and out of view at a side or below
        shares = np.linspace(0, 1, 8)
        sizes = 1 / ((1 - shares) / small + shares / large)
        ways = (sizes - small) / (large - small)
        x, end_x = dice.uniform(160, 320), dice.uniform(60, 420)
        end_y = dice.uniform(260, 440)
    elif kind < 0.7:  # walks away
        shares = np.linspace(0, 1, 8)
        sizes, ways = large + shares * (small - large), shares
        x, end_x, end_y = dice.uniform(100, 380), dice.uniform(180, 300), dice.uniform(140, 260)
    else:  # crosses
        size = float(dice.uniform(small, large))
        shares = ways = np.array([0.0, 1.0])
        sizes = np.array([size, size * dice.uniform(0.9, 1.1)])
        x, end_x = (-size, SIZE[0] + size) if dice.random() < 0.5 else (SIZE[0] + size, -size)
        end_y = dice.uniform(140, 300)
    y = float(dice.uniform(120, 240))
    way = tuple(
        (float(share * seconds), Place(float(x + part * (end_x - x)), float(y + part * (end_y - y)), float(size)))
        for share, part, size in zip(shares, ways, sizes, strict=True)
    )
    gains = np.exp(dice.uniform(np.log(0.2), np.log(1.9), 2))
    light = Light(
        gain=float(gains[0]),
        last_gain=float(gains[1]),
        shutter_s=float(np.exp(dice.uniform(np.log(0.003), np.log(0.05)))),
        focus_px=float(np.exp(dice.uniform(np.log(16), np.log(64)))),
        defocus=float(dice.uniform(0, 3.5)),
    )
    return Scene((Passage(person, way, light),), seed * 100_003 + person, SIZE)
