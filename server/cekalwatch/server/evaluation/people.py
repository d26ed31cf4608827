"""Who takes part in an evaluation, with which templates: references, single photographs, and passages as the server
fuses them. Pure: it knows no picture.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.domain.passages import Passage
from cekalwatch.server.evaluation.samples import FaceTemplates, Sample

MAX_REFERENCES: Final = 3
"""Photographs of a person that are compared as references; more bring little and are rare on watchlists."""
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)

Templates = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class EvaluationProbe:
    """What a search is made with: a passage's fused templates after each crop, or one photograph's."""

    person: int
    group: str
    states: Templates
    """Shape (crops with a template, size). No row: nothing could be acquired."""
    crops: int
    """Crops that it was made of, those without a template included."""
    whole: bool
    """False for what is left of a person's photographs when a passage wants more: it tells about false alerts alone."""


@dataclass(frozen=True, eq=False)
class EvaluatedPerson:
    """One person's photographs: the references, and what is left to search with."""

    name: str
    references: tuple[Sample, ...]
    """At most MAX_REFERENCES that stand by themselves, in their order."""
    singles: tuple[Sample, ...]
    """Those that stand by themselves, the first ones included."""
    passages: tuple[tuple[Sample, ...], ...]
    """Passages as they were given."""

    def rest(self, held_back: int) -> tuple[Sample, ...]:
        """Return what stands by itself without the first `held_back`; all of it when nothing else is left."""
        return self.singles[held_back:] or (() if self.passages else self.singles)

    def listable(self, references: int) -> bool:
        """Whether there are as many references, and something else to search with."""
        return len(self.singles) >= references and (len(self.singles) > references or bool(self.passages))


def gather(samples: Iterable[Sample]) -> list[EvaluatedPerson]:
    """Return the people; a person's samples follow one another, and a passage's within them."""
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
    """Return each person's passages; where none were given, runs of `crops` photographs, the last one shorter."""
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
    passage = Passage(_ANY_TIME)
    states = [
        passage.fuse(uuid.uuid4(), sample.result.probe, sample.result.quality)
        for sample in samples
        if isinstance(sample.result, FaceTemplates)
    ]
    group = samples[0].photograph.group
    return EvaluationProbe(person, group, np.array(states, dtype=np.float32), len(samples), whole)
