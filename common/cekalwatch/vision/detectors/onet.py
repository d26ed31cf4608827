"""MTCNN's O-Net: five landmarks in boxes that another network found; and the detectors of UltraFace or YuNet with it.

O-Net (Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks", 2016) runs
three times, on all faces at once: first on the square around the box that was found, then on that around its own,
which is what makes its landmarks good enough for recognition. Over four choices of 400 listed people of LFW the third
pass lowered FNIR at FPIR 3e-3 from 0.055 to 0.050 on average, for half a millisecond a face; averaging with the
mirrored face did no better.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.vision.detectors.boxes import Boxes, best_of_overlapping, cut_out, faces_of, fitting_size, resized
from cekalwatch.vision.detectors.yunet import DEFAULT_LONG_SIDE, YunetDetector
from cekalwatch.vision.faces import WHOLE_PICTURE, Face, Part, Picture
from cekalwatch.vision.runtime import ModelError, open_session

_PATCH: Final = 48
_PASSES: Final = 3
_MIN_FOLLOWED_OVERLAP: Final = 0.5
"""Intersection over union of a followed face with the place where it was expected; below it may be another one."""


class Onet:
    """O-Net, for one thread at a time."""

    def __init__(self, model: Path, threads: int) -> None:
        """Load the network; raises ModelError."""
        self._session = open_session(model, threads)
        if list(self._session.get_inputs()[0].shape[1:]) != [_PATCH, _PATCH, 3]:
            raise ModelError(f"{model} is not MTCNN's O-Net. Install the pack again, with --force.")
        self._input = str(self._session.get_inputs()[0].name)

    def refined(self, picture: Picture, boxes: Boxes) -> tuple[Boxes, NDArray[np.float32], NDArray[np.float32]]:
        """Return O-Net's boxes (n, 4), landmarks (n, 5, 2) and scores (n,), 0 to 1, for at least one box."""
        for _ in range(_PASSES):
            boxes, landmarks, scores = self._look(picture, boxes)
        return boxes, landmarks, scores

    def follow(self, picture: Picture, expected: Sequence[Face], min_score: float) -> list[Face | None]:
        """Return the face at the place of each of `expected`, or None; see `PartialDetector`."""
        if not expected:
            return []
        boxes = _boxes_of(expected)
        refined, landmarks, scores = self.refined(picture, boxes)
        found: list[Face | None] = []
        for row, (left, top, right, bottom) in enumerate(refined.tolist()):
            there = scores[row] >= min_score and _overlap(boxes[row], refined[row]) >= _MIN_FOLLOWED_OVERLAP
            score = min(1.0, float(scores[row]))
            found.append(Face(left, top, right, bottom, score, landmarks[row]) if there else None)
        return found

    def _look(self, picture: Picture, boxes: Boxes) -> tuple[Boxes, NDArray[np.float32], NDArray[np.float32]]:
        squares = _squares(boxes)
        patches = np.stack([_patch(picture, square) for square in squares])
        # O-Net was trained on column-major pictures, red first.
        tensor = (patches[..., ::-1].transpose(0, 2, 1, 3).astype(np.float32) - 127.5) / 128
        moves, points, scores = self._session.run(None, {self._input: np.ascontiguousarray(tensor)})
        corners, sides = squares[:, :2].astype(np.float32), (squares[:, 2:] - squares[:, :2]).astype(np.float32)
        refined = squares + moves * np.concatenate([sides, sides], axis=1)
        landmarks = corners[:, None] + points.reshape(-1, 2, 5).transpose(0, 2, 1) * sides[:, None]
        return refined.astype(np.float32), landmarks.astype(np.float32), scores[:, 1]


def _boxes_of(faces: Collection[Face]) -> Boxes:
    boxes = [[face.left, face.top, face.right, face.bottom] for face in faces]
    return np.array(boxes, dtype=np.float32).reshape(-1, 4)


def _without(boxes: Boxes, kept: list[int], besides: Collection[Face]) -> list[int]:
    """Return the indices of `kept` whose boxes show none of `besides`, not even a part of one."""
    others = _boxes_of(besides)
    return [index for index in kept if not any(_is_same(boxes[index], other) for other in others)]


def _is_same(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether the centre of one box lies in the other one."""
    return any(
        bool(np.all(((inner[:2] + inner[2:]) / 2 > outer[:2]) & ((inner[:2] + inner[2:]) / 2 < outer[2:])))
        for inner, outer in ((one, other), (other, one))
    )


def _overlap(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the intersection over union of two boxes; 0 if one has no area."""
    common = np.prod(np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0))
    areas = sum(np.prod(np.maximum(box[2:] - box[:2], 0)) for box in (one, other))
    return float(common / max(areas - common, 1.0))


def _squares(boxes: Boxes) -> NDArray[np.int64]:
    """Return whole-pixel squares around the boxes' centres with their longer sides, at least 2 pixels."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    squares: NDArray[np.int64] = np.rint(np.concatenate([centres - half, centres + half], axis=1)).astype(np.int64)
    squares[:, 2:] = np.maximum(squares[:, 2:], squares[:, :2] + 2)
    return squares


def _patch(picture: Picture, square: NDArray[np.int64]) -> Picture:
    """Return the content of `square`, scaled to 48x48; black outside the picture."""
    left, top, right, bottom = map(int, square)
    height, width = picture.shape[:2]
    inner = picture[max(0, top) : max(0, min(height, bottom)), max(0, left) : max(0, min(width, right))]
    if inner.size == 0:
        return np.zeros((_PATCH, _PATCH, 3), dtype=np.uint8)
    if inner.shape[:2] != (bottom - top, right - left):
        above, before = max(0, -top), max(0, -left)
        below, after = bottom - top - above - inner.shape[0], right - left - before - inner.shape[1]
        inner = np.asarray(cv2.copyMakeBorder(inner, above, below, before, after, cv2.BORDER_CONSTANT), dtype=np.uint8)
    return np.asarray(cv2.resize(inner, (_PATCH, _PATCH), interpolation=cv2.INTER_AREA), dtype=np.uint8)


ULTRAFACE_LONG_SIDE: Final = 512

_ANCHOR_SIDES: Final = ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256))
_ANCHOR_STRIDES: Final = (8, 16, 32, 64)
_CENTRE_VARIANCE: Final = 0.1
_SIZE_VARIANCE: Final = 0.2
_MAX_OVERLAP: Final = 0.3
_ULTRAFACE_COARSE_FRACTION: Final = 4
_MAX_FACES: Final = 64


class UltrafaceOnetDetector:
    """UltraFace RFB for boxes, then O-Net for landmarks: the detector of the pack `light`, a `FaceDetector`.

    UltraFace (Linzaer, "Ultra-Light-Fast-Generic-Face-Detector-1MB", 2019) sees a picture twice: at full input size for
    the small faces, and at a quarter of it for those that fill the picture, which are beyond its largest anchor.

    Pictures are scaled so that their longer side is `long_side` pixels.

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
        long_side: int = ULTRAFACE_LONG_SIDE,
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
        return self.search(picture, WHOLE_PICTURE)

    def search(self, picture: Picture, part: Part, besides: Collection[Face] = ()) -> list[Face]:
        (left, top), inner, share = cut_out(picture, part)
        long_side = max(64, round(share * self._long_side))
        fine = resized(inner, fitting_size(inner, long_side))
        coarse = resized(fine, fitting_size(inner, max(64, long_side // _ULTRAFACE_COARSE_FRACTION)))
        fine_boxes, fine_scores = self._find(fine)
        coarse_boxes, coarse_scores = self._find(coarse)
        boxes, scores = np.concatenate([fine_boxes, coarse_boxes]), np.concatenate([fine_scores, coarse_scores])
        height, width = inner.shape[:2]
        boxes = boxes * np.array([width, height, width, height], dtype=np.float32)
        boxes += np.array([left, top, left, top], dtype=np.float32)
        kept = _without(boxes, best_of_overlapping(boxes, scores, _MAX_OVERLAP)[:_MAX_FACES], besides)
        if not kept:
            return []
        boxes = boxes[kept]
        boxes, landmarks, face_scores = self._landmarks.refined(picture, boxes)
        sure = np.minimum(scores[kept], face_scores)
        sound = (sure >= self._min_face_score) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        kept = _without(boxes, np.flatnonzero(sound).tolist(), besides)
        return faces_of(boxes[kept], sure[kept], landmarks[kept], _MAX_OVERLAP)

    def follow(self, picture: Picture, expected: Sequence[Face]) -> list[Face | None]:
        return self._landmarks.follow(picture, expected, self._min_face_score)

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


_YUNET_COARSE_FRACTION: Final = 2


class YunetOnetDetector:
    """YuNet for boxes, then O-Net for landmarks: the detector of the pack `standard` (docs/adr/0025), a `FaceDetector`.

    YuNet looks twice: at full input size for the small faces, and at half of it for those that are large, smeared or
    seen from above, where fewer pixels show more of a face and less of its flaws (docs/adr/0030). It finds more faces
    than O-Net is sure of. Such a face keeps YuNet's landmarks, and a score that is too low for a reference photograph.

    Pictures are scaled so that their longer side is `long_side` pixels, and half of that.

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
        self._looks = ((long_side, min_box_score), (long_side // _YUNET_COARSE_FRACTION, min_coarse_score))
        self._landmarks = Onet(landmarks_model, threads)
        self._min_face_score = min_face_score

    def detect(self, picture: Picture) -> list[Face]:
        """Return the faces, best score first; at most the best 64."""
        return self.search(picture, WHOLE_PICTURE)

    def search(self, picture: Picture, part: Part, besides: Collection[Face] = ()) -> list[Face]:
        corner, inner, share = cut_out(picture, part)
        found = [
            face
            for long_side, min_score in self._looks
            for face in self._boxes.look(inner, round(share * long_side), min_score)
        ]
        boxes = _boxes_of(found) + np.array([*corner, *corner], dtype=np.float32)
        scores = np.array([face.score for face in found], dtype=np.float32)
        kept = _without(boxes, best_of_overlapping(boxes, scores, _MAX_OVERLAP)[:_MAX_FACES], besides)
        if not kept:
            return []
        boxes, scores = boxes[kept], scores[kept]
        landmarks = np.stack([found[index].landmarks for index in kept]) + np.array(corner, dtype=np.float32)
        refined, points, sure = self._landmarks.refined(picture, boxes)
        sound = (sure >= self._min_face_score) & (refined[:, 2:] > refined[:, :2]).all(axis=1)
        boxes[sound], landmarks[sound] = refined[sound], points[sound]
        scores = np.minimum(scores, np.where(sound, sure, self._min_face_score))
        kept = _without(boxes, list(range(len(boxes))), besides)
        return faces_of(boxes[kept], scores[kept], landmarks[kept], _MAX_OVERLAP)

    def follow(self, picture: Picture, expected: Sequence[Face]) -> list[Face | None]:
        return self._landmarks.follow(picture, expected, self._min_face_score)
