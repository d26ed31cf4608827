"""How the crops of a passage become one decision: the ways that were considered, on LFW and on the cctv set.

    python -m benchmarks recognition.fusion

Four hundred are listed with one photograph each. A passage of LFW has three to five photographs, as they are or as if
taken from changing distances; ten random lists count together. cctv has thirteen people on frames of 352x288 cameras
and 387 of LFW as the rest of the list, at the threshold of LFW.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.recognition.faces import distant_people, people
from cekalwatch.evaluation.people import EvaluatedPerson, EvaluationProbe
from cekalwatch.evaluation.samples import FaceTemplates, Sample
from cekalwatch.evaluation.statistics.metrics import fnir, threshold_at
from cekalwatch.evaluation.statistics.study import draw_lists
from cekalwatch.evaluation.statistics.trials import NOTHING, Trials, WatchedList, pooled
from cekalwatch.server.capture.passages import MIN_WEIGHT

LISTED: Final = 400
CROPS: Final = (3, 4, 5)
FPIRS: Final = {"1e-2": 1e-2, "3e-3": 3e-3}
DRAWS: Final = 10

Templates = NDArray[np.float32]
Qualities = NDArray[np.float64]


def mean(templates: Templates, qualities: Qualities) -> Templates:
    """One decision at the end, on the plain mean."""
    return growing_mean(templates, qualities)[-1:]


def growing_mean(templates: Templates, qualities: Qualities) -> Templates:
    """A decision after every crop, on the plain mean so far."""
    return growing_weighted(templates, np.ones_like(qualities))


def weighted(templates: Templates, qualities: Qualities) -> Templates:
    """One decision at the end, on the mean weighted by quality."""
    return growing_weighted(templates, qualities)[-1:]


def growing_weighted(templates: Templates, qualities: Qualities) -> Templates:
    """A decision after every crop, on the mean weighted by quality so far: what the server does."""
    sums = np.cumsum(templates * np.maximum(qualities, MIN_WEIGHT)[:, np.newaxis], axis=0)
    return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True), dtype=np.float32)


def best_score(templates: Templates, qualities: Qualities) -> Templates:  # noqa: ARG001  # one of the ways
    """The best score of any crop by itself."""
    return templates


def best_quality(templates: Templates, qualities: Qualities) -> Templates:
    """The crop of the highest quality alone."""
    return templates[[int(qualities.argmax())]]


WAYS: Final[Mapping[str, Callable[[Templates, Qualities], Templates]]] = {
    way.__name__: way for way in (mean, growing_mean, weighted, growing_weighted, best_score, best_quality)
}


def probes(
    everybody: Sequence[EvaluatedPerson],
    crops: int,
    way: Callable[[Templates, Qualities], Templates],
    *,
    mirrored: bool,
) -> list[EvaluationProbe]:
    """Return everybody's passages of `crops`, or those that were given, fused in one of the ways."""
    found = []
    for number, person in enumerate(everybody):
        alone = person.rest(1)
        runs: Sequence[tuple[Sample, ...]] = person.passages or [
            alone[start : start + crops] for start in range(0, len(alone) - crops + 1, crops)
        ]
        for run in runs:
            faces = [sample.result for sample in run if isinstance(sample.result, FaceTemplates)]
            templates = np.array([face.reference if mirrored else face.probe for face in faces])
            states = way(templates, np.array([face.quality for face in faces]))
            found.append(EvaluationProbe(number, "", states, len(run), whole=True))
    return found


def measure() -> dict[str, float]:
    """Return the figures `fusion.…`; raises FileNotFoundError where a data set is not there."""
    lfw, cctv = people("lfw"), people("cctv")
    listable = [number for number, person in enumerate(lfw) if person.listable(1)]
    lists = draw_lists(listable, LISTED, DRAWS, seed=0)
    far = tuple(
        replace(near, singles=(*near.singles[:1], *scaled.singles[1:]))
        for near, scaled in zip(lfw, distant_people("lfw"), strict=True)
    )
    both = (*cctv, *lfw)
    filling = draw_lists(listable, LISTED - len(cctv), 1, seed=0)[0]
    hard_list = WatchedList.of(both, dict.fromkeys([*range(len(cctv)), *(len(cctv) + each for each in filling)], 1))
    figures: dict[str, float] = {}
    for name, way in WAYS.items():
        for mirrored in (False, True):
            label = f"fusion.{name}{'_mirrored' if mirrored else ''}"
            threshold = NOTHING
            for place, them in (("distant", far), ("lfw", lfw)):
                for crops in CROPS:
                    trials = searched(them, probes(them, crops, way, mirrored=mirrored), lists)
                    for words, fpir in FPIRS.items():
                        figures[f"{label}.fnir_{place}_{crops}_at_{words}"] = fnir(trials, threshold_at(trials, fpir))
                    threshold = threshold_at(trials, FPIRS["1e-2"])
            hard = hard_list.search(probes(cctv, 5, way, mirrored=mirrored), frozenset(range(len(cctv))))
            figures[f"{label}.fnir_cctv"] = fnir(hard, threshold)
            figures[f"{label}.not_first_cctv"] = float((hard.mated == NOTHING).mean())
            figures[f"{label}.own_score_cctv"] = float(np.mean(hard.mated[hard.mated > NOTHING]))
            figures[f"{label}.others_score_cctv"] = float(np.mean(hard.non_mated))
    return {name: round(value, 4) for name, value in figures.items()}


def searched(
    everybody: Sequence[EvaluatedPerson], them: Sequence[EvaluationProbe], lists: Sequence[frozenset[int]]
) -> Trials:
    """Search the probes in each of the lists."""
    return pooled([WatchedList.of(everybody, dict.fromkeys(each, 1)).search(them, each) for each in lists])


if __name__ == "__main__":
    print(measure())
