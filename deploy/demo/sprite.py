"""A person cut out of a photograph: the head as it is, with soft edges, on a drawn body.

Lengths are in eye distances: an adult's head is about 2.4 wide and 3.7 high, shoulders are about 6 wide, and the
eyes are some 25 above the ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.faces import Picture
from deploy.demo.people import Photo

EYE_DISTANCE = 64
"""Distance between the eyes in a sprite, pixels; the drawn size follows from it."""
WIDTH, HEIGHT = 8 * EYE_DISTANCE, 28 * EYE_DISTANCE
EYES = (WIDTH / 2, 2.6 * EYE_DISTANCE)
"""The point between the eyes, pixels from the sprite's top left."""
CLOTHES = ((92, 64, 38), (60, 60, 66), (48, 52, 120), (110, 96, 60), (70, 84, 52), (96, 60, 92), (150, 140, 128))
"""BGR colours of the drawn bodies."""
TROUSERS = (52, 46, 44)

_HEAD_AXES = (1.4, 1.95)
_NECK = ((-0.75, 1.2), (0.75, 1.2), (0.8, 2.3), (-0.8, 2.3))
_TORSO = ((-0.7, 1.9), (-1.1, 2.15), (-2.4, 2.7), (-2.9, 3.6), (-3.3, 9.5), (-2.3, 9.7), (-2.2, 11.5))
_LEG = ((-2.1, 10.5), (-0.1, 10.5), (-0.4, 24.5), (-1.7, 24.5))


@dataclass(frozen=True, eq=False)
class Sprite:
    """Colours, BGR, and opacity, 0 to 1, both (HEIGHT, WIDTH)."""

    colours: Picture
    opacity: NDArray[np.float32]


def cut_out(photo: Photo, clothes: int) -> Sprite:
    """Cut the head out of `photo` and put it on a body in the colour number `clothes`."""
    head, torso, legs = _masks()
    dressed = _blended(_cloth(CLOTHES[clothes % len(CLOTHES)]), _cloth(TROUSERS), torso)
    return Sprite(_blended(_upright(photo), dressed, head), np.maximum(np.maximum(head, torso), legs))


def _blended(front: Picture, back: Picture, opacity: NDArray[np.float32]) -> Picture:
    return np.asarray(cv2.blendLinear(front, back, opacity, 1 - opacity), dtype=np.uint8)


@cache
def _masks() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Where everybody's head, torso and legs are: opacity, (HEIGHT, WIDTH) each."""
    head = _mask(_NECK, 0.12, ellipse=True)
    torso = _mask((*_TORSO, *((-x, y) for x, y in reversed(_TORSO))), 0.06)
    return head, torso, np.maximum(_mask(_LEG, 0.06), _mask(tuple((-x, y) for x, y in _LEG), 0.06))


def _upright(photo: Photo) -> Picture:
    left, right = photo.landmarks[0], photo.landmarks[1]
    eyes = (left + right) / 2
    # The eyes of a turned head are not at its middle; the nose points away from it.
    middle = eyes + np.array([1.4 * (eyes[0] - photo.landmarks[2, 0]), 0])
    # Half of the tilt stays: people do not hold their heads straight.
    tilt = float(np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0]))) / 2
    matrix = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), tilt, EYE_DISTANCE / photo.unit)
    matrix[:, 2] += np.array(EYES) - middle
    picture = cv2.warpAffine(
        photo.picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(picture, dtype=np.uint8)


def _mask(outline: tuple[tuple[float, float], ...], softness: float, *, ellipse: bool = False) -> NDArray[np.float32]:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    corners = np.array(outline) * EYE_DISTANCE + np.array(EYES)
    cv2.fillPoly(mask, [corners.round().astype(np.int32)], (255,))
    if ellipse:
        axes = (round(_HEAD_AXES[0] * EYE_DISTANCE), round(_HEAD_AXES[1] * EYE_DISTANCE))
        cv2.ellipse(mask, (round(EYES[0]), round(EYES[1])), axes, 0, 0, 360, (255,), -1)
    soft = cv2.GaussianBlur(mask, (0, 0), softness * EYE_DISTANCE)
    return np.asarray(soft / 255, dtype=np.float32)


def _cloth(colour: tuple[int, int, int]) -> Picture:
    shade, weave = _fabric()
    return np.asarray(cv2.merge([cv2.add(shade * part, weave, dtype=cv2.CV_8U) for part in colour]), dtype=np.uint8)


@cache
def _fabric() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How light cloth is at each point, as a share of its colour and in steps of 255; (HEIGHT, WIDTH) each."""
    across = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :]
    # The shadow between arms and trunk.
    shade = 1.1 - 0.6 * across**2 - 0.3 * np.exp(-(((np.abs(across) - 0.54) / 0.03) ** 2))
    weave = np.random.default_rng(1).normal(0, 4, (HEIGHT, WIDTH)).astype(np.float32)
    weave = np.asarray(cv2.GaussianBlur(weave, (0, 0), 1.5), dtype=np.float32)
    return np.broadcast_to(shade, weave.shape).astype(np.float32), weave
