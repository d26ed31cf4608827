"""Model packs in InsightFace's own layout, run by insightface itself.

insightface loads when a pack needs it, and only here. Its sessions get the same thread count as ours.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.recognition.engines.recogniser import AlignedFaces, PackRecogniser
from cekalwatch.vision.faces import Face, Picture
from cekalwatch.vision.manifest import Pack
from cekalwatch.vision.runtime import ModelError, session_options

INPUT_SIZE: Final = (640, 640)
MIN_SCORE: Final = 0.5


class InsightfaceDetector:
    """A `FaceDetector` of a pack that insightface loads."""

    def __init__(self, pack: Pack, threads: int) -> None:
        self._model = _load(pack.path(pack.detector.files[0]), "detection", threads)
        self._model.prepare(ctx_id=-1, input_size=INPUT_SIZE, det_thresh=MIN_SCORE)
        if not self._model.use_kps:
            raise ModelError(f"{pack.detector.files[0]} gives no landmarks; alignment needs them")

    @property
    def name(self) -> str:
        """Short name for logs and the handshake."""
        return "insightface"

    @property
    def upright_score(self) -> float:
        """The score of SCRFD, the detector of these packs."""
        return 0.72

    def detect(self, picture: Picture) -> list[Face]:
        """Return the faces, best score first."""
        boxes, landmarks = self._model.detect(_padded(picture))
        faces = [
            Face(left, top, right, bottom, min(1.0, score), points.astype(np.float32))
            for (left, top, right, bottom, score), points in zip(boxes.tolist(), landmarks, strict=True)
        ]
        return sorted(faces, key=lambda face: face.score, reverse=True)


class InsightfaceRecogniser(PackRecogniser):
    """A `Recogniser` of a pack that insightface loads; threads may share it."""

    def __init__(self, pack: Pack, threads: int) -> None:
        super().__init__(pack)
        self._model = _load(pack.path(pack.recogniser.file), "recognition", threads)
        if self._model.output_shape[-1] != self.size:
            raise ModelError(f"{pack.recogniser.file} does not give {self.size} numbers")

    def _features(self, faces: AlignedFaces) -> NDArray[np.float32]:
        return np.asarray(self._model.get_feat(list(faces)), dtype=np.float32)


def task_of(path: Path) -> str:
    """Return insightface's task of the network: "detection", "recognition" or another; empty if it has none."""
    return str(getattr(_open(path, threads=1), "taskname", ""))


def recogniser_facts(path: Path) -> tuple[int, float, float]:
    """Return the size of the recogniser's templates, and the mean and std of its input."""
    model = _load(path, "recognition", threads=1)
    return int(model.output_shape[-1]), float(model.input_mean), float(model.input_std)


def _load(path: Path, task: str, threads: int) -> Any:  # noqa: ANN401  # insightface has no types
    model = _open(path, threads)
    if getattr(model, "taskname", "") != task:
        raise ModelError(f"insightface does not take {path.name} for {task}")
    return model


def _open(path: Path, threads: int) -> Any:  # noqa: ANN401  # insightface has no types
    from insightface.model_zoo import model_zoo

    try:
        # It prints to standard output, which belongs to our commands.
        with contextlib.redirect_stdout(io.StringIO()):
            return model_zoo.get_model(
                str(path), providers=["CPUExecutionProvider"], sess_options=session_options(threads)
            )
    except Exception as error:  # insightface and onnxruntime raise many types
        raise ModelError(f"insightface cannot load {path.name}: {error}") from error


def _padded(picture: Picture) -> Picture:
    """Return a picture that insightface can scale without losing all rows or columns; black is added below or right."""
    height, width = picture.shape[:2]
    rows, columns = max(height, -(-width // 64)), max(width, -(-height // 64))
    if (rows, columns) == (height, width):
        return picture
    padded = np.zeros((rows, columns, 3), dtype=np.uint8)
    padded[:height, :width] = picture
    return padded
