"""The engine and precision of a network: the choices of the settings, and their results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class InferenceEngine(StrEnum):
    """What computes networks."""

    AUTO = "auto"
    """OpenVINO where it is installed, otherwise onnxruntime. Never CUDA, which a person chooses."""
    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"
    CUDA = "cuda"
    """onnxruntime on an NVIDIA GPU."""


class Precision(StrEnum):
    """The numbers with which a network is computed."""

    AUTO = "auto"
    """bf16 where the processor has it, is faster with it and templates stay what they are; otherwise f32."""
    F32 = "f32"
    BF16 = "bf16"
    """bfloat16 (8 bits of mantissa) in multiplications, sums in f32: AVX512_BF16 or AMX, with OpenVINO."""


@dataclass(frozen=True)
class InferenceChoice:
    """What the settings ask for."""

    engine: InferenceEngine
    precision: Precision


ONNXRUNTIME_F32 = InferenceChoice(InferenceEngine.ONNXRUNTIME, Precision.F32)
"""What each machine that runs a pack can do. Measurements that are to be compared are made with it."""


@dataclass(frozen=True)
class Inference:
    """What computes a recogniser. Neither of its fields is AUTO."""

    engine: InferenceEngine
    precision: Precision
    batch: int
    """Faces a call with which it is fastest, at least 1."""
