"""YuNet for boxes, then MTCNN's O-Net for landmarks: the detector of the pack `standard` (docs/adr/0025).

YuNet looks twice: at full input size for the small faces, and at half of it for those that are large, smeared or seen
from above, where fewer pixels show more of a face and less of its flaws (docs/adr/0030). It finds more faces than O-Net
is sure of. Such a face keeps YuNet's landmarks, and a score that is too low for a reference photograph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from cekalwatch.vision.detectors.boxes import best_of_overlapping, faces_of
from cekalwatch.vision.detectors.onet import Onet
from cekalwatch.vision.detectors.yunet import DEFAULT_LONG_SIDE, YunetDetector
from cekalwatch.vision.faces import Face, Picture

_COARSE_FRACTION: Final = 2
_MAX_OVERLAP: Final = 0.3
_MAX_FACES: Final = 64


class YunetOnetDetector:
    """A `FaceDetector`. Pictures are scaled so that their longer side is `long_side` pixels, and half of that.

    `min_box_score` is what YuNet must give a box at full size, `min_coarse_score` at half of it. A face's score is the
    lesser of YuNet's and O-Net's, and at most `min_face_score` where O-Net's is below that.
    """

    name = "yunet-onet"
    upright_score = 0.92

    def __init__(
        self,
        boxes_model: Path,
        landmarks_model: Path,
        threads: int,
        *,
        long_side: int = DEFAULT_LONG_SIDE,
        min_box_score: float = 0.6,
        min_coarse_score: float = 0.5,
        min_face_score: float = 0.5,
    ) -> None:
        self._boxes = YunetDetector(boxes_model, threads)
        self._looks = ((long_side, min_box_score), (long_side // _COARSE_FRACTION, min_coarse_score))
        self._landmarks = Onet(landmarks_model, threads)
        self._min_face_score = min_face_score

    def detect(self, picture: Picture) -> list[Face]:
        """Return the faces, best score first; at most the best 64."""
        found = [face for look in self._looks for face in self._boxes.look(picture, *look)]
        boxes = np.array([[face.left, face.top, face.right, face.bottom] for face in found], dtype=np.float32)
        scores = np.array([face.score for face in found], dtype=np.float32)
        kept = best_of_overlapping(boxes, scores, _MAX_OVERLAP)[:_MAX_FACES]
        if not kept:
            return []
        boxes, scores = boxes[kept], scores[kept]
        landmarks = np.stack([found[index].landmarks for index in kept])
        refined, points, sure = self._landmarks.refined(picture, boxes)
        sound = (sure >= self._min_face_score) & (refined[:, 2:] > refined[:, :2]).all(axis=1)
        boxes[sound], landmarks[sound] = refined[sound], points[sound]
        scores = np.minimum(scores, np.where(sound, sure, self._min_face_score))
        return faces_of(boxes, scores, landmarks, _MAX_OVERLAP)
