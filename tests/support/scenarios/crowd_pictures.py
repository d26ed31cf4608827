"""Draws scenes of a crowd with people of photographs, and tells the truth about every face in every frame.

The photographs come from research data and stay in memory: nothing here is ever written to the project.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.faces import FaceDetector, Landmarks, Picture
from deploy.demo.people import Photo
from deploy.demo.scene import Place
from deploy.demo.sprite import EYE_DISTANCE, EYES, Sprite, cut_out
from tests.support.builders.crowd import FRAME_RATE, Passage, Scene

SHOWN: Final = 10 * EYE_DISTANCE
"""How much of a cut-out is drawn, from the top: head and trunk."""
NOISES: Final = 5
CAMERA_JPEG: Final = 85
"""The camera's own compression."""
GREY: Final = 128


@dataclass(frozen=True, eq=False)
class Look:
    """One photograph of a person as it is drawn, and where the face is in it."""

    sprite: Sprite
    box: NDArray[np.float64]
    """Left, top, right, bottom."""
    landmarks: Landmarks


@dataclass(frozen=True, eq=False)
class Truth:
    """A face of a frame."""

    passage: int
    """Its number in the scene."""
    box: NDArray[np.float64]
    """Left, top, right, bottom; may lie partly outside the frame."""
    landmarks: Landmarks
    visible: float
    """Share of the box that is within the frame and hidden by nobody."""


def look_of(file: Path, clothes: int, detector: FaceDetector) -> Look | None:
    """Return the person of a photograph; None where the detector does not find the face again on the cut-out."""
    picture = np.asarray(cv2.imread(str(file), cv2.IMREAD_COLOR), dtype=np.uint8)
    middle = np.array(picture.shape[1::-1]) / 2
    faces = [face for face in detector.detect(picture) if np.linalg.norm(face.landmarks[2] - middle) < middle[0] / 2]
    if not faces:
        return None
    whole = cut_out(Photo.of(picture, faces[0]), clothes)
    sprite = Sprite(whole.colours[:SHOWN], whole.opacity[:SHOWN])
    opacity = sprite.opacity[..., None]
    found = detector.detect(np.asarray(sprite.colours * opacity + GREY * (1 - opacity), dtype=np.uint8))
    if not found or np.linalg.norm(found[0].landmarks[:2].mean(axis=0) - EYES) > EYE_DISTANCE / 2:
        return None
    box = np.array([found[0].left, found[0].top, found[0].right, found[0].bottom], dtype=np.float64)
    return Look(sprite, box, found[0].landmarks)


def draw(
    scene: Scene, looks: Mapping[int, Sequence[Look]], every: int = 1
) -> Iterator[tuple[float, Picture, list[Truth]]]:
    """Give each so manieth frame with its second and the truth about its faces; `looks` are those of each person.

    A person's photographs are shown one after another along the way, so that the look changes.
    """
    dice = np.random.default_rng(scene.seed)
    wall = _wall(scene.size, dice)
    noises = [dice.normal(0, 3, (*wall.shape[:2], 3)).astype(np.int16) for _ in range(NOISES)]
    for number in range(0, scene.frames, every):
        second = number / FRAME_RATE
        present = [
            (place, index, passage)
            for index, passage in enumerate(scene.passages)
            if (place := passage.at(second)) is not None
        ]
        present.sort(key=lambda item: item[0].eye_distance)  # who is near hides who is far
        picture = wall.copy()
        owner = np.full(wall.shape[:2], -1, dtype=np.int16)
        placed: list[tuple[int, Look, Place]] = []
        for place, index, passage in present:
            choices = looks[passage.person]
            look = choices[min(int(passage.share(second) * len(choices)), len(choices) - 1)]
            _put(picture, owner, look.sprite, place, passage, second, index)
            placed.append((index, look, place))
        noisy = np.clip(picture.astype(np.int16) + noises[number // every % NOISES], 0, 255).astype(np.uint8)
        coded = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, CAMERA_JPEG])[1]
        shown = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
        yield second, shown, [_truth(owner, *one) for one in placed]


def _put(
    picture: Picture,
    owner: NDArray[np.int16],
    sprite: Sprite,
    place: Place,
    passage: Passage,
    second: float,
    index: int,
) -> None:
    scale = place.eye_distance / EYE_DISTANCE
    height, width = sprite.opacity.shape
    left, top = place.x - EYES[0] * scale, place.y - EYES[1] * scale
    x0, y0 = max(0, int(left)), max(0, int(top))
    x1, y1 = min(picture.shape[1], int(left + width * scale) + 1), min(picture.shape[0], int(top + height * scale) + 1)
    if x0 >= x1 or y0 >= y1:
        return
    matrix = np.array([[scale, 0, left - x0], [0, scale, top - y0]])
    size = (x1 - x0, y1 - y0)
    source, opacity_source = sprite.colours, sprite.opacity
    if scale < 0.7:  # as a lens does, and not by picking pixels
        source = np.asarray(cv2.GaussianBlur(source, (0, 0), 0.35 / scale), dtype=np.uint8)
    colours = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    opacity = cv2.warpAffine(opacity_source, matrix, size, flags=cv2.INTER_LINEAR)
    light = passage.light
    gain = light.gain + (light.last_gain - light.gain) * passage.share(second)
    lit = np.asarray(colours, dtype=np.float32) * np.float32(gain)
    opacity = np.asarray(opacity, dtype=np.float32)
    blur = light.defocus * min(1.5, abs(float(np.log2(place.eye_distance / light.focus_px))))
    if blur > 0.2:
        lit, opacity = (np.asarray(cv2.GaussianBlur(one, (0, 0), blur), np.float32) for one in (lit, opacity))
    smear = np.array(passage.velocity(second)) * light.shutter_s
    if np.linalg.norm(smear) > 1:
        kernel = _line(smear)
        lit, opacity = (np.asarray(cv2.filter2D(one, -1, kernel), np.float32) for one in (lit, opacity))
    patch = picture[y0:y1, x0:x1]
    patch[:] = np.clip(lit * opacity[..., None] + patch * (1 - opacity[..., None]), 0, 255).astype(np.uint8)
    owner[y0:y1, x0:x1][opacity > 0.5] = index


def _line(smear: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the kernel that smears by `smear` pixels, x and y."""
    half = int(np.ceil(np.abs(smear).max() / 2))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    for part in np.linspace(-0.5, 0.5, 4 * half + 1):
        x, y = np.rint(smear * part).astype(int) + half
        kernel[y, x] += 1
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def _truth(owner: NDArray[np.int16], index: int, look: Look, place: Place) -> Truth:
    scale = place.eye_distance / EYE_DISTANCE
    corner = np.array([place.x, place.y]) - np.array(EYES) * scale
    box = look.box * scale + np.tile(corner, 2)
    left, top, right, bottom = np.rint(box).astype(int)
    inside = owner[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    visible = float((inside == index).sum()) / max(1, (right - left) * (bottom - top))
    landmarks = (look.landmarks * scale + corner).astype(np.float32)
    return Truth(index, box, landmarks, min(1.0, visible))


def _wall(size: tuple[int, int], dice: np.random.Generator) -> Picture:
    """A hall: light from above, uneven, with panels."""
    width, height = size
    down = np.linspace(165, 105, height, dtype=np.float32)[:, None]
    clouds = cv2.resize(dice.normal(0, 8, (9, 16)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    grey = np.clip(down + np.asarray(clouds, dtype=np.float32), 0, 255)
    wall = grey[..., None] * np.array([1.0, 0.98, 0.95], np.float32)
    for x in range(0, width, 160):
        wall[:, x : x + 2] *= 0.85
    return np.asarray(wall, dtype=np.uint8)
