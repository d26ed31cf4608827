"""Templates' length: 1, so that a dot product is the comparison score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.recognition.engines.recogniser import Templates


class TemplateError(ValueError):
    """Features that no template can be made of: not finite, or all zero."""


def normalised(features: NDArray[np.float32]) -> Templates:
    """Return `features` (n, size) with rows of length 1; raises TemplateError where a row has no direction."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise TemplateError("the recogniser gave numbers that are not finite, or only zeros")
    return np.asarray(features / lengths, dtype=np.float32)
