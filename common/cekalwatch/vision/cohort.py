"""The list as its own cohort: how a score is compared with those of the people who follow in the same search.

A traveller whose face is like many others of the list scores high with whoever is on it. So a part of the mean of the
following scores is taken away (docs/adr/0091). A pack's manifest carries the model, with the thresholds of such scores.
Standard library only: the camera client reads manifests too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from cekalwatch.vision.thresholds import ThresholdModel

FULL_FROM: Final = 50
"""With this many others on the list the part is whole. With fewer it is smaller in proportion: a few are no cohort."""
MAX_RANKS: Final = 50


@dataclass(frozen=True)
class CohortModel:
    """How scores are compared. Raises ValueError for numbers that make no sense."""

    part: float
    """Part of the mean that is taken away, above 0 to 1."""
    ranks: int
    """Number of following subjects whose scores are the mean."""
    limit: float
    """The mean counts up to this only: whoever fills the list with one face does not hide its owner."""
    usual: float
    """A usual mean, with which scores stay as they are: compared ones lie where others do, in lists of any size."""
    thresholds: ThresholdModel
    """Measured with compared scores."""

    def __post_init__(self) -> None:
        if not (0 < self.part <= 1 and -1 < self.usual <= self.limit < 1):
            raise ValueError("the cohort's part must be a share, and its usual mean below its limit")
        if not 1 <= self.ranks <= MAX_RANKS:
            raise ValueError("the cohort's ranks are out of range")

    def shift(self, following: Sequence[float], listed: int) -> float:
        """Return what is added to each score of a search in which the subjects after the first have these scores.

        `following`: best first, one for each subject, whatever references it has; more than `ranks` are not counted.
        `listed`: subjects on the list, the first included.
        """
        counted = following[: self.ranks]
        if not counted:
            return 0.0
        part = self.part * min(1.0, (listed - 1) / FULL_FROM)
        return part * (self.usual - min(sum(counted) / len(counted), self.limit))

    def score_version(self, model_version: str) -> str:
        """Return what compared scores of that model version are bound to: they mean nothing beside other scores."""
        numbers = json.dumps([self.part, self.ranks, self.limit, self.usual])
        return f"{model_version}+{hashlib.sha256(numbers.encode()).hexdigest()[:6]}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> CohortModel:
        """Read the manifest's form; raises ValueError, KeyError or TypeError for what is none."""
        return cls(
            part=float(document["part"]),
            ranks=int(document["ranks"]),
            limit=float(document["limit"]),
            usual=float(document["usual"]),
            thresholds=ThresholdModel.from_json(document["thresholds"]),
        )


def compared(score: float, shift: float) -> float:
    """Return a score after `CohortModel.shift`, -1 to 1."""
    return min(1.0, max(-1.0, score + shift))
