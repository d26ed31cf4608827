"""Whether the pack's thresholds keep their promise on long lists, and what they miss there.

    python -m benchmarks recognition.long_lists

The people of LFW and of the South Asian set together, more than 2,200, are the list and the travellers. FPIR is that of
all lists of a size: for each passage it is known who scores above a threshold. Pairs of the South Asian set that are
likely one person are left out, and its people meet those of other regions; `…_own_region` counts all. `long.pairs_…` is
how many pairs reach the threshold: fewer than ten say little.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from benchmarks.recognition.faces import PACK, people, south_asians
from benchmarks.recognition.likeness import SAME_PERSON_TWICE, WRONG_LABEL
from cekalwatch.evaluation.people import passage_probes, single_probes
from cekalwatch.evaluation.statistics.metrics import rate
from cekalwatch.evaluation.statistics.tail import fit_tail
from cekalwatch.evaluation.statistics.trials import NOTHING, WatchedList
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.thresholds import Provenance, ThresholdModel

CROPS: Final = 3
LIST_SIZES: Final = (100, 400, 1_000, 2_000)
LONG_LIST: Final = 10_000
"""Longer than the data: what is missed at its threshold can be counted, its false alerts cannot."""
FPIRS: Final = {"1e-2": 1e-2, "1e-3": 1e-3, "1e-4": 1e-4}
SPLITS: Final = 6

Scores = NDArray[np.float32]
People = NDArray[np.int64]


class Strangers:
    """The scores of passages with listed people who are somebody else."""

    def __init__(self, scores: Scores, travellers: People, listed: People, circles: People) -> None:
        """`scores`: shape (passages, listed people); `travellers`: whose passages they are.

        `circles`: of each person; who is of one circle may be one person, and does not count.
        """
        self._scores = np.where(circles[travellers][:, np.newaxis] == circles[listed], np.float32(NOTHING), scores)
        self._travellers = travellers
        self._listed = listed

    def between(self, travellers: People, listed: People) -> Scores:
        """Return the scores of the passages of these people with these listed; NOTHING within a circle."""
        rows, columns = np.isin(self._travellers, travellers), np.isin(self._listed, listed)
        return np.asarray(self._scores[np.ix_(rows, columns)])

    def fit(self, among: People) -> ThresholdModel:
        """Return the tail of the passages of people `among` these, with all of them listed."""
        rows, columns = np.isin(self._travellers, among), np.isin(self._listed, among)
        scores = self._scores[np.ix_(rows, columns)]
        pairs = np.stack([self._travellers[rows], self._listed[columns][scores.argmax(axis=1)]], axis=1)
        size = round(float((scores > NOTHING).sum(axis=1).mean()))
        return fit_tail(
            scores.max(axis=1), pairs, size, Provenance("", "", "", scores.shape[1], len(scores), CROPS, "")
        )

    def like_one_person(self, among: People, limit: float) -> People:
        """Return the later one of each two people `among` these who score `limit` or more."""
        rows, columns = np.isin(self._travellers, among), np.isin(self._listed, among)
        pairs = np.argwhere((self._scores >= limit) & rows[:, np.newaxis] & columns[np.newaxis, :])
        return np.unique(np.maximum(self._travellers[pairs[:, 0]], self._listed[pairs[:, 1]]))


def counted(scores: Scores, size: int, threshold: float) -> float:
    """Return the FPIR at `threshold` over all lists of `size` strangers of each passage."""
    others = (scores > NOTHING).sum(axis=1)
    below = others - (scores >= threshold).sum(axis=1)
    # Of all choices of `size` among the others, those among the ones below the threshold.
    none = gammaln(below + 1) - gammaln(np.maximum(below - size, 0) + 1) - gammaln(others + 1)
    none += gammaln(others - size + 1)
    found = np.where(below >= size, -np.expm1(none), 1.0)
    return float(found[below < others].sum()) / len(scores)


def smallest_list(scores: Scores) -> int:
    """Return how many strangers each passage has at least."""
    return int((scores > NOTHING).sum(axis=1).min())


def measure() -> dict[str, float]:
    """Return the figures `long.…`; raises FileNotFoundError where a data set is not there."""
    model = load_pack(PACK).thresholds
    lfw, asian = people("lfw"), south_asians()
    everybody = [*lfw, *asian]
    watched = WatchedList.of(everybody, dict.fromkeys(range(len(everybody)), 1))
    probes = [probe for probe in passage_probes(everybody, 1, CROPS) if len(probe.states)]
    scores = np.array([best for _, best, _ in watched.best_scores(probes)])
    travellers = np.array([probe.person for probe in probes])
    alone = np.arange(len(everybody))
    regions, sexes = (np.array([person.group.partition("/")[place] for person in everybody]) for place in (0, 2))
    by_region = np.where(regions == "", alone, len(everybody) + np.unique(regions, return_inverse=True)[1])
    each_person = Strangers(scores, travellers, watched.owners, alone)
    strangers = Strangers(scores, travellers, watched.owners, by_region)
    own_lfw, own_asian = (watched.owners[(sexes[watched.owners] != "") == asian] for asian in (False, True))
    twice = np.concatenate(
        [each_person.like_one_person(own_lfw, WRONG_LABEL), each_person.like_one_person(own_asian, SAME_PERSON_TWICE)]
    )
    own_lfw, own_asian = np.setdiff1d(own_lfw, twice), np.setdiff1d(own_asian, twice)
    together = np.concatenate([own_lfw, own_asian])
    women, men = (own_asian[sexes[own_asian] == sex] for sex in ("female", "male"))
    whole = watched.search(probes, frozenset(watched.owners.tolist()))
    single = watched.search(single_probes(everybody, 1), frozenset(range(len(lfw))))
    figures: dict[str, float] = {
        "people": len(together),
        "left_out": len(twice),
        "passages": len(probes),
        "mated_passages": len(whole.mated),
        "mated_single": len(single.mated),
    }
    for name, found in (
        ("together", strangers.between(together, together)),
        ("lfw", strangers.between(own_lfw, own_lfw)),
        ("southasian", strangers.between(own_asian, own_asian)),
        ("southasian_own_region", each_person.between(own_asian, own_asian)),
        ("women", strangers.between(women, women)),
        ("men", strangers.between(men, men)),
    ):
        figures |= kept(model, found, name)
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


def kept(model: ThresholdModel, scores: Scores, name: str) -> dict[str, float]:
    """Return counted over promised FPIR in lists of the people in the columns, and the pairs that it rests on."""
    figures: dict[str, float] = {f"pairs_{name}": int((scores > NOTHING).sum())}
    for size in (each for each in LIST_SIZES if each <= smallest_list(scores)):
        for words, fpir in FPIRS.items():
            threshold = model.threshold(size, fpir)
            figures[f"fpir_ratio_{name}_{size}_at_{words}"] = counted(scores, size, threshold) / fpir
            figures[f"pairs_{name}_{size}_at_{words}"] = int((scores >= threshold).sum())
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
            of_half, of_all = strangers.between(others, others), strangers.between(others, together)
            for size in (one for one in LIST_SIZES if one <= smallest_list(of_all)):
                scores = of_half if size <= smallest_list(of_half) else of_all
                for words, fpir in FPIRS.items():
                    found = counted(scores, size, model.threshold(size, fpir))
                    ratios[f"{prefix}_{size}_at_{words}"].append(found / fpir)
    return {
        **{name: statistics.mean(each) for name, each in ratios.items()},
        **{f"{name}_least": min(each) for name, each in ratios.items()},
        **{f"{name}_most": max(each) for name, each in ratios.items()},
    }


if __name__ == "__main__":
    print(measure())
