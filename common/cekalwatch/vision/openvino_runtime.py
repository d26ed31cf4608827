"""Inference sessions of OpenVINO: the only place that imports it. It is an extra, and knows nothing of faces."""

from __future__ import annotations

import os
import sys
import weakref
from collections import deque
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from cekalwatch.vision.inference import Precision
from cekalwatch.vision.runtime import ModelError, Tensor


def is_installed() -> bool:
    """Return whether OpenVINO is installed, without loading it."""
    return find_spec("openvino") is not None


def has_bf16() -> bool:
    """Return whether the processor computes bfloat16. Raises ModelError if OpenVINO cannot be loaded."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@dataclass(frozen=True)
class _NodeArg:
    name: str
    shape: list[int | str]


class OpenVinoSession:
    """An `InferenceSession` on the CPU. Threads may share it.

    A call computes on `threads` threads: with one, on the caller's own, so that work of low priority stays that. For
    this each call that runs beside others has a compiled network to itself, which is made when it is first needed, and
    takes a tenth of a second and about as much memory as the network's file. With one compiled network for all callers,
    OpenVINO computes on threads of its own, and imports took two fifths of the processor (ADR 26).
    """

    def __init__(self, model: Path, threads: int, precision: Precision) -> None:
        """Load a network; raises ModelError when OpenVINO is missing, or cannot load it. `precision` is not AUTO."""
        self._core = _core()
        self._options = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": str(precision),
            "ENABLE_CPU_PINNING": False,  # the threads are also those of decoding, search and the database
        }
        self._free: deque[Any] = deque()
        try:
            self._file = os.open(model, os.O_RDONLY)  # it stays the same one when another pack takes its place
            weakref.finalize(self, os.close, self._file)
            content = self._content()
            self._digest = sha256(content).digest()
            self._free.append(self._request(content))
        except (OSError, RuntimeError) as error:
            raise ModelError(f"OpenVINO cannot load {model}: {error}. Set inference to onnxruntime.") from None
        network = self._free[0].get_compiled_model()
        self._inputs, self._outputs = [[_node_arg(one) for one in ends] for ends in (network.inputs, network.outputs)]

    def run(self, outputs: list[str] | None, feeds: dict[str, Tensor]) -> list[Tensor]:
        try:
            request = self._free.pop()
        except IndexError:
            content = self._content()
            if sha256(content).digest() != self._digest:
                raise ModelError("the network's file was changed; install the model pack again, and restart") from None
            request = self._request(content)
        found = request.infer(feeds, share_inputs=True)
        results = [np.asarray(found[one], dtype=np.float32) for one in outputs or range(len(self._outputs))]
        self._free.append(request)  # one that failed is not used again
        return results

    def get_inputs(self) -> list[_NodeArg]:
        return self._inputs

    def get_outputs(self) -> list[_NodeArg]:
        return self._outputs

    def _content(self) -> bytes:
        return os.pread(self._file, os.fstat(self._file).st_size, 0)

    def _request(self, content: bytes) -> Any:  # noqa: ANN401  # OpenVINO is untyped
        network = self._core.read_model(content)
        return self._core.compile_model(network, "CPU", self._options).create_infer_request()


def _node_arg(node: Any) -> _NodeArg:  # noqa: ANN401  # OpenVINO is untyped
    shape = [size.get_length() if size.is_static else str(size) for size in node.get_partial_shape()]
    return _NodeArg(node.get_any_name(), shape)


_cores: list[Any] = []
_making = Lock()


def _core() -> Any:  # noqa: ANN401  # OpenVINO is untyped
    """Return the core of this process, which stays until it ends. Raises ModelError where OpenVINO cannot be loaded.

    On a processor with AVX-512 each core gives the signals of the thread that made it a stack, and takes it away when
    it goes; of several that go in another order than they came, one leaves a stack that is gone (2026.4). The next
    signal, which tells a server to stop, then ended it where it stood.
    """
    library = _library()
    with _making:
        if not _cores:
            _cores.append(library.Core())
        return _cores[0]


def _library() -> Any:  # noqa: ANN401  # OpenVINO is untyped
    # Importing it would send a report of that to its maker, by a part that converts models and is not needed here. No
    # report leaves a checkpoint.
    sys.modules.setdefault("openvino.tools", None)  # type: ignore[arg-type]  # what keeps a module from being loaded
    try:
        import openvino
    except ImportError as error:
        raise ModelError(
            f"OpenVINO cannot be loaded: {error}. Install it with: pip install openvino, "
            "or set inference to onnxruntime."
        ) from None
    return openvino
