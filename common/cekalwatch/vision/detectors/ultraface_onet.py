"""UltraFace RFB for boxes, then MTCNN's O-Net for landmarks: the detector of the pack `light`.

UltraFace (Linzaer, "Ultra-Light-Fast-Generic-Face-Detector-1MB", 2019) sees a picture twice: at full input size for the
small faces, and at a quarter of it for those that fill the picture, which are beyond its largest anchor.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.detectors.boxes import Boxes, best_of_overlapping, faces_of, fitting_size, resized
from cekalwatch.vision.detectors.onet import Onet
from cekalwatch.vision.faces import Face, Picture
from cekalwatch.vision.runtime import ModelError, open_session

DEFAULT_LONG_SIDE: Final = 512

_ANCHOR_SIDES: Final = ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256))
_ANCHOR_STRIDES: Final = (8, 16, 32, 64)
_CENTRE_VARIANCE: Final = 0.1
_SIZE_VARIANCE: Final = 0.2
_MAX_OVERLAP: Final = 0.3
_COARSE_FRACTION: Final = 4
_MAX_FACES: Final = 64


class UltrafaceOnetDetector:
    """A `FaceDetector`. Pictures are scaled so that their longer side is `long_side` pixels.

    At 512, faces from about 2.5 % to all of the picture's width are found. `min_box_score` is what UltraFace must give
    a box, `min_face_score` what O-Net must give the face in it; a face's score is the lesser of the two.
    """

    name = "ultraface-onet"
    upright_score = 0.97

    def __init__(
        self,
        boxes_model: Path,
        landmarks_model: Path,
        threads: int,
        *,
        long_side: int = DEFAULT_LONG_SIDE,
        min_box_score: float = 0.6,
        min_face_score: float = 0.5,
    ) -> None:
        self._boxes = open_session(boxes_model, threads)
        if [output.name for output in self._boxes.get_outputs()] != ["scores", "offsets"]:
            raise ModelError(f"{boxes_model} is not UltraFace as packs have it. Install the pack again, with --force.")
        self._landmarks = Onet(landmarks_model, threads)
        self._long_side = long_side
        self._min_box_score = min_box_score
        self._min_face_score = min_face_score

    def detect(self, picture: Picture) -> list[Face]:
        """Return the faces, best score first; at most the best 64."""
        fine = resized(picture, fitting_size(picture, self._long_side))
        coarse = resized(fine, fitting_size(picture, max(64, self._long_side // _COARSE_FRACTION)))
        fine_boxes, fine_scores = self._find(fine)
        coarse_boxes, coarse_scores = self._find(coarse)
        boxes, scores = np.concatenate([fine_boxes, coarse_boxes]), np.concatenate([fine_scores, coarse_scores])
        kept = best_of_overlapping(boxes, scores, _MAX_OVERLAP)[:_MAX_FACES]
        if not kept:
            return []
        height, width = picture.shape[:2]
        boxes = boxes[kept] * np.array([width, height, width, height], dtype=np.float32)
        boxes, landmarks, face_scores = self._landmarks.refined(picture, boxes)
        sure = np.minimum(scores[kept], face_scores)
        sound = (sure >= self._min_face_score) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        return faces_of(boxes[sound], sure[sound], landmarks[sound], _MAX_OVERLAP)

    def _find(self, scaled: Picture) -> tuple[Boxes, NDArray[np.float32]]:
        """Return UltraFace's boxes, as fractions of the picture's width and height, and their scores."""
        height, width = scaled.shape[:2]
        blob = cv2.dnn.blobFromImage(scaled, 1 / 128, (width, height), (127.0, 127.0, 127.0), swapRB=True)
        scores, offsets = self._boxes.run(None, {"input": np.asarray(blob, dtype=np.float32)})
        face_scores = scores[0, :, 1]
        hits = np.flatnonzero(face_scores > self._min_box_score)
        anchors, moves = _anchors(width, height)[hits], offsets[0, hits]
        centres = anchors[:, :2] + moves[:, :2] * _CENTRE_VARIANCE * anchors[:, 2:]
        halves = anchors[:, 2:] * np.exp(moves[:, 2:] * _SIZE_VARIANCE) / 2
        boxes = np.concatenate([centres - halves, centres + halves], axis=1)
        boxes /= np.array([width, height, width, height], dtype=np.float32)
        return boxes, face_scores[hits]


@lru_cache(maxsize=32)
def _anchors(width: int, height: int) -> NDArray[np.float32]:
    """Return UltraFace's anchors for an input of that size: shape (n, 4), centre x and y, width, height in pixels."""
    levels = []
    for sides, stride in zip(_ANCHOR_SIDES, _ANCHOR_STRIDES, strict=True):
        y, x = np.mgrid[: -(-height // stride), : -(-width // stride)]
        centres = (np.stack([x, y], axis=-1) + 0.5).reshape(-1, 1, 2).repeat(len(sides), axis=1) * stride
        sizes = np.broadcast_to(np.array(sides)[None, :, None], centres.shape)
        levels.append(np.concatenate([centres, sizes], axis=-1).reshape(-1, 4))
    return np.concatenate(levels).astype(np.float32)
