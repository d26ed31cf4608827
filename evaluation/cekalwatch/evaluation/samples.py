"""The result of reading a photograph: its templates, or why it has none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from cekalwatch.evaluation.collection import LabelledPhotograph


class Failure(StrEnum):
    """Why a photograph has no template: a failure to acquire after ISO/IEC 19795-1."""

    UNREADABLE = "UNREADABLE"
    """The file is missing, or cannot be decoded."""
    NO_FACE = "NO_FACE"
    """The detector found no face, or its landmarks are not those of a face."""


@dataclass(frozen=True, eq=False)
class FaceTemplates:
    """The templates of a photograph, shape (size,) and length 1."""

    probe: NDArray[np.float32]
    reference: NDArray[np.float32] | None
    """The template of enrolment, from the face and its mirror image; None if it is not needed."""
    quality: float
    """The camera client's quality of the whole crop, 0 to 1."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A photograph with its result; `sha256` is empty if the file could not be read."""

    photograph: LabelledPhotograph
    sha256: str
    result: FaceTemplates | Failure
