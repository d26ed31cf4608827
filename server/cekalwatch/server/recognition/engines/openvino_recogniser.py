"""A recogniser of a model pack, run by OpenVINO: an optional engine, about twice as fast on Intel processors.

Templates are those of onnxruntime within rounding (32-bit arithmetic), so that both serve one gallery.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.recognition.engines.onnx_recogniser import network_input
from cekalwatch.server.recognition.engines.recogniser import AlignedFaces, PackRecogniser
from cekalwatch.vision.alignment import ALIGNED_SIZE
from cekalwatch.vision.manifest import Pack
from cekalwatch.vision.runtime import ModelError


class OpenVinoRecogniser(PackRecogniser):
    """A `Recogniser` for `callers` threads at once, each of which gets one native thread."""

    def __init__(self, pack: Pack, callers: int) -> None:
        """Load the network; raises ModelError when OpenVINO is missing, or cannot load it."""
        try:
            import openvino
        except ImportError:
            raise ModelError("OpenVINO is not installed. Install with: pip install 'cekalwatch[openvino]'") from None
        super().__init__(pack)
        path = pack.path(pack.recogniser.file)
        settings = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_NUM_THREADS": callers,
            "NUM_STREAMS": callers,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        try:
            network = openvino.Core().read_model(path)
            network.reshape([-1, 3, ALIGNED_SIZE, ALIGNED_SIZE])
            self._network = openvino.Core().compile_model(network, "CPU", settings)
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot load {path}: {error}") from None
        self._own = threading.local()

    def _features(self, faces: AlignedFaces) -> NDArray[np.float32]:
        found = self._request().infer([network_input(faces, self._spec)])
        return np.asarray(found[0], dtype=np.float32)

    def _request(self) -> Any:  # noqa: ANN401  # OpenVINO is untyped
        """Return the calling thread's own request: one serves one call at a time."""
        if not hasattr(self._own, "request"):
            self._own.request = self._network.create_infer_request()
        return self._own.request
