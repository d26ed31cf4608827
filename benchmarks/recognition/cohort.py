"""Whether a score says more when it is compared with what the next people of the same list score (docs/adr/0091).

    python -m benchmarks recognition.cohort

A list has 200 people of LFW and 200 of
two regions of the South Asian set; strangers are of LFW and of the other two regions, in equal weight. Each photograph
is searched by itself, in twenty draws. `…_raw` are the scores as they are. FPIR of a group is counted over the promised
1e-2. `cohort.missed_stuffed_…` is the FNIR of people whose photograph is on the list under several more names, at the
threshold of 1e-2; `…_unlimited` is without the limit of the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.recognition.faces import people, south_asians
from cekalwatch.evaluation.people import EvaluatedPerson, single_probes
from cekalwatch.evaluation.statistics.trials import NOTHING, WatchedList, compared
from cekalwatch.server.recognition.packs.threshold_models import STANDARD_COHORT
from cekalwatch.vision.cohort import CohortModel

DRAWS: Final = 20
EACH: Final = 200
"""People of each set on a list."""
FPIRS: Final = {"1e-2": 1e-2, "3e-3": 3e-3, "1e-3": 1e-3}
GROUPS: Final = {"lfw": "", "women": "female", "men": "male"}
SIZES: Final = (2, 10, 50, 100, 200, 400, 800)
SIZE_DRAWS: Final = 4
STUFFED: Final = (1, 3, 10, 20)
MAX_LIMIT: Final = 0.99
MODEL: Final = STANDARD_COHORT
"""Its thresholds are not used."""

Scores = NDArray[np.float32]
People = NDArray[np.int64]


def first(scores: Scores, cohort: CohortModel | None) -> tuple[People, Scores]:
    """Return the first rank's column and score of each search; `scores` has shape (searches, listed)."""
    return scores.argmax(axis=1), compared(scores, cohort).max(axis=1)


class Searches:
    """Single photographs and everybody's reference, compared once for all lists."""

    def __init__(self, everybody: Sequence[EvaluatedPerson], of_lfw: int) -> None:
        """The first `of_lfw` people are those of LFW."""
        watched = WatchedList.of(everybody, dict.fromkeys(range(len(everybody)), 1))
        probes = [probe for probe in single_probes(everybody, 1) if len(probe.states)]
        self._scores = np.array([best for _, best, _ in watched.best_scores(probes)])
        self._column = {int(person): place for place, person in enumerate(watched.owners)}
        self.travellers = np.array([probe.person for probe in probes])
        groups = [person.group.partition("/") for person in everybody]
        self.regions, self.sexes = np.array([one[0] for one in groups]), np.array([one[2] for one in groups])
        self.people = watched.owners
        self.listable = np.array([one for one in range(of_lfw) if everybody[one].listable(1) and one in self._column])

    def mated(self, listed: People) -> tuple[People, Scores, People]:
        """Return the searches of listed people of LFW: the travellers, scores with the list, each one's own column."""
        rows = np.isin(self.travellers, np.intersect1d(listed, self.listable))
        order = {int(person): place for place, person in enumerate(listed)}
        own = np.array([order[int(one)] for one in self.travellers[rows]])
        return self.travellers[rows], self._of(rows, listed), own

    def strangers(self, listed: People, regions: Sequence[str]) -> tuple[People, Scores]:
        """Return the searches of travellers of LFW and `regions`, each in the list without themselves."""
        rows = np.isin(self.regions[self.travellers], ["", *regions])
        travellers, scores = self.travellers[rows], self._of(rows, listed)
        scores[travellers[:, np.newaxis] == listed] = NOTHING
        return travellers, scores

    def _of(self, rows: NDArray[np.bool_], listed: People) -> Scores:
        columns = np.array([self._column[int(one)] for one in listed])
        return np.asarray(self._scores[np.flatnonzero(rows)][:, columns])


@dataclass(frozen=True, eq=False)
class Port:
    """A list, and those who pass."""

    searches: Searches
    listed: People
    regions: tuple[str, ...]
    """Of the strangers."""

    @classmethod
    def drawn(cls, searches: Searches, draw: int) -> Port:
        """Return a port whose strangers are of other regions than the listed, since some are in the set twice."""
        dice = np.random.default_rng(draw)
        regions = dice.permutation(sorted(set(searches.regions) - {""}))
        asian = searches.people[np.isin(searches.regions[searches.people], regions[:2])]
        listed = [dice.choice(searches.listable, EACH, replace=False), dice.choice(asian, EACH, replace=False)]
        return cls(searches, np.concatenate(listed), tuple(regions[2:]))

    def own(self, cohort: CohortModel | None) -> Scores:
        """Return the scores of listed people where they rank first, else NOTHING."""
        _, scores, own = self.searches.mated(self.listed)
        ranked, found = first(scores, cohort)
        return np.where(ranked == own, found, np.float32(NOTHING))

    def stuffed(self, cohort: CohortModel | None, more: int) -> Scores:
        """Return the first rank's scores of listed people whose photograph is there under `more` names."""
        _, scores, own = self.searches.mated(self.listed)
        mine = scores[np.arange(len(own)), own][:, np.newaxis]
        return first(np.concatenate([scores, np.repeat(mine, more, axis=1)], axis=1), cohort)[1]


def measure() -> dict[str, float]:
    """Return the figures `cohort.…`; raises FileNotFoundError where a data set is not there."""
    lfw, asian = people("lfw"), south_asians()
    searches = Searches([*lfw, *asian], len(lfw))
    ports = [Port.drawn(searches, draw) for draw in range(DRAWS)]
    figures: dict[str, float] = {}
    unlimited = replace(MODEL, limit=MAX_LIMIT)
    for cohort, suffix in ((MODEL, ""), (None, "_raw"), (unlimited, "_unlimited")):
        found = mixed(searches, ports, cohort)
        at = found.pop("threshold_1e-2")
        missed = {more: [port.stuffed(cohort, more) < at for port in ports[:SIZE_DRAWS]] for more in STUFFED}
        found |= {f"missed_stuffed_{more}": float(np.concatenate(each).mean()) for more, each in missed.items()}
        found |= sizes(searches, cohort) if cohort is not unlimited else {}
        figures |= {f"cohort.{name}{suffix}": round(value, 4) for name, value in found.items()}
    return figures


def mixed(searches: Searches, ports: Sequence[Port], cohort: CohortModel | None) -> dict[str, float]:
    """Return FNIR in all ports together, the threshold of 1e-2, and each group's false alerts over the promise."""
    own = np.concatenate([port.own(cohort) for port in ports])
    found = [port.searches.strangers(port.listed, port.regions) for port in ports]
    scores = np.concatenate([first(each, cohort)[1] for _, each in found])
    groups = np.concatenate([searches.sexes[travellers] for travellers, _ in found])
    weights = np.where(groups == "", 0.5 / (groups == "").sum(), 0.5 / (groups != "").sum())
    falling = np.argsort(-scores)
    above = np.cumsum(weights[falling])
    thresholds = {name: float(scores[falling][np.searchsorted(above, fpir)]) for name, fpir in FPIRS.items()}
    at, wanted = thresholds["1e-2"], FPIRS["1e-2"]
    return {
        **{f"fnir_{name}": float((own <= threshold).mean()) for name, threshold in thresholds.items()},
        **{f"fpir_ratio_{name}": float((scores[groups == of] > at).mean()) / wanted for name, of in GROUPS.items()},
        "threshold_1e-2": at,
    }


def sizes(searches: Searches, cohort: CohortModel | None) -> dict[str, float]:
    """Return the threshold of 1e-2 for lists of people of LFW of several sizes, whom people of LFW pass."""
    found = {}
    for size in SIZES:
        lists = [np.random.default_rng(draw).choice(searches.listable, size, False) for draw in range(SIZE_DRAWS)]
        scores = [first(searches.strangers(listed, ())[1], cohort)[1] for listed in lists]
        found[f"threshold_{size}"] = float(np.quantile(np.concatenate(scores), 1 - FPIRS["1e-2"]))
    return found


if __name__ == "__main__":
    print(measure())
