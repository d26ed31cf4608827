"""The searches of an evaluation and their figures. Pure arithmetic on people with their templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.contract.values.reports import GroupFigures, GroupPair, Rate
from cekalwatch.evaluation.people import MAX_REFERENCES, EvaluatedPerson, EvaluationProbe, single_probes
from cekalwatch.evaluation.statistics.metrics import (
    OperatingPoint,
    operating_point,
    probes_needed,
    rank_1,
    rate,
)
from cekalwatch.evaluation.statistics.trials import NOTHING, Trials, WatchedList, pooled
from cekalwatch.server.alerts.evaluation_file import TailCheck
from cekalwatch.vision.cohort import CohortModel
from cekalwatch.vision.thresholds import ThresholdModel

DEFAULT_FPIRS: Final = (3e-2, 1e-2, 3e-3, 1e-3)
MAX_LOOK_ALIKES: Final = 20
MIN_FOR_REFERENCES: Final = 10
"""Minimum number of people with one more photograph than references for a comparison of references."""
CHECKED_SIZES: Final = (100, 200, 400, 800, 1600, 3200)


@dataclass(frozen=True, eq=False)
class Study:
    """Single images, or passages, searched in lists of one size."""

    trials: Trials
    """Trials of all drawn lists."""
    probes: int
    """Number of different probes; each was searched in every list."""
    failures: Rate
    """Probes without any template: failures to acquire."""
    rank_1: float
    points: tuple[OperatingPoint, ...]
    """Points at the default FPIRs that can be measured, and at the wanted one."""
    groups: tuple[GroupFigures, ...]

    def at(self, fpir: float) -> OperatingPoint:
        """Return the measured point of a wanted FPIR."""
        return next(point for point in self.points if point.fpir == fpir)


@dataclass(frozen=True)
class ReferenceFigures:
    """Results for the same people and images, with this many references of each person."""

    references: int
    people: int
    point: OperatingPoint
    fpir_at_first: Rate
    """FPIR at the threshold for one reference: the cost of more templates if the threshold is not raised."""


@dataclass(frozen=True)
class LookAlike:
    """A person and the listed person with the highest score."""

    person: str
    listed: str
    score: float
    as_one: bool
    """Whether their score is that of one person: relatives, or one person under two names."""


def draw_lists(listable: Sequence[int], size: int, draws: int, seed: int) -> list[frozenset[int]]:
    """Return `draws` random lists of `size` people."""
    generator = np.random.default_rng(seed)
    return [frozenset(generator.choice(np.array(listable), size, replace=False).tolist()) for _ in range(draws)]


def study(
    people: Sequence[EvaluatedPerson],
    probes: Sequence[EvaluationProbe],
    lists: Sequence[frozenset[int]],
    wanted: float,
    seed: int,
    cohort: CohortModel | None = None,
) -> Study:
    """Search the probes in every list, each person in it with one reference."""
    trials = pooled(
        [WatchedList.of(people, dict.fromkeys(listed, 1), cohort).search(probes, listed) for listed in lists]
    )
    empty = np.array([not len(probe.states) for probe in probes])
    owners = np.array([probe.person for probe in probes])
    fpirs = sorted({wanted, *(each for each in DEFAULT_FPIRS if probes_needed(each) <= len(probes))}, reverse=True)
    points = tuple(operating_point(trials, each, seed) for each in fpirs)
    threshold = next(point.threshold for point in points if point.fpir == wanted)
    return Study(
        trials, len(probes), rate(empty, owners, seed), rank_1(trials), points, _groups(trials, threshold, seed)
    )


def _groups(trials: Trials, threshold: float, seed: int) -> tuple[GroupFigures, ...]:
    found = []
    for group in sorted(set(trials.non_mated_group.tolist()) - {""}):
        mated, others = trials.mated_group == group, trials.non_mated_group == group
        found.append(
            GroupFigures(
                group,
                rate(trials.mated[mated] < threshold, trials.mated_person[mated], seed),
                rate(trials.non_mated[others] >= threshold, trials.non_mated_person[others], seed),
            )
        )
    return tuple(found)


def group_pairs(
    people: Sequence[EvaluatedPerson],
    probes: Sequence[EvaluationProbe],
    threshold: float,
    seed: int,
    cohort: CohortModel | None = None,
) -> tuple[GroupPair, ...]:
    """Compare every probe with the first reference of everybody else; return the total, and each pair of groups.

    Empty if nobody has a group.
    """
    groups = [person.group for person in people]
    names = sorted(set(groups) - {""})
    if not names:
        return ()
    mistaken: list[NDArray[np.bool_]] = []
    travellers: list[NDArray[np.int64]] = []
    owners: list[NDArray[np.int64]] = []
    watched = WatchedList.of(people, dict.fromkeys(range(len(people)), 1), cohort)
    for probe, scores, listed in watched.best_scores(probes):
        others = listed != probe.person
        mistaken.append(scores[others] >= threshold)
        owners.append(listed[others])
        travellers.append(np.full(int(others.sum()), probe.person, np.int64))
    events, who, whom = np.concatenate(mistaken), np.concatenate(travellers), np.concatenate(owners)
    of = np.array(groups)
    found = [GroupPair("", "", rate(events, who, seed))]
    for traveller in names:
        for listed_group in names:
            chosen = (of[who] == traveller) & (of[whom] == listed_group)
            found.append(GroupPair(traveller, listed_group, rate(events[chosen], who[chosen], seed)))
    return tuple(found)


def compare_references(
    people: Sequence[EvaluatedPerson], wanted: float, seed: int, cohort: CohortModel | None = None
) -> tuple[ReferenceFigures, ...]:
    """Compare one, two and three references of the people who have one more photograph; empty if there are too few.

    Only these people are listed; the probes are the same single images each time.
    """
    listed = frozenset(number for number, person in enumerate(people) if person.listable(MAX_REFERENCES))
    probes = single_probes(people, MAX_REFERENCES)
    if len(listed) < MIN_FOR_REFERENCES or len(probes) < probes_needed(wanted):
        return ()
    found: list[ReferenceFigures] = []
    for references in range(1, MAX_REFERENCES + 1):
        trials = WatchedList.of(people, dict.fromkeys(listed, references), cohort).search(probes, listed)
        point = operating_point(trials, wanted, seed)
        first = found[0].point.threshold if found else point.threshold
        at_first = rate(trials.non_mated >= first, trials.non_mated_person, seed)
        found.append(ReferenceFigures(references, len(listed), point, at_first))
    return tuple(found)


def everybody_listed(
    people: Sequence[EvaluatedPerson], probes: Sequence[EvaluationProbe], cohort: CohortModel | None = None
) -> tuple[Trials, int]:
    """Search the probes among all people with a reference; return the trials and the list's size in templates."""
    listed = WatchedList.of(people, dict.fromkeys(range(len(people)), 1), cohort)
    return listed.search(probes, frozenset()), len(listed.owners)


def check_tail(
    model: ThresholdModel,
    people: Sequence[EvaluatedPerson],
    probes: Sequence[EvaluationProbe],
    wanted: float,
    draws: int,
    seed: int,
    cohort: CohortModel | None = None,
) -> tuple[TailCheck, ...]:
    """Count false alerts in lists of several sizes at the thresholds that the model gives for `wanted`."""
    with_reference = WatchedList.of(people, dict.fromkeys(range(len(people)), 1)).owners.tolist()
    found = []
    for size in (*(each for each in CHECKED_SIZES if each < len(with_reference)), len(with_reference)):
        lists = draw_lists(with_reference, size, 1 if size == len(with_reference) else draws, seed)
        trials = pooled(
            [WatchedList.of(people, dict.fromkeys(listed, 1), cohort).search(probes, frozenset()) for listed in lists]
        )
        threshold = model.threshold(size, wanted)
        counted = rate(trials.non_mated >= threshold, trials.non_mated_person, seed)
        found.append(TailCheck(size, wanted, threshold, counted))
    return tuple(found)


def score_as_one(mated: Trials) -> float:
    """Return the score from which two people count as one person under two names.

    It is the median score of one person's photographs, given trials of single images. A threshold there would miss half
    of the listed people, so no threshold is that high.
    """
    genuine = mated.mated[mated.mated > NOTHING]
    return float(np.median(genuine)) if len(genuine) else 1.0


def look_alikes(people: Sequence[EvaluatedPerson], everybody: Trials, as_one: float) -> tuple[LookAlike, ...]:
    """Return the pairs of two people with the highest scores; from `as_one` on, they count as one person."""
    best: dict[frozenset[int], tuple[float, int, int]] = {}
    for score, person, nearest in zip(
        everybody.non_mated.tolist(),
        everybody.non_mated_person.tolist(),
        everybody.non_mated_nearest.tolist(),
        strict=True,
    ):
        pair = frozenset((person, nearest))
        if score > best.get(pair, (NOTHING, 0, 0))[0]:
            best[pair] = (score, person, nearest)
    highest = sorted(best.values(), reverse=True)[:MAX_LOOK_ALIKES]
    return tuple(
        LookAlike(people[person].name, people[nearest].name, score, score >= as_one)
        for score, person, nearest in highest
    )
