"""Whether the pack's thresholds keep their promise on long lists, and what they miss there.

    python -m benchmarks recognition.long_lists

The people of LFW and of the South Asian set together, more than 2,200, are the list and the travellers. Scores are
compared with those of the list as the pack says. FPIR is counted in `DRAWS` lists of a size, drawn for all passages
together; each passage meets as many strangers. Pairs of the South Asian set that are likely one person are left out,
and its people meet those of other regions; `…_own_region` counts all. `long.pairs_…` is how many different pairs reach
the threshold in these lists: fewer than ten say little.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.recognition.faces import PACK, people, south_asians
from benchmarks.recognition.likeness import SAME_PERSON_TWICE, WRONG_LABEL
from cekalwatch.evaluation.people import EvaluatedPerson, EvaluationProbe, passage_probes, single_probes
from cekalwatch.evaluation.statistics.metrics import rate
from cekalwatch.evaluation.statistics.tail import fit_tail
from cekalwatch.evaluation.statistics.trials import NOTHING, WatchedList, compared
from cekalwatch.vision.cohort import CohortModel
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.thresholds import Provenance, ThresholdModel

CROPS: Final = 3
LIST_SIZES: Final = (100, 400, 1_000, 2_000)
LONG_LIST: Final = 10_000
"""Longer than the data: what is missed at its threshold can be counted, its false alerts cannot."""
FPIRS: Final = {"1e-2": 1e-2, "1e-3": 1e-3, "1e-4": 1e-4}
SPLITS: Final = 6
DRAWS: Final = 4

Scores = NDArray[np.float32]
People = NDArray[np.int64]


class FalseMatches:
    """Of each passage the highest score with somebody else, who that is, and who passed."""

    def __init__(self, scores: Scores, travellers: People, nearest: People) -> None:
        self.scores = scores
        self.pairs = np.stack([travellers, nearest], axis=1)

    def fpir(self, threshold: float) -> float:
        """Return the share that reaches `threshold`."""
        return float((self.scores >= threshold).mean())

    def pairs_at(self, threshold: float) -> int:
        """Return the number of different pairs that reach `threshold`."""
        return len(np.unique(np.sort(self.pairs[self.scores >= threshold], axis=1), axis=0))


class Strangers:
    """The scores of passages with listed people who are somebody else."""

    def __init__(
        self,
        everybody: list[EvaluatedPerson],
        probes: list[EvaluationProbe],
        circles: People,
        cohort: CohortModel | None,
    ) -> None:
        """`circles`: of each person; who is of one circle may be one person, and is not on that person's list."""
        watched = WatchedList.of(everybody, dict.fromkeys(range(len(everybody)), 1))
        self.listed = watched.owners
        self._cohort = cohort
        self._travellers = np.repeat([one.person for one in probes], [len(one.states) for one in probes])
        self._passages = np.repeat(np.arange(len(probes)), [len(one.states) for one in probes])
        scores = np.concatenate([one.states for one in probes]) @ watched.rows.T
        alike = circles[self._travellers][:, np.newaxis] == circles[self.listed]
        self._scores = np.where(alike, np.float32(NOTHING), scores)

    def whole(self, travellers: People, listed: People) -> FalseMatches:
        """Search the passages of these `travellers` in the list of all these people."""
        rows, columns = self._of(travellers, listed)
        return self._searched(rows, columns, self._scores[np.ix_(rows, columns)])

    def lists(self, travellers: People, listed: People, size: int) -> FalseMatches:
        """Search the passages in DRAWS lists of `size` strangers of each, drawn from these `listed`."""
        rows, columns = self._of(travellers, listed)
        drawn = [self._drawn(rows, columns, size, draw) for draw in range(DRAWS)]
        pairs = np.concatenate([one.pairs for one in drawn])
        return FalseMatches(np.concatenate([one.scores for one in drawn]), pairs[:, 0], pairs[:, 1])

    def longest(self, travellers: People, listed: People) -> int:
        """Return how many strangers each of these passages has at least."""
        rows, columns = self._of(travellers, listed)
        return int((self._scores[np.ix_(rows, columns)] > NOTHING).sum(axis=1).min())

    def fit(self, among: People) -> ThresholdModel:
        """Return the tail of the passages of people `among` these, with all of them listed."""
        found, rows, columns = self.whole(among, among), *self._of(among, among)
        size = round(float((self._scores[np.ix_(rows, columns)] > NOTHING).sum(axis=1).mean()))
        provenance = Provenance("", "", "", len(among), len(found.scores), CROPS, "")
        return fit_tail(found.scores, found.pairs, size, provenance, size if self._cohort else 1)

    def like_one_person(self, among: People, limit: float) -> People:
        """Return the later one of each two people `among` these whose cosine is `limit` or more."""
        rows, columns = self._of(among, among)
        pairs = np.argwhere(self._scores[np.ix_(rows, columns)] >= limit)
        return np.unique(np.maximum(self._travellers[rows[pairs[:, 0]]], self.listed[columns[pairs[:, 1]]]))

    def _of(self, travellers: People, listed: People) -> tuple[People, People]:
        return np.flatnonzero(np.isin(self._travellers, travellers)), np.flatnonzero(np.isin(self.listed, listed))

    def _drawn(self, rows: People, columns: People, size: int, draw: int) -> FalseMatches:
        columns = np.random.default_rng(draw).permutation(columns)
        scores = self._scores[np.ix_(rows, columns)]
        place = (scores > NOTHING).cumsum(axis=1)
        width = int((place >= size).argmax(axis=1).max()) + 1
        inside = place[:, :width] <= size
        return self._searched(rows, columns, np.where(inside, scores[:, :width], np.float32(NOTHING)))

    def _searched(self, rows: People, columns: People, scores: Scores) -> FalseMatches:
        scores = compared(scores, self._cohort)
        nearest = scores.argmax(axis=1)
        best = scores[np.arange(len(rows)), nearest]
        passages = self._passages[rows]
        rising = np.lexsort((best, passages))
        highest = rising[np.r_[passages[rising][1:] != passages[rising][:-1], True]]
        return FalseMatches(best[highest], self._travellers[rows[highest]], self.listed[columns[nearest[highest]]])


def measure() -> dict[str, float]:
    """Return the figures `long.…`; raises FileNotFoundError where a data set is not there."""
    pack = load_pack(PACK)
    model, cohort = pack.decision_thresholds, pack.cohort
    lfw, asian = people("lfw"), south_asians()
    everybody = [*lfw, *asian]
    probes = [probe for probe in passage_probes(everybody, 1, CROPS) if len(probe.states)]
    alone = np.arange(len(everybody))
    regions, sexes = (np.array([person.group.partition("/")[place] for person in everybody]) for place in (0, 2))
    by_region = np.where(regions == "", alone, len(everybody) + np.unique(regions, return_inverse=True)[1])
    each_person = Strangers(everybody, probes, alone, cohort)
    strangers = Strangers(everybody, probes, by_region, cohort)
    own_lfw, own_asian = (strangers.listed[(sexes[strangers.listed] != "") == asian] for asian in (False, True))
    twice = np.concatenate(
        [each_person.like_one_person(own_lfw, WRONG_LABEL), each_person.like_one_person(own_asian, SAME_PERSON_TWICE)]
    )
    own_lfw, own_asian = np.setdiff1d(own_lfw, twice), np.setdiff1d(own_asian, twice)
    together = np.concatenate([own_lfw, own_asian])
    women, men = (own_asian[sexes[own_asian] == sex] for sex in ("female", "male"))
    watched = WatchedList.of(everybody, dict.fromkeys(range(len(everybody)), 1), cohort)
    whole = watched.search(probes, frozenset(watched.owners.tolist()))
    single = watched.search(single_probes(everybody, 1), frozenset(range(len(lfw))))
    figures: dict[str, float] = {
        "people": len(together),
        "left_out": len(twice),
        "passages": len(probes),
        "mated_passages": len(whole.mated),
        "mated_single": len(single.mated),
    }
    for name, found, who in (
        ("together", strangers, together),
        ("lfw", strangers, own_lfw),
        ("southasian", strangers, own_asian),
        ("southasian_own_region", each_person, own_asian),
        ("women", strangers, women),
        ("men", strangers, men),
    ):
        figures |= kept(model, found, who, name)
    figures |= promises(strangers, together, "promise_ratio") | promises(strangers, own_lfw, "promise_ratio_lfw")
    fitted = {"together": strangers.fit(together), "southasian": strangers.fit(own_asian)}
    for size in (*LIST_SIZES, LONG_LIST):
        for words, fpir in FPIRS.items():
            at = f"{size}_at_{words}"
            threshold = model.threshold(size, fpir)
            missed = rate(whole.mated < threshold, whole.mated_person, seed=0)
            figures |= {
                f"threshold_{at}": threshold,
                f"fnir_{at}": missed.value,
                f"fnir_{at}_low": missed.low,
                f"fnir_{at}_high": missed.high,
                f"fnir_{at}_single": float((single.mated < threshold).mean()),
            }
            for name, tail in fitted.items():
                threshold = tail.threshold(size, fpir)
                figures[f"threshold_{at}_fitted_on_{name}"] = threshold
                figures[f"fnir_{at}_fitted_on_{name}"] = float((whole.mated < threshold).mean())
    return {f"long.{name}": float(f"{value:.4g}") for name, value in figures.items()}


def kept(model: ThresholdModel, strangers: Strangers, people_of: People, name: str) -> dict[str, float]:
    """Return counted over promised FPIR in lists of these people, whom they pass, and the pairs that it rests on."""
    figures: dict[str, float] = {}
    for size in (each for each in LIST_SIZES if each <= strangers.longest(people_of, people_of)):
        found = strangers.lists(people_of, people_of, size)
        for words, fpir in FPIRS.items():
            threshold = model.threshold(size, fpir)
            figures[f"fpir_ratio_{name}_{size}_at_{words}"] = found.fpir(threshold) / fpir
            figures[f"pairs_{name}_{size}_at_{words}"] = found.pairs_at(threshold)
    return figures


def promises(strangers: Strangers, together: People, prefix: str) -> dict[str, float]:
    """Return counted over promised FPIR of one half's passages, with thresholds that are fitted on the other half.

    Lists that a half cannot fill are of everybody; those that everybody cannot fill are left out.
    """
    ratios: dict[str, list[float]] = defaultdict(list)
    for split in range(SPLITS):
        order = np.random.default_rng(split).permutation(together)
        first, second = np.array_split(order, 2)
        for mine, others in ((first, second), (second, first)):
            model = strangers.fit(mine)
            of_half, of_all = strangers.longest(others, others), strangers.longest(others, together)
            for size in (one for one in LIST_SIZES if one <= of_all):
                found = strangers.lists(others, others if size <= of_half else together, size)
                for words, fpir in FPIRS.items():
                    ratios[f"{prefix}_{size}_at_{words}"].append(found.fpir(model.threshold(size, fpir)) / fpir)
    return {
        **{name: statistics.mean(each) for name, each in ratios.items()},
        **{f"{name}_least": min(each) for name, each in ratios.items()},
        **{f"{name}_most": max(each) for name, each in ratios.items()},
    }


if __name__ == "__main__":
    print(measure())
