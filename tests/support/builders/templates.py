"""People with made-up templates: directions in few dimensions, so that a reader can do the sums."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cekalwatch.evaluation.collection import LabelledPhotograph
from cekalwatch.evaluation.people import EvaluatedPerson, gather
from cekalwatch.evaluation.samples import FaceTemplates, Failure, Sample


def direction(*numbers: float) -> NDArray[np.float32]:
    """Return the template of that direction."""
    vector = np.array(numbers, dtype=np.float32)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def sample(
    person: str, template: NDArray[np.float32] | None, passage: str | None = None, quality: float = 0.5, group: str = ""
) -> Sample:
    """Return a photograph's sample; None for a failure to acquire."""
    result = Failure.NO_FACE if template is None else FaceTemplates(template, template, quality)
    return Sample(LabelledPhotograph(Path(), "", person, passage, group), "", result)


def noisy_people(count: int, photographs: int, seed: int, noise: float = 0.6, size: int = 64) -> list[EvaluatedPerson]:
    """Return people whose photographs scatter about a direction of their own."""
    generator = np.random.default_rng(seed)
    samples: list[Sample] = []
    for number in range(count):
        centre = direction(*generator.normal(size=size))
        spread = generator.normal(size=(photographs, size)) * noise / np.sqrt(size)
        samples += [sample(f"P{number:04}", direction(*(centre + each))) for each in spread]
    return gather(samples)


def people_of(*groups: Sequence[Sample]) -> list[EvaluatedPerson]:
    """Return the people of samples, one group a person."""
    return gather([one for group in groups for one in group])
