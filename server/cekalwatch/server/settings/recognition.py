"""The model, what computes with it, and from which score on a face is a possible match."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field

from cekalwatch.server.gallery.row_format import GalleryStorage
from cekalwatch.server.learning.learned_threshold import LearningBounds
from cekalwatch.server.settings.storage import StorageSection
from cekalwatch.vision.inference import InferenceChoice, InferenceEngine, Precision


def _processor_cores() -> int:
    return os.cpu_count() or 1


class RecognitionSection(StorageSection):
    """Model pack, gallery and threshold."""

    models_dir: Path | None = None
    """Folder of the model packs; when not set, `data_dir`/models."""
    model_pack: str = "standard"
    """Name of the model pack in use."""
    inference: InferenceEngine = InferenceEngine.AUTO
    """What computes templates: openvino or onnxruntime on the processor, cuda on an NVIDIA GPU (extra [cuda]), or auto:
    openvino where it is installed, otherwise onnxruntime. One that is named and cannot be used is an error."""
    precision: Precision = Precision.AUTO
    """With which numbers: f32, bf16 (openvino, on a processor that has it), or auto: bf16 where it is faster and leaves
    templates as they are, otherwise f32."""
    gallery_storage: GalleryStorage = GalleryStorage.FP16
    """How the gallery keeps templates in memory: fp16, or float32 in twice the memory and time. Both are searched
    exactly, and their scores differ by less than 0.001."""
    threads: Annotated[int, Field(ge=1, le=256)] = Field(default_factory=_processor_cores)
    """Native threads that inference, image work and search share; by default one for each processor core."""
    target_fpir: Annotated[float, Field(ge=1e-6, le=0.1)] = 1e-4
    """Share of passages of people who are not listed that may alert. The threshold follows from it and from the size of
    the list (docs/standard-pack.md says what the pack `standard` misses at which)."""
    threshold: Annotated[float, Field(gt=-1, lt=1)] | None = None
    """Comparison score from which a face is a possible match; when not set, the pack's own for `target_fpir` and the
    size of the gallery."""

    threshold_learning: LearningBounds = LearningBounds()
    """How the pack's threshold follows the passages of the site; see `docs/thresholds.md`."""

    @property
    def inference_choice(self) -> InferenceChoice:
        """What is to compute templates, and how."""
        return InferenceChoice(self.inference, self.precision)

    @property
    def models_path(self) -> Path:
        """The folder of model packs in use."""
        return self.models_dir or self.data_dir / "models"
