"""Draws masks, dark glasses, hands and caps over the face of a photograph, by its landmarks, in changing light.

For tests and benchmarks of the check for covered faces. Nothing here is written to the project.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.faces import Landmarks, Picture

COVERS: Final = ("mask", "glasses", "hand", "cap")
_CLOTHS: Final = (
    (225, 190, 150),
    (240, 240, 240),
    (30, 30, 30),
    (130, 130, 130),
    (40, 40, 170),
    (120, 60, 20),
    (60, 110, 50),
    (150, 180, 215),
    (190, 170, 235),
)
"""Blue, green and red: surgical blue, white, black, grey, red, navy, green, beige, pink."""
_LENSES: Final = ((15, 15, 15), (30, 25, 20), (20, 35, 55), (60, 40, 20))
_FINE: Final = 8
"""Positions are given to 1 / _FINE of a pixel."""

_Frame = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def in_light(picture: Picture, generator: np.random.Generator) -> Picture:
    """Return the picture in another light: exposure, gamma, the light's colour, and a side that is darker."""
    height, width = picture.shape[:2]
    values = (picture.astype(np.float32) / 255) ** generator.uniform(0.75, 1.35)
    side = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None] * generator.uniform(-0.3, 0.3)
    values *= generator.uniform(0.6, 1.25) * (1 + side) * generator.uniform(0.88, 1.12, 3).astype(np.float32)
    values += generator.normal(0, generator.uniform(0, 0.015), (height, width, 3)).astype(np.float32)
    return np.asarray((values.clip(0, 1) * 255).round(), np.uint8)


def covered(picture: Picture, landmarks: Landmarks, cover: str, generator: np.random.Generator) -> Picture:
    """Return the picture with one of COVERS drawn over the face."""
    draw = {"mask": _mask, "glasses": _glasses, "hand": _hand, "cap": _cap}[cover]
    return draw(picture, _frame(landmarks), generator)


def _frame(landmarks: Landmarks) -> _Frame:
    """Return the middle of the eyes, and the steps of one eye distance across and of one down to the mouth."""
    points = landmarks.astype(np.float64)
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    return eyes, points[1] - points[0], (mouth - eyes) / 1.15


def _at(frame: _Frame, *places: tuple[float, float]) -> NDArray[np.int32]:
    """Return places, in eye distances across and down from the middle of the eyes, in parts of a pixel."""
    eyes, across, down = frame
    return np.array([np.round((eyes + x * across + y * down) * _FINE) for x, y in places], np.int32)


def _filled(picture: Picture, outline: NDArray[np.int32]) -> NDArray[np.float32]:
    area = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(area, [outline], (255,), cv2.LINE_AA, int(np.log2(_FINE)))
    return np.asarray(cv2.GaussianBlur(area, (3, 3), 0)[..., None] / 255, np.float32)


def _painted(
    picture: Picture, area: NDArray[np.float32], cloth: NDArray[np.float32], shading: float, unit: float
) -> Picture:
    """Return the picture with `cloth` on `area`, in the light of the face below it, to the part `shading`."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    light = np.asarray(cv2.GaussianBlur(grey, (0, 0), max(unit * 0.35, 1.0)), np.float32)
    inside = area[..., 0] > 0.5
    relative = (light / max(float(light[inside].mean()) if inside.any() else 1.0, 1.0))[..., None]
    drawn = cloth * (1 - shading + shading * relative)
    return np.asarray((picture * (1 - area) + drawn * area).clip(0, 255), np.uint8)


def _cloth(picture: Picture, generator: np.random.Generator, unit: float) -> NDArray[np.float32]:
    """Return plain, striped, checked, dotted or flowered cloth of the picture's size."""
    height, width = picture.shape[:2]
    base = np.array(_CLOTHS[generator.integers(len(_CLOTHS))], np.float32) + generator.uniform(-15, 15, 3)
    other = np.array(_CLOTHS[generator.integers(len(_CLOTHS))], np.float32)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    period = unit * generator.uniform(0.12, 0.5)
    turn = generator.uniform(0, np.pi)
    along = np.cos(turn) * columns + np.sin(turn) * rows
    beside = np.cos(turn) * rows - np.sin(turn) * columns
    match generator.integers(7):
        case 0:
            pattern = (np.sin(2 * np.pi * along / period) > 0).astype(np.float32)
        case 1:
            pattern = ((np.sin(2 * np.pi * along / period) > 0) ^ (np.sin(2 * np.pi * beside / period) > 0)).astype(
                np.float32
            )
        case 2:
            pattern = (np.hypot(along % period - period / 2, beside % period - period / 2) < period * 0.28).astype(
                np.float32
            )
        case 3:
            noise = generator.normal(0, 1, (height, width)).astype(np.float32)
            pattern = (cv2.GaussianBlur(noise, (0, 0), period / 3) > 0).astype(np.float32)
        case _:
            pattern = np.zeros((height, width), np.float32)
    texture = generator.normal(0, generator.uniform(0, 5), (height, width, 1)).astype(np.float32)
    return np.asarray(base + (other - base) * pattern[..., None] + texture, np.float32)


def _mask(picture: Picture, frame: _Frame, generator: np.random.Generator) -> Picture:
    unit = float(np.linalg.norm(frame[1]))
    top, side, chin = generator.uniform(0.3, 0.62), generator.uniform(0.85, 1.05), generator.uniform(1.75, 2.1)
    ear = top + generator.uniform(-0.1, 0.2)
    outline = _at(
        frame,
        (-side, ear),
        (-0.35, top + 0.05),
        (0, top - 0.08),
        (0.35, top + 0.05),
        (side, ear),
        (side * 0.9, 1.3),
        (0.45, chin - 0.1),
        (0, chin),
        (-0.45, chin - 0.1),
        (-side * 0.9, 1.3),
    )
    drawn = _painted(picture, _filled(picture, outline), _cloth(picture, generator, unit), 0.8, unit)
    if generator.random() < 0.5:
        for fold in (0.75, 1.0, 1.25):
            ends = _at(frame, (-0.75, fold), (0.75, fold))
            line = drawn.copy()
            cv2.line(line, ends[0].tolist(), ends[1].tolist(), (90, 90, 90), 1, cv2.LINE_AA, int(np.log2(_FINE)))
            drawn = cv2.addWeighted(drawn, 0.7, line, 0.3, 0).astype(np.uint8)
    return drawn


def _glasses(picture: Picture, frame: _Frame, generator: np.random.Generator) -> Picture:
    unit = float(np.linalg.norm(frame[1]))
    wide, high = generator.uniform(0.34, 0.46), generator.uniform(0.24, 0.38)
    lens = np.array(_LENSES[generator.integers(len(_LENSES))], np.float32)
    power = generator.uniform(2, 4)
    turns = np.linspace(0, 2 * np.pi, 40)
    along, up = (np.sign(way) * abs(way) ** (2 / power) for way in (np.cos(turns), np.sin(turns)))
    rounded = list(zip(wide * along, high * up, strict=True))
    drawn = picture
    opaque = generator.uniform(0.8, 1.0)
    rows = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]][0].astype(np.float32)
    for eye in (-0.5, 0.5):
        area = _filled(picture, _at(frame, *((eye + x, 0.06 + y) for x, y in rounded)))
        shine = generator.uniform(0, 45) * (1 - (rows - rows.min()) / max(float(np.ptp(rows)), 1.0))[..., None]
        drawn = _painted(drawn, area * opaque, np.broadcast_to(lens, picture.shape) + shine, 0.2, unit)
    inner, outer = 0.5 - wide, 0.5 + wide
    bridge = _at(frame, (-inner, 0), (inner, 0), (-0.95, -0.02), (-outer, 0), (outer, 0), (0.95, -0.02))
    thick = max(1, round(unit * generator.uniform(0.04, 0.1)))
    for one, other in ((0, 1), (2, 3), (4, 5)):
        cv2.line(
            drawn,
            bridge[one].tolist(),
            bridge[other].tolist(),
            tuple(map(float, lens)),
            thick,
            cv2.LINE_AA,
            int(np.log2(_FINE)),
        )
    return drawn


def _hand(picture: Picture, frame: _Frame, generator: np.random.Generator) -> Picture:
    """A hand with fingers in the person's own colour, over mouth and nose or over one side of the face."""
    unit = float(np.linalg.norm(frame[1]))
    height, width = picture.shape[:2]
    cheeks = np.array(_at(frame, (-0.45, 0.6), (0.45, 0.6))) // _FINE
    skin = np.mean(
        [picture[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] for x, y in cheeks], axis=0
    ) * generator.uniform(0.65, 1.15)
    flip = generator.choice((-1.0, 1.0))
    if generator.random() < 0.65:  # over the mouth, from one side or from below
        middle, turn = np.array([0.1 * flip, generator.uniform(0.85, 1.1)]), generator.uniform(-0.5, 0.5)
    else:  # over one half, upright
        middle = np.array([flip * generator.uniform(0.3, 0.5), generator.uniform(0.3, 0.7)])
        turn = np.pi / 2 + generator.uniform(-0.3, 0.3)
    step = np.array([np.cos(turn), np.sin(turn)])
    aside = np.array([-step[1], step[0]])
    drawn = picture
    finger = generator.uniform(0.24, 0.32)
    for number in range(4):
        start = middle + aside * finger * (number - 1.5) - step * 0.95
        end = start + step * (1.7 + 0.12 * (number in {1, 2}))
        shape = np.zeros((height, width), np.uint8)
        ends = _at(frame, tuple(start), tuple(end))
        thick = max(1, round(finger * unit * 1.05))
        cv2.line(shape, ends[0].tolist(), ends[1].tolist(), (255,), thick, cv2.LINE_AA, int(np.log2(_FINE)))
        area = np.asarray(cv2.GaussianBlur(shape, (3, 3), 0)[..., None] / 255, np.float32)
        # Rounded: darker towards both edges.
        inner = cv2.distanceTransform((shape > 127).astype(np.uint8), cv2.DIST_L2, 3)
        light = 0.72 + 0.28 * np.minimum(1.0, inner / max(thick * 0.4, 1.0))
        cloth = np.asarray(skin * light[..., None], np.float32)
        drawn = _painted(drawn, area, cloth, 0.3, unit)
    return drawn


def _cap(picture: Picture, frame: _Frame, generator: np.random.Generator) -> Picture:
    """A cap whose visor hides the brows, and puts the eyes into its shade."""
    unit = float(np.linalg.norm(frame[1]))
    edge = generator.uniform(-0.3, -0.02)
    bend = generator.uniform(0.0, 0.15)
    outline = _at(
        frame, (-1.25, edge + bend), (-0.6, edge + 0.03), (0, edge - bend / 2), (0.6, edge + 0.03), (1.25, edge + bend),
        (1.1, -1.1), (0.7, -1.75), (0, -1.95), (-0.7, -1.75), (-1.1, -1.1),
    )  # fmt: skip
    shade = _filled(
        picture, _at(frame, (-1.1, edge), (1.1, edge), (0.95, edge + 0.75), (0, edge + 0.85), (-0.95, edge + 0.75))
    )
    shade = cv2.GaussianBlur(shade, (0, 0), max(unit * 0.08, 0.6))[..., None] * generator.uniform(0.25, 0.6)
    shaded = np.asarray(picture * (1 - shade), np.uint8)
    return _painted(shaded, _filled(picture, outline), _cloth(picture, generator, unit), 0.3, unit)
