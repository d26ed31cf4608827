"""Searches of probes in a list, and their scores. Pure arithmetic on templates.

A listed person's probe is searched twice: as a mated one in the whole list, and as a non-mated one in the list without
that person. So everybody counts for false alerts, and a few hundred people are enough.

Like the server, these searches decide after every crop of a passage: a passage's score is the highest of them. With a
cohort model, each state of a passage is compared with the scores of its own search.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.evaluation.people import EvaluatedPerson, EvaluationProbe
from cekalwatch.evaluation.samples import FaceTemplates
from cekalwatch.vision.cohort import CohortModel

NOTHING: Final = -1.0
"""Score of a probe that cannot alert: it has no template, or another person ranks first."""
NOBODY: Final = -1
_BLOCK: Final = 512
"""Rows of probes that are searched at once, which limits memory."""

Scores = NDArray[np.float32]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Trials:
    """The scores of many searches, one entry for each probe."""

    mated: Scores
    """Score with the right person while that person ranks first; NOTHING if never."""
    mated_person: Numbers
    mated_group: NDArray[np.str_]
    non_mated: Scores
    """Highest score with anybody; NOTHING without a template."""
    non_mated_person: Numbers
    non_mated_nearest: Numbers
    """The listed person of that score; NOBODY if there is none."""
    non_mated_group: NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class WatchedList:
    """Listed people and their reference templates, grouped by person."""

    rows: NDArray[np.float32]
    owners: Numbers
    """The person of each row, in rising order."""
    cohort: CohortModel | None = None
    """How scores are compared with those of the list; None: they are not."""

    @classmethod
    def of(
        cls, people: Sequence[EvaluatedPerson], references: Mapping[int, int], cohort: CohortModel | None = None
    ) -> WatchedList:
        """List `references[person]` photographs of each person; those without a template are left out."""
        rows, owners = [], []
        for person in sorted(references):
            for sample in people[person].references[: references[person]]:
                if isinstance(sample.result, FaceTemplates) and sample.result.reference is not None:
                    rows.append(sample.result.reference)
                    owners.append(person)
        return cls(np.array(rows, dtype=np.float32), np.array(owners, dtype=np.int64), cohort)

    def search(self, probes: Sequence[EvaluationProbe], listed: frozenset[int]) -> Trials:
        """Search every probe. Probes of people in `listed` are mated, even if their reference has no template."""
        starts = np.flatnonzero(np.r_[True, np.diff(self.owners) > 0][: len(self.owners)])
        people = self.owners[starts]
        place = {int(person): column for column, person in enumerate(people)}
        mated, non_mated = _Column(), _Column()
        for probe, scores in self._scored(probes, starts):
            column = place.get(probe.person)
            if probe.person in listed and probe.whole:
                mated.add(probe, _own_score(scores, column, self.cohort))
            if column is not None:
                scores[:, column] = NOTHING
            if scores.size:
                best = compared(scores, self.cohort).max(axis=0)
                nearest = int(best.argmax())
                non_mated.add(probe, float(best[nearest]), int(people[nearest]))
            else:
                non_mated.add(probe, NOTHING)
        return Trials(
            mated=np.array(mated.scores, dtype=np.float32),
            mated_person=np.array(mated.people, dtype=np.int64),
            mated_group=np.array(mated.groups, dtype=np.str_),
            non_mated=np.array(non_mated.scores, dtype=np.float32),
            non_mated_person=np.array(non_mated.people, dtype=np.int64),
            non_mated_nearest=np.array(non_mated.nearest, dtype=np.int64),
            non_mated_group=np.array(non_mated.groups, dtype=np.str_),
        )

    def best_scores(self, probes: Sequence[EvaluationProbe]) -> Iterator[tuple[EvaluationProbe, Scores, Numbers]]:
        """Yield each probe with its highest score with every listed person, and these people's numbers.

        Scores with others are compared as if the probe's person were not on the list.
        """
        starts = np.flatnonzero(np.r_[True, np.diff(self.owners) > 0][: len(self.owners)])
        people = self.owners[starts]
        for probe, scores in self._scored(probes, starts):
            if self.cohort:
                scores[:, people != probe.person] = compared(scores[:, people != probe.person], self.cohort)
            yield probe, scores.max(axis=0, initial=NOTHING), people

    def _scored(self, probes: Sequence[EvaluationProbe], starts: Numbers) -> Iterator[tuple[EvaluationProbe, Scores]]:
        """Yield each probe with its scores, shape (states, listed people); a person's best reference counts."""
        position = 0
        while position < len(probes):
            block: list[EvaluationProbe] = []
            rows = 0
            while position < len(probes) and (not block or rows + len(probes[position].states) <= _BLOCK):
                block.append(probes[position])
                rows += len(probes[position].states)
                position += 1
            states = [probe.states for probe in block if len(probe.states)]
            by_person = np.zeros((0, len(starts)), dtype=np.float32)
            if states and len(starts):
                by_person = np.maximum.reduceat(np.concatenate(states) @ self.rows.T, starts, axis=1)
            row = 0
            for probe in block:
                count = len(probe.states) if len(starts) else 0
                yield probe, by_person[row : row + count]
                row += count


@dataclass
class _Column:
    """Columns that grow with every probe."""

    scores: list[float] = field(default_factory=list)
    people: list[int] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    nearest: list[int] = field(default_factory=list)

    def add(self, probe: EvaluationProbe, score: float, nearest: int = NOBODY) -> None:
        self.scores.append(score)
        self.people.append(probe.person)
        self.groups.append(probe.group)
        self.nearest.append(nearest)


def _own_score(scores: Scores, column: int | None, cohort: CohortModel | None) -> float:
    """Return the highest score with the right person among the states that rank that person first."""
    if column is None or not scores.size:
        return NOTHING
    first = scores.argmax(axis=1) == column
    return float(compared(scores[first], cohort)[:, column].max()) if first.any() else NOTHING


def compared(scores: Scores, cohort: CohortModel | None) -> Scores:
    """Return scores, shape (searches, listed people), each search compared with its own; NOTHING is nobody's."""
    if cohort is None or not scores.size:
        return scores
    listed = np.count_nonzero(scores > NOTHING, axis=1)
    depth = min(cohort.ranks + 1, scores.shape[1])
    nearest = -np.sort(-np.partition(scores, scores.shape[1] - depth, axis=1)[:, -depth:], axis=1)
    shifts = [cohort.shift(one[1:count].tolist(), count) for one, count in zip(nearest, listed.tolist(), strict=True)]
    moved = np.clip(scores + np.array(shifts, dtype=np.float32)[:, np.newaxis], -1, 1)
    return np.where(scores > NOTHING, moved, np.float32(NOTHING))


def pooled(runs: Sequence[Trials]) -> Trials:
    """Return the trials of several lists as one."""
    return Trials(*(np.concatenate([getattr(run, name) for run in runs]) for name in Trials.__dataclass_fields__))
