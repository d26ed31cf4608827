"""What a photograph gives: its templates, or why it has none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.evaluation.collection import LabelledPhotograph


class Failure(StrEnum):
    """Why a photograph gave no template: what ISO/IEC 19795-1 calls a failure to acquire."""

    UNREADABLE = "UNREADABLE"
    """No file, or no picture that can be decoded."""
    NO_FACE = "NO_FACE"
    """The detector found none, or its landmarks are no face's."""


@dataclass(frozen=True, eq=False)
class FaceTemplates:
    """What a photograph gives. Templates have the shape (size,) and length 1."""

    probe: NDArray[np.float32]
    reference: NDArray[np.float32] | None
    """As enrolment makes it, from the face and its mirror image; None where nobody asked for it."""
    quality: float
    """The camera client's figure for the whole crop, 0 to 1."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A photograph with what it gave; `sha256` is empty when the file could not be read."""

    photograph: LabelledPhotograph
    sha256: str
    result: FaceTemplates | Failure
