"""Compares converted networks with what they were made of, and with OpenCV, before a pack is used.

OpenCV's own face detector and recogniser (FaceDetectorYN, FaceRecognizerSF) say what should come out. OpenCV cannot run
SFace as it was, nor onnxruntime YuNet. So SFace is compared twice: the converted with the original one, both run by
onnxruntime; and the product with OpenCV, both with the converted one.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.recognition.engines.network_recogniser import network_input
from cekalwatch.server.recognition.packs.installed import Engine
from cekalwatch.vision.alignment import align
from cekalwatch.vision.detectors.yunet import YunetDetector
from cekalwatch.vision.faces import Picture
from cekalwatch.vision.manifest import PackError
from cekalwatch.vision.runtime import InferenceSession, ModelError, Tensor, open_session

MAX_DIFFERENCE: Final = 1e-4
"""Of any number, in parts of the largest one. Another order of summation changes it by about 1e-6."""

_FACES: Final = ((168, 162, 60), (374, 216, 35))
"""Of the drawn picture: centre, and half the width, in pixels."""
_OVERLAP: Final = 0.3
_SCORE: Final = 0.6
_CANDIDATES: Final = 512
_NO_CONFIG: Final = np.zeros(0, np.uint8)
_UPDATE: Final = "Update onnxruntime and opencv-python to the versions of requirements.lock, then run this again."


def check_detector(original: bytes, engine: Engine, picture: Picture) -> None:
    """Raise PackError unless the converted YuNet of `engine` finds in `picture` what OpenCV finds with `original`.

    The picture's sides are multiples of 32 and the longer one is 640, so that neither scales it.
    """
    size, network = (picture.shape[1], picture.shape[0]), np.frombuffer(original, np.uint8)
    try:
        _quiet()
        opencv = cv2.FaceDetectorYN.create("onnx", network, _NO_CONFIG, size, _SCORE, _OVERLAP, _CANDIDATES)
        _, found = opencv.detect(picture)
    except cv2.error as error:
        raise PackError(f"OpenCV cannot run the detector: {error.err}. {_UPDATE}") from error
    if found is None:
        raise PackError(f"OpenCV finds no face where there are some. {_UPDATE}")
    theirs = found[np.argsort(-found[:, 14])]
    ours = [
        [face.left, face.top, face.width, face.height, *face.landmarks.ravel(), face.score]
        for face in YunetDetector(engine.pack.path(engine.pack.detector.files[0]), threads=1).detect(picture)
    ]
    _require_same("the detector's faces", "OpenCV and the original network", theirs, np.array(ours).reshape(-1, 15))


def check_recogniser(original: bytes, engine: Engine, picture: Picture) -> None:
    """Raise PackError unless SFace of `engine` makes of the faces in `picture` what `original` and OpenCV make."""
    faces = np.stack([align(picture, face.landmarks) for face in engine.detector.detect(picture)])
    try:
        before = open_session(original, threads=1)
    except ModelError as error:
        raise PackError(f"The recogniser as it was cannot be loaded to compare it: {error}. {_UPDATE}") from error
    wanted = np.concatenate([_run(before, network_input(face[None], engine.pack.recogniser)) for face in faces])
    try:
        _quiet()
        opencv = cv2.FaceRecognizerSF.create(str(engine.pack.path(engine.pack.recogniser.file)), "")
        theirs = np.concatenate([opencv.feature(face) for face in faces])
    except cv2.error as error:
        raise PackError(f"OpenCV cannot run the converted recogniser: {error.err}. {_UPDATE}") from error
    ours = engine.recogniser.embed(faces)
    for other, features in (("the network it was made of", wanted), ("OpenCV", theirs)):
        templates = features / np.linalg.norm(features, axis=1, keepdims=True)
        _require_same("the recogniser's templates", other, templates, ours)


def drawn_faces() -> Picture:
    """Return a drawing of two faces, 640x480: networks can be compared on it, and it is nobody's photograph."""
    picture = np.full((480, 640, 3), (150, 160, 150), np.uint8)
    for x, y, half in _FACES:
        _draw_face(picture, x, y, half)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.5), dtype=np.uint8)


def _draw_face(picture: Picture, x: int, y: int, half: int) -> None:
    def oval(dx: float, dy: float, width: float, height: float, colour: tuple[int, int, int]) -> None:
        centre, axes = (round(x + dx * half), round(y + dy * half)), (round(width * half), round(height * half))
        cv2.ellipse(picture, centre, axes, 0, 0, 360, colour, -1)

    oval(0, -0.25, 1.12, 1.25, (30, 35, 45))
    oval(0, 0, 1, 1.3, (140, 175, 215))
    for side in (-1, 1):
        oval(0.4 * side, -0.36, 0.26, 0.06, (40, 45, 60))
        oval(0.4 * side, -0.15, 0.2, 0.1, (235, 235, 235))
        oval(0.4 * side, -0.15, 0.1, 0.1, (40, 40, 50))
    oval(0, 0.32, 0.16, 0.06, (90, 120, 160))
    oval(0, 0.7, 0.32, 0.1, (80, 80, 170))


def _quiet() -> None:
    """Keep OpenCV from warning of a setting that it makes itself."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)


def _run(session: InferenceSession, blob: Tensor) -> Tensor:
    """Return a network's only output; inputs besides the first are leftovers of its makers that nothing reads."""
    first, *others = session.get_inputs()
    unread = {each.name: np.zeros(each.shape, np.float32) for each in others}
    (features,) = session.run(None, {first.name: blob, **unread})
    return features


def _require_same(what: str, other: str, wanted: NDArray[Any], got: NDArray[Any]) -> None:
    if wanted.shape == got.shape and np.allclose(
        got, wanted, rtol=0, atol=MAX_DIFFERENCE * np.abs(wanted).max(initial=1)
    ):
        return
    far = np.abs(got - wanted).max() if wanted.shape == got.shape else f"{len(got)} instead of {len(wanted)}"
    raise PackError(f"After the conversion {what} are not those of {other} ({far}). Nothing was installed. {_UPDATE}")
