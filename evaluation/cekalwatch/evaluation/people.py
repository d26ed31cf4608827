"""The people of an evaluation: their references, single images, and passages as the server fuses them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.evaluation.samples import FaceTemplates, Sample
from cekalwatch.server.capture.passages import Passage

MAX_REFERENCES: Final = 3
"""Maximum references of a person; more help little and are rare on watchlists."""

Templates = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class EvaluationProbe:
    """The templates of one search: a passage's fused template after each crop, or that of a single image."""

    person: int
    group: str
    states: Templates
    """Shape (crops with a template, size); no row for a failure to acquire."""
    crops: int
    """Number of crops, including those without a template."""
    whole: bool
    """False for remaining photographs that are too few for a passage: these count only for false alerts."""


@dataclass(frozen=True, eq=False)
class EvaluatedPerson:
    """One person's photographs: the references, and the probes."""

    name: str
    references: tuple[Sample, ...]
    """At most MAX_REFERENCES single images, in their order."""
    singles: tuple[Sample, ...]
    """All single images, including references."""
    passages: tuple[tuple[Sample, ...], ...]
    """Passages of the collection."""

    @property
    def group(self) -> str:
        """The group that a photograph names, the first if there are several; empty for none."""
        named = (sample.photograph.group for each in (self.singles, *self.passages) for sample in each)
        return next(filter(None, named), "")

    def rest(self, held_back: int) -> tuple[Sample, ...]:
        """Return the single images without the first `held_back`; all of them if none would be left."""
        return self.singles[held_back:] or (() if self.passages else self.singles)

    def listable(self, references: int) -> bool:
        """Whether the person has that many references, and other photographs to search with."""
        return len(self.singles) >= references and (len(self.singles) > references or bool(self.passages))


def gather(samples: Iterable[Sample]) -> list[EvaluatedPerson]:
    """Return the people; the samples of a person, and of a passage, must be consecutive."""
    people = []
    for name, group in groupby(samples, lambda sample: sample.photograph.person):
        singles: list[Sample] = []
        passages: dict[str, list[Sample]] = {}
        for sample in group:
            if sample.photograph.passage is None:
                singles.append(sample)
            else:
                passages.setdefault(sample.photograph.passage, []).append(sample)
        references = tuple(singles[:MAX_REFERENCES])
        people.append(EvaluatedPerson(name, references, tuple(singles), tuple(map(tuple, passages.values()))))
    return people


def single_probes(people: Sequence[EvaluatedPerson], held_back: int) -> list[EvaluationProbe]:
    """Return every photograph by itself, without each person's first `held_back`."""
    found = []
    for number, person in enumerate(people):
        alone = (*person.rest(held_back), *(sample for passage in person.passages for sample in passage))
        found += [_probe(number, (sample,), whole=True) for sample in alone]
    return found


def passage_probes(people: Sequence[EvaluatedPerson], held_back: int, crops: int) -> list[EvaluationProbe]:
    """Return each person's passages; without any, runs of `crops` photographs, of which the last may be shorter."""
    found = []
    for number, person in enumerate(people):
        found += [_probe(number, passage, whole=True) for passage in person.passages]
        if not person.passages:
            alone = person.rest(held_back)
            runs = [alone[start : start + crops] for start in range(0, len(alone), crops)]
            found += [_probe(number, run, whole=len(run) == crops) for run in runs]
    return found


def _probe(person: int, samples: tuple[Sample, ...], *, whole: bool) -> EvaluationProbe:
    """Fuse as the server does, crop by crop."""
    passage = Passage()
    states = [
        passage.fuse(str(uuid.uuid4()), sample.result.probe, sample.result.quality)
        for sample in samples
        if isinstance(sample.result, FaceTemplates)
    ]
    group = samples[0].photograph.group
    return EvaluationProbe(person, group, np.array(states, dtype=np.float32), len(samples), whole)
