"""Opens the recogniser of a pack with the engine and precision that the settings choose.

If a person's choice is not available, that is an error: nothing else replaces it. The status and the log show what
`auto` chose.
"""

from __future__ import annotations

import time
from typing import Final

import cv2
import numpy as np
import structlog

from cekalwatch.server.recognition.engines.recogniser import AlignedFaces, NetworkRecogniser, Recogniser
from cekalwatch.vision import openvino_runtime
from cekalwatch.vision.alignment import ALIGNED_SIZE
from cekalwatch.vision.inference import Inference, InferenceChoice, InferenceEngine, Precision
from cekalwatch.vision.manifest import Pack
from cekalwatch.vision.openvino_runtime import OpenVinoSession
from cekalwatch.vision.runtime import ModelError, open_cuda_session, open_session

MIN_AGREEMENT: Final = 0.998
"""Minimum cosine between the templates of one face in f32 and in another precision, for use in one gallery."""
BATCHES: Final = {
    (InferenceEngine.ONNXRUNTIME, Precision.F32): 1,
    (InferenceEngine.OPENVINO, Precision.F32): 4,
    (InferenceEngine.OPENVINO, Precision.BF16): 8,
    (InferenceEngine.CUDA, Precision.F32): 32,
}
"""Number of faces per call with which each engine is fastest (ADR 26). CUDA was not measured."""

_FACES: Final = 8
_TIMED_FACES: Final = 2
_TIMED_CALLS: Final = 7
"""Measurements alternate between the precisions, so that other work on the machine slows both."""

log = structlog.get_logger()


def open_recogniser(pack: Pack, threads: int, choice: InferenceChoice) -> tuple[Recogniser, Inference]:
    """Return the recogniser of a pack with our manifest, each call computing on `threads` threads.

    Raises ModelError when the chosen engine is not installed, the machine lacks what it needs, or the network cannot be
    loaded.
    """
    engine = choice.engine
    if engine is InferenceEngine.AUTO:
        engine = InferenceEngine.OPENVINO if openvino_runtime.is_installed() else InferenceEngine.ONNXRUNTIME
    if engine is InferenceEngine.OPENVINO:
        recogniser, precision = _with_openvino(pack, threads, choice.precision)
        return recogniser, _inference(engine, precision)
    if choice.precision is Precision.BF16:
        raise ModelError(f"{engine} computes in f32 only. Set precision to auto, or inference to openvino.")
    path = pack.path(pack.recogniser.file)
    session = open_cuda_session(path) if engine is InferenceEngine.CUDA else open_session(path, threads)
    return NetworkRecogniser(pack, session), _inference(engine, Precision.F32)


def _inference(engine: InferenceEngine, precision: Precision) -> Inference:
    return Inference(engine, precision, BATCHES[engine, precision])


def _with_openvino(pack: Pack, threads: int, wanted: Precision) -> tuple[Recogniser, Precision]:
    def opened(precision: Precision) -> NetworkRecogniser:
        return NetworkRecogniser(pack, OpenVinoSession(pack.path(pack.recogniser.file), threads, precision))

    plain = opened(Precision.F32)
    if wanted is Precision.F32:
        return plain, Precision.F32
    if not openvino_runtime.has_bf16():
        if wanted is Precision.AUTO:
            return plain, Precision.F32
        raise ModelError("this processor has no bf16 (AVX512_BF16 or AMX). Set precision to auto.")
    short = opened(Precision.BF16)
    faces = drawn_faces(_FACES)
    agreement = float(np.sum(plain.embed(faces) * short.embed(faces), axis=1).min())
    if agreement >= MIN_AGREEMENT and (wanted is Precision.BF16 or _is_faster(short, plain, faces[:_TIMED_FACES])):
        return short, Precision.BF16
    log.warning("precision_not_used", precision=str(Precision.BF16), agreement=round(agreement, 4))
    if wanted is Precision.AUTO:
        return plain, Precision.F32
    raise ModelError(
        f"in bf16 the templates of this network are not those of f32: their least cosine is {agreement:.4f}, and at "
        f"least {MIN_AGREEMENT} is needed. Set precision to auto."
    )


def _is_faster(one: NetworkRecogniser, other: NetworkRecogniser, faces: AlignedFaces) -> bool:
    def seconds(recogniser: NetworkRecogniser) -> float:
        begun = time.perf_counter()
        recogniser.embed(faces)
        return time.perf_counter() - begun

    calls = [(seconds(one), seconds(other)) for _ in range(_TIMED_CALLS)]
    return min(mine for mine, _ in calls) < min(its for _, its in calls)


def drawn_faces(count: int) -> AlignedFaces:
    """Return drawings of faces, the same each time, so that no server needs photographs of people.

    For the pack `light`, their minimum cosine between f32 and bf16 is 0.9991; for 500 faces of LFW it is 0.9993.
    """
    chance = np.random.default_rng(1)
    return np.stack([_drawn_face(chance) for _ in range(count)])


def _drawn_face(chance: np.random.Generator) -> AlignedFaces:
    def about(value: float, spread: float = 1.0) -> int:
        return max(1, round(chance.normal(value, spread)))

    skin = chance.uniform(60, 230) * np.array([0.72, 0.85, 1.0])
    face = np.empty((ALIGNED_SIZE, ALIGNED_SIZE, 3))
    face[:] = chance.uniform(20, 220, 3)
    cv2.ellipse(face, (56, 60), (about(42), about(54)), 0, 0, 360, skin.tolist(), cv2.FILLED)
    for x in (38, 74):
        eye = (about(x), about(52))
        cv2.ellipse(face, eye, (about(8), about(4)), 0, 0, 360, (235, 235, 235), cv2.FILLED)
        cv2.circle(face, eye, 3, (30, 30, 30), cv2.FILLED)
        cv2.line(face, (x - 10, about(43)), (x + 10, about(43)), (skin * 0.35).tolist(), about(2))
    cv2.line(face, (56, 55), (about(56), 72), (skin * 0.8).tolist(), about(4))
    cv2.ellipse(face, (56, 92), (about(15), about(4)), 0, 0, 360, (skin * [0.6, 0.5, 0.8]).tolist(), cv2.FILLED)
    light = np.linspace(chance.uniform(0.5, 1), chance.uniform(0.5, 1), ALIGNED_SIZE)
    blurred = cv2.GaussianBlur(face * light[None, :, None], (0, 0), chance.uniform(0.6, 2))
    return np.clip(blurred + chance.normal(0, chance.uniform(2, 10), face.shape), 0, 255).astype(np.uint8)
