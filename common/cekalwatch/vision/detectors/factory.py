"""Opens the detector that a model pack or a network file is made for."""

from __future__ import annotations

from pathlib import Path

from cekalwatch.vision.detectors.onet import UltrafaceOnetDetector, YunetOnetDetector
from cekalwatch.vision.detectors.scrfd import ScrfdDetector
from cekalwatch.vision.detectors.yunet import YunetDetector, is_yunet
from cekalwatch.vision.faces import FaceDetector
from cekalwatch.vision.manifest import DetectorKind, Pack, PackError, load_pack
from cekalwatch.vision.runtime import ModelError


def open_detector(source: Path, threads: int) -> FaceDetector:
    """Return the detector of the model pack in the folder `source`, or of SCRFD or YuNet in the file `source`.

    `threads` is what each call of `detect` may use. Raises PackError when the pack or file cannot be used.
    """
    if source.suffix != ".onnx":
        return open_pack_detector(load_pack(source), threads)
    if not source.is_file():
        raise PackError(f"There is no file {source}. Name a model pack's folder, or an SCRFD or YuNet network (.onnx).")
    try:
        return YunetDetector(source, threads) if is_yunet(source) else ScrfdDetector(source, threads)
    except ModelError as error:
        raise PackError(str(error)) from error


def open_pack_detector(pack: Pack, threads: int) -> FaceDetector:
    """Return the detector of a pack that has been loaded. Raises PackError when its networks cannot be used."""
    files = [pack.path(file) for file in pack.detector.files]
    try:
        match pack.detector.kind:
            case DetectorKind.ULTRAFACE_ONET:
                return UltrafaceOnetDetector(files[0], files[1], threads)
            case DetectorKind.YUNET_ONET:
                return YunetOnetDetector(files[0], files[1], threads)
            case DetectorKind.SCRFD:
                return ScrfdDetector(files[0], threads)
            case DetectorKind.YUNET:
                return YunetDetector(files[0], threads)
    except ModelError as error:
        raise PackError(str(error)) from error
