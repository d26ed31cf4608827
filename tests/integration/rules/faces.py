"""Made-up faces: whom a traveller resembles is decided here, and a recogniser reads it off the colour of a picture.

Everything but the network itself is the product's: pictures are decoded and aligned, templates are fused and searched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.contract.values.captures import LANDMARKS
from cekalwatch.server.recognition.engines.recogniser import AlignedFaces, Templates
from cekalwatch.server.recognition.packs.installed import Engine
from cekalwatch.server.recognition.photographs import decode_photograph
from cekalwatch.v1 import capture_pb2
from cekalwatch.vision.alignment import ALIGNED_SIZE, TEMPLATE
from cekalwatch.vision.faces import Face, Picture
from cekalwatch.vision.inference import Inference, InferenceEngine, Precision
from cekalwatch.vision.manifest import Pack, load_pack
from tests.integration.rules.values import person_of
from tests.support.tools.packs import light_pack

THRESHOLD = 0.3
"""Comparison score from which a face is a possible match, in the settings of the server under test."""
SIZE = 64
SUBJECTS = ("S-1", "S-2", "S-3", "S-4")
OTHER_KEYS = ("S-1b", "S-3b")
"""The same people under other keys, with another photograph."""
OTHER_PHOTOGRAPH = 0.97
"""How much a score with it is of that with the first one."""
STRANGERS = 8

_LEVELS = 6
_STEP = 40
_BASIS = np.linalg.qr(np.random.default_rng(13).normal(size=(SIZE, SIZE)))[0]


@dataclass(frozen=True)
class Look:
    """A traveller's face: how much it resembles the listed people, and whose twin it is."""

    name: str
    scores: tuple[tuple[str, float], ...] = ()
    """Comparison scores with subjects; 0 with all others."""
    twin_of: str = ""
    """Whose face it is but for a little; all others are different people."""
    sibling_of: str = ""
    """Whom it is like, less than their photograph is."""


LOOKS = (
    Look("one", (("S-1", 0.72),)),
    Look("twin of one", (("S-1", 0.70),), twin_of="one"),
    Look("sister of one", (("S-1", 0.45),), sibling_of="one"),
    Look("look-alike of one", (("S-1", 0.45),)),
    Look("other look-alike of one", (("S-1", 0.40),)),
    Look("two", (("S-2", 0.55), ("S-3", 0.36))),
    Look("three", (("S-3", 0.55), ("S-2", 0.36))),
    Look("between two, three and four", (("S-2", 0.42), ("S-4", 0.39), ("S-3", 0.36))),
    Look("four", (("S-4", 0.55),)),
    Look("almost four", (("S-4", 0.25),)),
    *(Look(f"stranger {number}") for number in range(STRANGERS)),
)
_NUMBERS = {look.name: number for number, look in enumerate(LOOKS)}


def reference(subject_id: str) -> NDArray[np.float32]:
    """The template of a subject's photograph."""
    first = _BASIS[SUBJECTS.index(person_of(subject_id))]
    if subject_id in SUBJECTS:
        return np.asarray(first, np.float32)
    rest = _BASIS[SIZE - 1 - OTHER_KEYS.index(subject_id)]
    return np.asarray(OTHER_PHOTOGRAPH * first + np.sqrt(1 - OTHER_PHOTOGRAPH**2) * rest, np.float32)


def scores(look: Look) -> dict[str, float]:
    """The comparison scores of a traveller with the photographs of all listed people."""
    others = {
        key: OTHER_PHOTOGRAPH * score for key in OTHER_KEYS for who, score in look.scores if who == person_of(key)
    }
    return dict(look.scores) | others


@cache
def template(name: str) -> NDArray[np.float32]:
    """The template of a traveller's face."""
    look = LOOKS[_NUMBERS[name]]
    resembled = sum((score * _BASIS[SUBJECTS.index(key)] for key, score in look.scores), np.zeros(SIZE))
    own = _BASIS[len(SUBJECTS) + _NUMBERS[look.name]]
    if relative := look.twin_of or look.sibling_of:
        alike = 0.98 if look.twin_of else 0.54
        own = alike * _BASIS[len(SUBJECTS) + _NUMBERS[relative]] + np.sqrt(1 - alike**2) * own
    rest = np.sqrt(1 - sum(score**2 for _, score in look.scores))
    return np.asarray(resembled + rest * own, np.float32)


@cache
def jpeg(name: str) -> bytes:
    """A picture of a traveller's face: a colour that names it, above a strip that is no other picture's."""
    number = _NUMBERS[name]
    picture = np.zeros((ALIGNED_SIZE, ALIGNED_SIZE, 3), np.uint8)
    picture[:] = [20 + _STEP * (number // _LEVELS**place % _LEVELS) for place in range(3)]
    picture[96:] = np.random.default_rng(number).integers(0, 256, (16, ALIGNED_SIZE, 3))
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def message(name: str, capture_id: str, track: str, quality: float) -> capture_pb2.FaceCapture:
    """What a camera sends of a traveller; the time of the capture is left to the sender."""
    points = {mark: capture_pb2.Point(x=x, y=y) for mark, (x, y) in zip(LANDMARKS, TEMPLATE.tolist(), strict=True)}
    return capture_pb2.FaceCapture(
        capture_id=capture_id,
        track_id=track,
        jpeg=jpeg(name),
        landmarks=capture_pb2.FaceLandmarks(**points),
        detector_score=0.9,
        quality=capture_pb2.FaceQuality(eye_distance_px=60, score=quality),
    )


@cache
def photograph(name: str) -> bytes:
    """A picture of a colleague whose face a traveller's is, as large and sharp as a reference must be."""
    crop = decode_photograph(jpeg(name))
    picture = cv2.resize(crop[: ALIGNED_SIZE - 22], (256, 256))
    noise = np.random.default_rng(len(name)).integers(-15, 16, picture.shape)
    return cv2.imencode(".jpg", np.clip(picture + noise, 0, 255).astype(np.uint8))[1].tobytes()


class WholePicture:
    """A `FaceDetector` for pictures that are a face."""

    name, upright_score = "whole", 0.5

    def detect(self, picture: Picture) -> list[Face]:
        height, width = picture.shape[:2]
        return [Face(0, 0, width, height, 0.9, np.asarray(TEMPLATE * (width / ALIGNED_SIZE), np.float32))]


class ColourRecogniser:
    """A `Recogniser` for the pictures that `jpeg` makes."""

    def __init__(self, pack: Pack) -> None:
        self.model_version = pack.model_version
        self.size = pack.recogniser.size

    def embed(self, faces: AlignedFaces) -> Templates:
        colours = faces[:, 40:72, 40:72].mean(axis=(1, 2))
        digits = np.rint((colours - 20) / _STEP).astype(int)
        numbers = digits @ [1, _LEVELS, _LEVELS**2]
        return np.stack([template(LOOKS[number].name) for number in numbers])


@cache
def engine() -> Engine:
    """The pack `light` with this recogniser in place of its own."""
    pack = load_pack(light_pack())
    pack = replace(pack, recogniser=replace(pack.recogniser, size=SIZE))
    inference = Inference(InferenceEngine.ONNXRUNTIME, Precision.F32, batch=1)
    return Engine(pack, WholePicture(), ColourRecogniser(pack), inference)
