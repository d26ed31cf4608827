"""The probe of a capture: the template that is searched, made of a camera's crop by the recogniser in use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition.crop_decoder import CropDecoder
from cekalwatch.server.recognition.engines.recogniser import Recogniser, TemplateError
from cekalwatch.vision.faces import Picture


@dataclass(frozen=True, eq=False)
class Probe:
    """The template of a captured face; it can be compared with templates of its model version only."""

    model_version: str
    template: NDArray[np.float32]
    """Shape (size,), length 1."""


class CaptureEmbedder:
    """Makes the probe of each capture with the recogniser in use at that moment. Threads may share it.

    At most `at_once` of them compute; another one has its crops decoded meanwhile.
    """

    def __init__(self, recogniser: Callable[[], Recogniser], crops: CropDecoder, at_once: int) -> None:
        self._recogniser = recogniser
        self._crops = crops
        self._computing = BoundedSemaphore(at_once)

    def embed(self, captures: list[Capture]) -> Sequence[Probe | Exception]:
        """Return for each capture a probe, or the CekalwatchError that prevents one. Raises RecogniserError."""
        recogniser = self._recogniser()
        faces = self._crops.faces(captures)
        good = [face for face in faces if not isinstance(face, CekalwatchError)]
        with self._computing:
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
    # One face without a template must not affect the others.
    return [probe for face in faces for probe in _probes(recogniser, [face])]
