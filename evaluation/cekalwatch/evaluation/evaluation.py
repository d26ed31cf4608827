"""A whole evaluation: makes templates of the photographs, searches them, and computes the figures."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from cekalwatch.contract.values.reports import GroupPair
from cekalwatch.evaluation.collection import Collection, LabelledPhotograph
from cekalwatch.evaluation.people import (
    MAX_REFERENCES,
    EvaluatedPerson,
    EvaluationProbe,
    gather,
    passage_probes,
    single_probes,
)
from cekalwatch.evaluation.samples import Failure, Sample
from cekalwatch.evaluation.statistics.metrics import probes_needed
from cekalwatch.evaluation.statistics.study import (
    LookAlike,
    ReferenceFigures,
    Study,
    check_tail,
    compare_references,
    draw_lists,
    everybody_listed,
    group_pairs,
    look_alikes,
    score_as_one,
    study,
)
from cekalwatch.evaluation.statistics.tail import TooFewPassagesError, fit_tail
from cekalwatch.evaluation.statistics.trials import Trials
from cekalwatch.evaluation.templates import TemplateMaker
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.alerts.evaluation_file import TailCheck
from cekalwatch.vision.cohort import CohortModel
from cekalwatch.vision.thresholds import Provenance, ThresholdModel


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    listed: int | None = None
    """Number of people on the list; by default half of those who can be listed."""
    draws: int = 5
    """The number of random lists."""
    seed: int = 0
    crops: int = 3
    """Crops per passage, if the collection does not state them."""
    fpir: float = 1e-2
    """The wanted FPIR, both for single images and for passages."""


@dataclass(frozen=True)
class Problems:
    """Faults of the collection."""

    failures: tuple[tuple[str, Failure], ...]
    """Photographs without a template."""
    duplicates: tuple[tuple[str, ...], ...]
    """The same picture more than once, with one person."""
    shared: tuple[tuple[str, ...], ...]
    """The same picture under two or more people, which makes the figures wrong."""
    alone: int
    """People with one photograph, who can only be travellers who are not listed."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The results."""

    source: str
    model_version: str
    made_at: datetime
    plan: Plan
    people: int
    photographs: int
    listable: int
    listed: int
    problems: Problems
    single: Study
    passages: Study
    references: tuple[ReferenceFigures, ...]
    look_alikes: tuple[LookAlike, ...]
    group_pairs: tuple[GroupPair, ...]
    """Passages, at the threshold of the wanted FPIR; first those of everybody. None if nobody has a group."""
    tail: ThresholdModel | None
    """None if there were too few passages to fit one."""
    left_out: int
    """Passages that the tail is fitted without, since they score with somebody else as one person does."""
    tail_checks: tuple[TailCheck, ...]
    images_per_second: float
    plain: PlainScores | None = None
    """Figures of scores that are not compared with those of the list; None if the model compares none."""


@dataclass(frozen=True, eq=False)
class PlainScores:
    """The figures of scores as the network gives them."""

    single: Study
    passages: Study
    tail: ThresholdModel | None


def evaluate(
    collection: Collection,
    plan: Plan,
    maker: TemplateMaker,
    model_version: str,
    shown: Callable[[Iterable[Sample], int], Iterator[Sample]],
    cohort: CohortModel | None = None,
) -> Evaluation:
    """Measure. `shown` yields the samples unchanged, and shows the progress.

    `model_version` is what scores are bound to, and `cohort` says how they are compared with those of the list. Raises
    ProgramError if something cannot be measured, before any slow work.
    """
    listed = _require_measurable(collection, plan)
    begun = time.perf_counter()
    samples = list(shown(maker.samples(with_references(collection.photographs)), len(collection.photographs)))
    took = time.perf_counter() - begun
    people = gather(samples)
    listable = [number for number, person in enumerate(people) if person.listable(1)]
    lists = draw_lists(listable, listed, plan.draws, plan.seed)
    singles, passages = single_probes(people, 1), passage_probes(people, 1, plan.crops)
    by_image = study(people, singles, lists, plan.fpir, plan.seed, cohort)
    by_passage = study(people, passages, lists, plan.fpir, plan.seed, cohort)
    now = datetime.now(UTC)
    provenance = Provenance(
        data=f"{collection.source}: {len(samples)} photographs of {len(people)} people",
        model_version=model_version,
        measured_on=now.date().isoformat(),
        people=len(people),
        passages=len(passages),
        crops=max(probe.crops for probe in passages),
        program=version("cekalwatch"),
    )
    together = _Together.of(people, passages, by_image, provenance, cohort)
    tail, plain, plain_scores = together.tail, together, None
    if cohort:
        images = study(people, singles, lists, plan.fpir, plan.seed)
        version_of_templates = replace(provenance, model_version=model_version.partition("+")[0])
        plain = _Together.of(people, passages, images, version_of_templates, None)
        by_plain_passage = study(people, passages, lists, plan.fpir, plan.seed)
        plain_scores = PlainScores(images, by_plain_passage, plain.tail)
    return Evaluation(
        source=collection.source,
        model_version=model_version,
        made_at=now,
        plan=plan,
        people=len(people),
        photographs=len(samples),
        listable=len(listable),
        listed=listed,
        problems=_problems(samples, people),
        single=by_image,
        passages=by_passage,
        references=compare_references(people, plan.fpir, plan.seed, cohort),
        look_alikes=look_alikes(people, plain.trials, plain.as_one),
        group_pairs=group_pairs(people, passages, by_passage.at(plan.fpir).threshold, plan.seed, cohort),
        tail=tail,
        left_out=together.left_out,
        tail_checks=check_tail(tail, people, passages, plan.fpir, plan.draws, plan.seed, cohort) if tail else (),
        images_per_second=len(samples) / took,
        plain=plain_scores,
    )


@dataclass(frozen=True, eq=False)
class _Together:
    """Passages searched among all people, and the tail of their scores."""

    trials: Trials
    as_one: float
    """From this score on, two people count as one."""
    tail: ThresholdModel | None
    left_out: int

    @classmethod
    def of(
        cls,
        people: Sequence[EvaluatedPerson],
        passages: Sequence[EvaluationProbe],
        by_image: Study,
        provenance: Provenance,
        cohort: CohortModel | None,
    ) -> _Together:
        trials, size = everybody_listed(people, passages, cohort)
        as_one = score_as_one(by_image.trials)
        kept = trials.non_mated < as_one
        pairs = np.stack([trials.non_mated_person, trials.non_mated_nearest], axis=1)
        counted = replace(provenance, passages=int(kept.sum()))
        try:
            tail = fit_tail(trials.non_mated[kept], pairs[kept], size, counted, size if cohort else 1)
        except TooFewPassagesError:
            tail = None
        return cls(trials, as_one, tail, int((~kept).sum()))


def with_references(photographs: Sequence[LabelledPhotograph]) -> Iterator[tuple[LabelledPhotograph, bool]]:
    """Yield each photograph and whether it will be a reference, since references need an additional, mirrored face.

    References are the first photograph of each person, and the first three of each person with a fourth one to search
    with. Who has only one photograph is listed for the tail of the thresholds.
    """
    alone = Counter(photograph.person for photograph in photographs if photograph.passage is None)
    in_passages = {photograph.person for photograph in photographs if photograph.passage is not None}
    position: Counter[str] = Counter()
    for photograph in photographs:
        person = photograph.person
        spare = alone[person] if person not in in_passages else alone[person] + 1
        most = MAX_REFERENCES if spare > MAX_REFERENCES else 1
        yield photograph, photograph.passage is None and position[person] < most
        position[person] += photograph.passage is None


def _require_measurable(collection: Collection, plan: Plan) -> int:
    """Return how many people are listed. Raises ProgramError."""
    people = gather(Sample(photograph, "", Failure.UNREADABLE) for photograph in collection.photographs)
    listable = sum(person.listable(1) for person in people)
    if listable < 2:  # a list of one cannot rank
        raise ProgramError(
            f"{collection.source} has {listable} people with a reference and another photograph; at least 2 are wanted",
            Exit.NO_INPUT,
        )
    listed = plan.listed or max(2, listable // 2)
    if listed > listable:
        raise ProgramError(
            f"{collection.source} has {listable} people who can be listed (with a second photograph), not {listed}",
            Exit.USAGE,
        )
    needed, there = probes_needed(plan.fpir), len(passage_probes(people, 1, plan.crops))
    if there < needed:
        raise ProgramError(
            f"An FPIR of {plan.fpir:g} cannot be measured with {there} non-mated passages: {needed} would be needed, "
            "since with fewer even no false alert at all would not show it. The least that can be with these is "
            f"{3 / max(there, 1):.2g} (--fpir).",
            Exit.NO_INPUT,
        )
    return listed


def _problems(samples: list[Sample], people: list[EvaluatedPerson]) -> Problems:
    same: dict[str, list[LabelledPhotograph]] = defaultdict(list)
    for sample in samples:
        if sample.sha256:
            same[sample.sha256].append(sample.photograph)
    several = [photographs for photographs in same.values() if len(photographs) > 1]
    names = [
        (len({photograph.person for photograph in photographs}), tuple(photograph.name for photograph in photographs))
        for photographs in several
    ]
    return Problems(
        failures=tuple(
            (sample.photograph.name, sample.result) for sample in samples if isinstance(sample.result, Failure)
        ),
        duplicates=tuple(each for persons, each in names if persons == 1),
        shared=tuple(each for persons, each in names if persons > 1),
        alone=sum(len(person.singles) == 1 and not person.passages for person in people),
    )
