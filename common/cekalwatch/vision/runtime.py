"""Inference sessions and native threads: the only place that imports onnxruntime.

It knows nothing of faces. Thread counts are always given, never guessed: a program has one budget for all its pools.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

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


class ModelError(Exception):
    """A file that onnxruntime cannot load, or a network that is not what its place in the pack wants."""


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
        session: InferenceSession = onnxruntime.InferenceSession(
            source, session_options(threads), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own exceptions have no common base
        name = "the model" if isinstance(model, bytes) else str(model)
        unknown = any(words in str(error) for words in _UNKNOWN_OPERATOR)
        advice = ". Update onnxruntime, or get another pack" if unknown else ""
        raise ModelError(f"onnxruntime cannot load {name}: {error}{advice}") from error
    return session


def limit_native_threads(threads: int) -> None:
    """Give OpenCV's pool `threads` threads, in the whole process."""
    cv2.setNumThreads(threads)
