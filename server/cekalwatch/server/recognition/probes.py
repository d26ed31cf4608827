"""From captures to templates: decode, align, embed, in batches. One worker calls it at a time per thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.recognition.crops import decode_crop
from cekalwatch.server.recognition.engines.recogniser import Recogniser
from cekalwatch.server.recognition.templates import TemplateError
from cekalwatch.vision.alignment import LandmarksError, align
from cekalwatch.vision.faces import Picture


@dataclass(frozen=True, eq=False)
class Probe:
    """A template of a face that was captured, which can be compared with those of its model version only."""

    model_version: str
    template: NDArray[np.float32]
    """Shape (size,), length 1."""


class CaptureEmbedder:
    """Makes the probe of each capture, or says why it cannot, with the recogniser that is in use at that moment."""

    def __init__(self, recogniser: Callable[[], Recogniser]) -> None:
        self._recogniser = recogniser

    def embed(self, captures: list[Capture]) -> Sequence[Probe | Exception]:
        """Return a probe for each capture, or its CekalwatchError."""
        recogniser = self._recogniser()
        faces = [_aligned(capture) for capture in captures]
        good = [face for face in faces if not isinstance(face, CekalwatchError)]
        probes = iter(_probes(recogniser, good))
        return [face if isinstance(face, CekalwatchError) else next(probes) for face in faces]


def _probes(recogniser: Recogniser, faces: list[Picture]) -> Sequence[Probe | CekalwatchError]:
    if not faces:
        return ()
    try:
        return [Probe(recogniser.model_version, template) for template in recogniser.embed(np.stack(faces))]
    except TemplateError as error:
        if len(faces) == 1:
            return [CekalwatchError(Code.CROP_WITHOUT_TEMPLATE, str(error))]
    # One face without a template must not cost the others theirs.
    return [probe for face in faces for probe in _probes(recogniser, [face])]


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
