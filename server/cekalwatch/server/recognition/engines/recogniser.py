"""Recognisers: what turns an aligned face into a template."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.vision.alignment import ALIGNED_SIZE
from cekalwatch.vision.manifest import ColourOrder, Pack, RecogniserSpec

if TYPE_CHECKING:
    from cekalwatch.vision.runtime import InferenceSession

AlignedFaces = NDArray[np.uint8]
"""BGR, shape (n, 112, 112, 3): faces aligned by `cekalwatch.vision.alignment`."""

Templates = NDArray[np.float32]
"""Shape (n, size); each row has length 1, so that a dot product is the comparison score (cosine, -1 to 1)."""


class Recogniser(Protocol):
    """Makes templates. Threads may share an instance; each call computes on the caller's thread."""

    @property
    def model_version(self) -> str:
        """Model version of its templates: pack name and start of the recogniser's sha256, as "standard-1a2b3c4d"."""

    @property
    def size(self) -> int:
        """Numbers a template has, for example 512."""

    def embed(self, faces: AlignedFaces) -> Templates:
        """Return one template a face. Raises TemplateError and RecogniserError."""


class TemplateError(ValueError):
    """Features from which no template can be made: not finite, or all zero."""


class RecogniserError(CekalwatchError):
    """The engine has failed, for example because a GPU is gone. The faces may be valid: try them again."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.RECOGNISER_FAILED, detail)


def normalised(features: NDArray[np.float32]) -> Templates:
    """Return `features` (n, size) with rows of length 1; raises TemplateError where a row has no direction."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise TemplateError("the recogniser gave numbers that are not finite, or only zeros")
    return np.asarray(features / lengths, dtype=np.float32)


class PackRecogniser(ABC):
    """Base of the recognisers of model packs: a `Recogniser` whose subclass computes the features."""

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


class NetworkRecogniser(PackRecogniser):
    """The recogniser of a model pack with our manifest: a network that an engine computes. Threads may share it."""

    def __init__(self, pack: Pack, session: InferenceSession) -> None:
        """Raises ModelError when the network in `session` does not fit 112x112 faces and the manifest's templates."""
        from cekalwatch.vision.runtime import ModelError  # it loads onnxruntime

        super().__init__(pack)
        path, size = pack.path(pack.recogniser.file), pack.recogniser.size
        self._session = session
        given, output = session.get_inputs()[0], session.get_outputs()[0]
        if list(given.shape[1:]) != [3, ALIGNED_SIZE, ALIGNED_SIZE] or output.shape[-1] != size:
            raise ModelError(f"{path} does not take 112x112 faces or does not give {size} numbers")
        if isinstance(given.shape[0], int):
            raise ModelError(f"{path} takes {given.shape[0]} face at a time; the batch must be free")
        self._input = str(given.name)

    def _features(self, faces: AlignedFaces) -> NDArray[np.float32]:
        given = network_input(faces, self._spec)
        try:
            (features,) = self._session.run(None, {self._input: given})
        except Exception as error:  # the engines' own exceptions have no common base
            raise RecogniserError(f"the engine failed: {error}") from error
        return np.asarray(features, dtype=np.float32)


def network_input(faces: AlignedFaces, spec: RecogniserSpec) -> NDArray[np.float32]:
    """Return `faces` as the network wants them: shape (n, 3, 112, 112), its colour order, mean and scale."""
    blob = cv2.dnn.blobFromImages(
        list(faces),
        1 / spec.std,
        (ALIGNED_SIZE, ALIGNED_SIZE),
        (spec.mean,) * 3,
        swapRB=spec.colour_order is ColourOrder.RGB,
    )
    return np.asarray(blob, dtype=np.float32)
