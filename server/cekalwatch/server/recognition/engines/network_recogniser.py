"""The recogniser of a model pack with our manifest: a network that an engine computes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.recognition.engines.recogniser import AlignedFaces, PackRecogniser, RecogniserError
from cekalwatch.vision.alignment import ALIGNED_SIZE
from cekalwatch.vision.manifest import ColourOrder, Pack, RecogniserSpec
from cekalwatch.vision.runtime import InferenceSession, ModelError


class NetworkRecogniser(PackRecogniser):
    """A `Recogniser`; threads may share it."""

    def __init__(self, pack: Pack, session: InferenceSession) -> None:
        """Raises ModelError when the network in `session` is none for 112x112 faces and the manifest's templates."""
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
