"""From a reference photograph to a template: finds the face, checks it, and keeps a picture of it for officers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.contract.values.subjects import FaceFigures, PicturedFace
from cekalwatch.contract.values.watchlist import EnrolmentWarning
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition.crops import face_jpeg
from cekalwatch.server.recognition.engines.recogniser import Recogniser, TemplateError, normalised
from cekalwatch.server.recognition.photographs import decode_photograph
from cekalwatch.vision.alignment import LandmarksError, align
from cekalwatch.vision.faces import Face, FaceDetector, Picture
from cekalwatch.vision.quality import FaceAppearance, appearance

MIN_EYE_DISTANCE_PX: Final = 32.0
WANTED_EYE_DISTANCE_PX: Final = 90.0
SUFFICIENT_EYE_DISTANCE_PX: Final = 45.0
MAX_TURN_DEGREES: Final = 25.0
WANTED_SHARPNESS: Final = 0.15
WANTED_DARK: Final = 0.2
WANTED_BRIGHT: Final = 0.85
USELESS_TURN_DEGREES: Final = 60.0
USELESS_SHARPNESS: Final = 0.04
USELESS_DARK: Final = 0.04
USELESS_BRIGHT: Final = 0.93
"""With photographs beyond these limits, more than half of the travellers were missed (`python -m benchmarks
recognition.enrolment_quality`). No frontal face measures as turned so far."""
MAX_FACE_JPEG_BYTES: Final = 60_000

_FACE_JPEG_SIDE: Final = 480
_FACE_JPEG_QUALITY: Final = 90
_SURE_SCORE: Final = 0.7
_RIVAL_WIDTH: Final = 1 / 3
_WHOLE_PART: Final = 0.95


class EnrolmentError(CekalwatchError):
    """The face of a photograph cannot be a reference; `figures` has its measurements."""

    def __init__(self, code: Code, figures: FaceFigures, detail: str = "") -> None:
        super().__init__(code, detail)
        self.figures = figures


@dataclass(frozen=True, eq=False)
class Enrolment(PicturedFace):
    """A reference face, ready for the gallery."""

    template: NDArray[np.float32]
    """Shape (size,), length 1."""


def plain_and_reference(recogniser: Recogniser, aligned: Picture) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return two templates of an aligned face, length 1: the one for a probe and the one for a reference.

    The reference's template is the mean of those of the face and of its mirror image. Mirroring only references lowered
    FNIR at FPIR 1e-2 in each of six choices of 400 listed people of LFW, from 0.040 to 0.038 on average, and left it
    unchanged at 3e-3; it costs one more face per reference.
    """
    pair = recogniser.embed(np.stack([aligned, aligned[:, ::-1]]))
    return pair[0], np.asarray(normalised(pair.sum(axis=0, keepdims=True))[0], dtype=np.float32)


def find_faces(detector: FaceDetector, picture: Picture) -> tuple[Picture, list[Face]]:
    """Return the faces and their picture; if no face is found, a margin is added and the search repeated.

    Detectors need some surroundings of a face, which tightly cropped photographs do not show.
    """
    faces = detector.detect(picture)
    if faces:
        return picture, faces
    margin = max(picture.shape[:2]) // 3
    wider = np.asarray(
        cv2.copyMakeBorder(picture, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=(127, 127, 127)),
        dtype=np.uint8,
    )
    return wider, detector.detect(wider)


def find_upright(detector: FaceDetector, picture: Picture) -> tuple[Picture, list[Face], bool]:
    """Do as `find_faces`, but rotate the picture by 90° steps if its face is not upright; say whether it was rotated.

    Scanned photographs often lie on their side without EXIF information. Detectors find those faces too, but with a low
    score and wrong landmarks, and no traveller matches such a template.
    """
    found = find_faces(detector, picture)
    if _best_score(found) >= detector.upright_score:
        return *found, False
    turns = [find_faces(detector, np.ascontiguousarray(np.rot90(picture, quarters))) for quarters in (1, 2, 3)]
    turned = max(turns, key=_best_score)
    return (*turned, True) if _best_score(turned) >= detector.upright_score else (*found, False)


def _best_score(found: tuple[Picture, list[Face]]) -> float:
    return max((face.score for face in found[1]), default=0.0)


class Enroller:
    """Makes reference faces. Threads may share it; one thread per detector works at the same time."""

    def __init__(
        self,
        detector: FaceDetector,
        recogniser: Recogniser,
        *,
        decode: Callable[[bytes], Picture] = decode_photograph,
        more_detectors: Sequence[FaceDetector] = (),
        min_eye_distance_px: float = MIN_EYE_DISTANCE_PX,
    ) -> None:
        """Photographs from outside need the `decode` of a `PhotographDecoder`."""
        self._recogniser = recogniser
        self._decode = decode
        self._min_eye_distance_px = min_eye_distance_px
        self._detectors: SimpleQueue[FaceDetector] = SimpleQueue()
        for one in (detector, *more_detectors):
            self._detectors.put(one)

    @property
    def model_version(self) -> str:
        """The model version that the templates are bound to."""
        return self._recogniser.model_version

    @property
    def template_size(self) -> int:
        """Numbers of a template."""
        return self._recogniser.size

    def enrol(self, data: bytes) -> Enrolment:
        """Return the reference face of the photograph in `data` (see `read_photograph`).

        Raises CekalwatchError PHOTO_TOO_LARGE, PHOTO_UNREADABLE or PHOTO_NO_FACE; SERVER_BUSY when too many photographs
        are waiting; and EnrolmentError with PHOTO_SEVERAL_FACES (another whole face has at least a third of
        the largest one's width), PHOTO_FACE_TOO_SMALL, PHOTO_FACE_TURNED, PHOTO_BLURRED or PHOTO_BADLY_LIT.
        """
        picture = self._decode(data)
        detector = self._detectors.get()
        try:
            return self._enrol(detector, picture)
        finally:
            self._detectors.put(detector)

    def _enrol(self, detector: FaceDetector, picture: Picture) -> Enrolment:
        picture, faces, turned = find_upright(detector, picture)
        if not faces:
            raise CekalwatchError(Code.PHOTO_NO_FACE)
        face, rivals, sure = _main_face(faces, picture)
        try:
            aligned = align(picture, face.landmarks)
            figures = _figures(face, appearance(aligned, face), sure)
            if code := self._refusal(figures, rivals):
                raise EnrolmentError(code, figures)
            _, template = plain_and_reference(self._recogniser, aligned)
        except (LandmarksError, TemplateError) as error:
            raise CekalwatchError(Code.PHOTO_NO_FACE, str(error)) from error
        warnings = (*_warnings(figures), *[EnrolmentWarning.PICTURE_TURNED] * turned)
        return Enrolment(_face_jpeg(picture, face), figures, warnings, template)

    def _refusal(self, figures: FaceFigures, rivals: int) -> Code | None:
        """Return why the face cannot be a reference; None when it can."""
        if rivals:
            return Code.PHOTO_SEVERAL_FACES
        if figures.eye_distance_px < self._min_eye_distance_px:
            return Code.PHOTO_FACE_TOO_SMALL
        if _turn(figures) > USELESS_TURN_DEGREES:
            return Code.PHOTO_FACE_TURNED
        if not USELESS_DARK <= figures.brightness <= USELESS_BRIGHT:
            return Code.PHOTO_BADLY_LIT
        # Edges are fainter in the dark, but equally sharp.
        light = min(1.0, figures.brightness / WANTED_DARK)
        return Code.PHOTO_BLURRED if figures.sharpness < USELESS_SHARPNESS * light else None


def _main_face(faces: list[Face], picture: Picture) -> tuple[Face, int, int]:
    """Return the largest whole face, the number of other possible subjects, and the number of all faces.

    Faces of less than a third of its width, and those cut by the picture's edge, are not possible subjects: they are
    neighbours in a photograph that was cropped to show one person.
    """
    sure = [face for face in faces if face.score >= _SURE_SCORE] or faces
    whole = [face for face in sure if _visible_part(face, picture) >= _WHOLE_PART] or sure
    main = max(whole, key=lambda face: face.width)
    rivals = sum(face is not main and face.width >= main.width * _RIVAL_WIDTH for face in whole)
    return main, rivals, len(sure)


def _figures(face: Face, seen: FaceAppearance, faces: int) -> FaceFigures:
    return FaceFigures(
        eye_distance_px=face.eye_distance,
        yaw_degrees=seen.yaw_degrees,
        pitch_degrees=seen.pitch_degrees,
        sharpness=seen.sharpness,
        brightness=seen.brightness,
        detector_score=min(1.0, max(0.0, face.score)),
        faces=faces,
    )


def _turn(figures: FaceFigures) -> float:
    return max(abs(figures.yaw_degrees), abs(figures.pitch_degrees))


def _visible_part(face: Face, picture: Picture) -> float:
    """Return the share of the face's box that lies in the picture."""
    height, width = picture.shape[:2]
    across = max(0.0, min(face.right, width) - max(face.left, 0.0))
    down = max(0.0, min(face.bottom, height) - max(face.top, 0.0))
    return float(across * down / (face.width * face.height))


def _warnings(figures: FaceFigures) -> tuple[EnrolmentWarning, ...]:
    found = []
    if figures.eye_distance_px < SUFFICIENT_EYE_DISTANCE_PX:
        found.append(EnrolmentWarning.EYE_DISTANCE_BELOW_45)
    elif figures.eye_distance_px < WANTED_EYE_DISTANCE_PX:
        found.append(EnrolmentWarning.EYE_DISTANCE_BELOW_90)
    if _turn(figures) > MAX_TURN_DEGREES:
        found.append(EnrolmentWarning.NOT_FRONTAL)
    if figures.sharpness < WANTED_SHARPNESS:
        found.append(EnrolmentWarning.BLURRED)
    if not WANTED_DARK <= figures.brightness <= WANTED_BRIGHT:
        found.append(EnrolmentWarning.BADLY_LIT)
    if figures.detector_score < _SURE_SCORE:
        found.append(EnrolmentWarning.FACE_UNCERTAIN)
    if figures.faces > 1:
        found.append(EnrolmentWarning.OTHER_FACES)
    return tuple(found)


def _face_jpeg(picture: Picture, face: Face) -> bytes:
    height, width = picture.shape[:2]
    margin = face.width / 2
    left, top = max(0, round(face.left - margin)), max(0, round(face.top - margin))
    right, bottom = min(width, round(face.right + margin)), min(height, round(face.bottom + margin))
    return face_jpeg(picture[top:bottom, left:right], _FACE_JPEG_QUALITY, _FACE_JPEG_SIDE, MAX_FACE_JPEG_BYTES)
