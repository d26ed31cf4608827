"""From captures to templates: decode, align, embed, in batches. One worker calls it at a time per thread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.recognition.crops import decode_crop
from cekalwatch.server.recognition.recogniser import Recogniser
from cekalwatch.server.recognition.templates import TemplateError
from cekalwatch.vision.alignment import LandmarksError, align
from cekalwatch.vision.faces import Picture


class CaptureEmbedder:
    """Makes the template of each capture, or says why it cannot."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser

    def embed(self, captures: list[Capture]) -> Sequence[NDArray[np.float32] | Exception]:
        """Return a template of shape (size,) and length 1 for each capture, or its CekalwatchError."""
        faces = [_aligned(capture) for capture in captures]
        good = [face for face in faces if not isinstance(face, CekalwatchError)]
        templates = iter(self._templates(good))
        return [face if isinstance(face, CekalwatchError) else next(templates) for face in faces]

    def _templates(self, faces: list[Picture]) -> Sequence[NDArray[np.float32] | CekalwatchError]:
        if not faces:
            return ()
        try:
            return list(self._recogniser.embed(np.stack(faces)))
        except TemplateError as error:
            if len(faces) == 1:
                return [CekalwatchError(Code.CROP_WITHOUT_TEMPLATE, str(error))]
        # One face without a template must not cost the others theirs.
        return [template for face in faces for template in self._templates([face])]


def _aligned(capture: Capture) -> Picture | CekalwatchError:
    try:
        picture = decode_crop(capture.jpeg)
        height, width = picture.shape[:2]
        landmarks = np.array(capture.landmarks, dtype=np.float32)
        if (landmarks < 0).any() or (landmarks > (width, height)).any():
            return CekalwatchError(Code.LANDMARKS_INVALID, "outside the crop")
        return align(picture, landmarks)
    except LandmarksError as error:
        return CekalwatchError(Code.LANDMARKS_INVALID, str(error))
    except CekalwatchError as error:
        return error
