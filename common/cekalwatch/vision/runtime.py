"""Inference sessions and native threads: the only place that imports onnxruntime.

It knows nothing of faces. Thread counts are always given, never guessed: a program has one budget for all its pools.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

# Read when the library loads: no usage reports leave a checkpoint.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

onnxruntime.disable_telemetry_events()

Tensor = NDArray[np.float32]

_ERRORS_ONLY = 3
_UNKNOWN_OPERATOR = ("No Op registered for", "is not a registered function/op")
"""What onnxruntime says of an operator that it does not know."""
_CPU: Final = "CPUExecutionProvider"
_CUDA: Final = "CUDAExecutionProvider"
CUDA_OPTIONS: Final = {
    "device_id": "0",
    "use_tf32": "0",  # 10 bits of mantissa, where f32 was asked for
    "cudnn_conv_algo_search": "HEURISTIC",  # the exhaustive search is done anew for every size of batch
    "arena_extend_strategy": "kSameAsRequested",
}


class ModelError(Exception):
    """A file that cannot be loaded, or a network that is not what its place in the pack wants."""


class InferenceSession(Protocol):
    """What we use of `onnxruntime.InferenceSession`. Threads may share it."""

    def run(self, outputs: list[str] | None, feeds: dict[str, Tensor]) -> list[Tensor]:
        """Compute `outputs`, or all of them in the network's order."""

    def get_inputs(self) -> list[Any]:
        """Return the inputs, each with `name` and `shape`."""

    def get_outputs(self) -> list[Any]:
        """Return the outputs, each with `name` and `shape`."""


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Return options for `threads` threads within an operator, and operators one after another."""
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ERRORS_ONLY
    # Waiting threads that spin would take the processor from those of another pool.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def open_session(model: Path | bytes, threads: int) -> InferenceSession:
    """Load a network for the CPU; raises ModelError when it cannot be loaded."""
    source = model if isinstance(model, bytes) else str(model)
    try:
        session: InferenceSession = onnxruntime.InferenceSession(source, session_options(threads), providers=[_CPU])
    except Exception as error:  # onnxruntime's own exceptions have no common base
        name = "the model" if isinstance(model, bytes) else str(model)
        unknown = any(words in str(error) for words in _UNKNOWN_OPERATOR)
        advice = ". Update onnxruntime, or get another pack" if unknown else ""
        raise ModelError(f"onnxruntime cannot load {name}: {error}{advice}") from error
    return session


def open_cuda_session(model: Path) -> InferenceSession:
    """Load a network for the first NVIDIA GPU; raises ModelError when there is none that works, or it cannot be loaded.

    onnxruntime itself would go on without a word on the CPU.
    """
    if _CUDA not in onnxruntime.get_available_providers():
        raise ModelError(
            "onnxruntime is installed without CUDA. Run: pip uninstall --yes onnxruntime, then: pip install "
            "--force-reinstall 'cekalwatch[cuda]'; or set inference to auto."
        )
    try:
        onnxruntime.preload_dlls()  # CUDA and cuDNN as they are installed with it
        session = onnxruntime.InferenceSession(str(model), session_options(1), providers=[(_CUDA, CUDA_OPTIONS), _CPU])
    except Exception as error:  # onnxruntime's own exceptions have no common base
        raise ModelError(f"onnxruntime cannot load {model} on the GPU: {error}") from error
    if session.get_providers()[0] != _CUDA:
        raise ModelError(
            "onnxruntime finds no GPU that it can use. See that nvidia-smi lists one and that its driver is as new as "
            "the CUDA of onnxruntime-gpu, or set inference to auto."
        )
    session.disable_fallback()
    usable: InferenceSession = session
    return usable


def limit_native_threads(threads: int) -> None:
    """Give OpenCV's pool `threads` threads, in the whole process."""
    cv2.setNumThreads(threads)
