"""The interface of recognisers: what turns an aligned face into a template."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.vision.manifest import Pack

AlignedFaces = NDArray[np.uint8]
"""BGR, shape (n, 112, 112, 3): faces aligned by `cekalwatch.vision.alignment`."""

Templates = NDArray[np.float32]
"""Shape (n, size); each row has length 1, so that a dot product is the comparison score (cosine, -1 to 1)."""


class Recogniser(Protocol):
    """Makes templates. Threads may share an instance; each call computes on the caller's thread."""

    @property
    def model_version(self) -> str:
        """What templates are bound to: pack name and start of the recogniser's sha256, like "standard-1a2b3c4d"."""

    @property
    def size(self) -> int:
        """Numbers a template has, for example 512."""

    def embed(self, faces: AlignedFaces) -> Templates:
        """Return one template a face. Raises TemplateError and RecogniserError."""


class TemplateError(ValueError):
    """Features that no template can be made of: not finite, or all zero."""


class RecogniserError(CekalwatchError):
    """What computes the network has failed, as when a GPU is gone. It says nothing of the faces: try them again."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.RECOGNISER_FAILED, detail)


def normalised(features: NDArray[np.float32]) -> Templates:
    """Return `features` (n, size) with rows of length 1; raises TemplateError where a row has no direction."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise TemplateError("the recogniser gave numbers that are not finite, or only zeros")
    return np.asarray(features / lengths, dtype=np.float32)


class PackRecogniser(ABC):
    """What the recognisers of model packs share: a `Recogniser` whose subclass computes the features."""

    def __init__(self, pack: Pack) -> None:
        self._model_version = pack.model_version
        self._spec = pack.recogniser

    @property
    def model_version(self) -> str:
        """See `Recogniser`."""
        return self._model_version

    @property
    def size(self) -> int:
        """See `Recogniser`."""
        return self._spec.size

    def embed(self, faces: AlignedFaces) -> Templates:
        """Return one template a face; raises TemplateError and RecogniserError."""
        if len(faces) == 0:
            return np.zeros((0, self.size), dtype=np.float32)
        return normalised(np.asarray(self._features(faces), dtype=np.float32))

    @abstractmethod
    def _features(self, faces: AlignedFaces) -> NDArray[np.float32]:
        """Return the network's numbers, shape (n, size), for at least one face."""
