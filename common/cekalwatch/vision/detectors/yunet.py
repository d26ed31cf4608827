"""YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023), by OpenCV.

For the networks of OpenCV's model zoo (`face_detection_yunet_…`), which take any picture size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from cekalwatch.vision.detectors.boxes import fitting_size, resized
from cekalwatch.vision.faces import Face, Picture
from cekalwatch.vision.runtime import ModelError, open_session

DEFAULT_LONG_SIDE: Final = 640

_MAX_OVERLAP: Final = 0.3
_MAX_CANDIDATES: Final = 512


def is_yunet(model: Path) -> bool:
    """Tell whether a network has YuNet's outputs. Raises ModelError when it cannot be loaded."""
    return {"cls_8", "obj_8", "bbox_8", "kps_8"} <= {output.name for output in open_session(model, 1).get_outputs()}


class YunetDetector:
    """A `FaceDetector`. Pictures are scaled so that their longer side is `long_side` pixels.

    Its threads are OpenCV's, of which the whole process has one pool (`limit_native_threads`).
    """

    name = "yunet"
    upright_score = 0.92

    def __init__(self, model: Path, *, long_side: int = DEFAULT_LONG_SIDE, min_score: float = 0.6) -> None:
        # It warns of a setting that it makes itself.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        size = (long_side, long_side)
        try:
            self._network = cv2.FaceDetectorYN.create(str(model), "", size, min_score, _MAX_OVERLAP, _MAX_CANDIDATES)
        except cv2.error as error:
            raise ModelError(f"OpenCV cannot load {model} as YuNet: {error.err}") from error
        self._long_side = long_side

    def detect(self, picture: Picture) -> list[Face]:
        """Return the faces, best score first."""
        height, width = picture.shape[:2]
        size = fitting_size(picture, self._long_side)
        self._network.setInputSize(size)
        _, found = self._network.detect(resized(picture, size))
        if found is None:
            return []
        scale = np.array([width / size[0], height / size[1]], np.float32)
        faces = [_face(row, scale) for row in found if np.isfinite(row).all()]
        return sorted(faces, key=lambda face: -face.score)


def _face(row: np.ndarray, scale: np.ndarray) -> Face:
    """Read left, top, width, height, five points and the score; the points are in our order."""
    corner, extent = row[0:2] * scale, row[2:4] * scale
    return Face(
        left=float(corner[0]),
        top=float(corner[1]),
        right=float(corner[0] + extent[0]),
        bottom=float(corner[1] + extent[1]),
        score=float(min(1.0, max(0.0, row[14]))),
        landmarks=(row[4:14].reshape(5, 2) * scale).astype(np.float32),
    )
