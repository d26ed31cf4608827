"""How the decision threshold follows from the wanted FPIR and the list's size: a model that a pack's manifest carries.

A non-mated passage's highest score in a list is a maximum, and what exceeds a high score falls off as a generalised
Pareto distribution (Coles, "An Introduction to Statistical Modeling of Extreme Values", 2001, chapter 4). The number
of false matches grows in proportion to the list. So, with s the score, n the list's size in templates,

    FPIR(n, s) = 1 - exp(-(n / list_size) * tail_rate * (1 + shape * (s - tail_from) / scale) ** (-1 / shape)).

Standard library only: the camera client reads manifests too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

MAX_DEPTH: Final = 4.0
"""Thresholds are never lower than where the formula gives this many times the rate at the tail's beginning: a tail says
nothing about ordinary scores, and a list of ten gets the threshold of a larger one."""
_ALMOST_ZERO: Final = 1e-6
_MOST: Final = 0.999
"""Highest threshold: a score of 1 is the same picture."""
_RULE_OF_THREE: Final = 3.0
_MAX_WORDS: Final = 10_000
_LIST_SIZES: Final = (100, 1_000, 10_000)


@dataclass(frozen=True)
class Provenance:
    """Where a model comes from."""

    data: str
    """The measured data, in words."""
    model_version: str
    """With which model."""
    measured_on: str
    """Date, ISO 8601."""
    people: int
    passages: int
    """Non-mated ones; 0 when nothing was measured with this pack."""
    crops: int
    """Crops a passage had at most."""
    program: str
    """Version of the program that fitted it."""


@dataclass(frozen=True)
class ThresholdModel:
    """A fitted tail. Raises ValueError for numbers that make no sense."""

    list_size: int
    """Templates of the list that was searched."""
    tail_from: float
    """Score where the tail begins. The formula is used a little below it too, down to MAX_DEPTH times its rate."""
    tail_rate: float
    """Expected false matches of a non-mated passage above `tail_from`."""
    scale: float
    shape: float
    """Positive: a heavy tail. Zero: exponential. Negative: a tail that ends."""
    provenance: Provenance

    def __post_init__(self) -> None:
        numbers = (self.tail_from, self.tail_rate, self.scale, self.shape)
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("a figure of the threshold model is not finite")
        if self.list_size < 1 or self.tail_rate <= 0 or self.scale <= 0:
            raise ValueError("list size, rate and scale of the threshold model must be positive")
        if not -1 < self.tail_from < 1 or not -1 < self.shape < 1:
            raise ValueError("tail_from and shape of the threshold model must be between -1 and 1")

    def threshold(self, templates: int, fpir: float) -> float:
        """Return the threshold that keeps `fpir` (between 0 and 1, a passage) in a list of `templates`."""
        wanted = min(MAX_DEPTH, -math.log1p(-fpir) / (self.tail_rate * max(templates, 1) / self.list_size))
        if abs(self.shape) < _ALMOST_ZERO:
            beyond = -self.scale * math.log(wanted)
        else:
            beyond = self.scale / self.shape * math.expm1(-self.shape * math.log(wanted))
        return min(_MOST, self.tail_from + beyond)

    def fpir(self, templates: int, threshold: float) -> float:
        """Return the expected FPIR per passage at `threshold`; at very low thresholds the real FPIR is larger."""
        beyond = (threshold - self.tail_from) / self.scale
        if abs(self.shape) < _ALMOST_ZERO:
            share = math.exp(min(-beyond, math.log(MAX_DEPTH)))
        else:
            base = 1 + self.shape * beyond
            share = min(base ** (-1 / self.shape), MAX_DEPTH) if base > 0 else MAX_DEPTH * (self.shape > 0)
        return -math.expm1(-templates / self.list_size * self.tail_rate * share)

    def is_measured(self, templates: int, fpir: float) -> bool:
        """Whether the passages it was fitted on were enough to see `fpir` at that size; else it is an extrapolation."""
        return fpir >= self.lowest_measured(templates)

    def lowest_measured(self, templates: int) -> float:
        """Return the FPIR in a list of `templates` below which extrapolation begins; infinity without measurements.

        So many passages show 3 / passages at best, and as much less in a shorter list as it is shorter.
        """
        if not self.provenance.passages:
            return math.inf
        return _RULE_OF_THREE / self.provenance.passages * max(templates, 1) / self.list_size

    @property
    def extrapolation(self) -> str:
        """The limit beyond which thresholds are extrapolated, in a sentence."""
        passages = self.provenance.passages
        if not passages:
            return "Nothing was measured with this pack: all of its thresholds are extrapolated."
        begins = ", ".join(f"{self.lowest_measured(size):.1g} in a list of {size:,}" for size in _LIST_SIZES)
        return (
            f"Measured were {passages:,} passages in a list of {self.list_size:,} templates. "
            f"Extrapolation begins below an FPIR of {begins}; no list longer than {self.list_size:,} was searched."
        )

    def to_json(self) -> dict[str, Any]:
        """Return the manifest's form."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ThresholdModel:
        """Read the manifest's form; raises ValueError, KeyError or TypeError for what is none."""
        return cls(
            list_size=int(document["list_size"]),
            tail_from=float(document["tail_from"]),
            tail_rate=float(document["tail_rate"]),
            scale=float(document["scale"]),
            shape=float(document["shape"]),
            provenance=_provenance(document["provenance"]),
        )


@dataclass(frozen=True)
class LikenessModel:
    """How alike two passages of one person are, 1:1, by comparison score. Raises ValueError for what makes no sense."""

    threshold: float
    """From this score on, two passages are of one person: measured at an FMR of 1e-4 or less (docs/adr/0009)."""
    sure: float
    """From this score on they are, however much one of them looks like the subject whom both match."""
    fmr: float
    """Share of pairs of strangers above `threshold`, of the population that has most."""
    fnmr: float
    """Share of pairs of passages of one person below it."""
    provenance: Provenance

    def __post_init__(self) -> None:
        if not -1 < self.threshold <= self.sure < 1:
            raise ValueError("threshold and sure of the likeness model must rise, between -1 and 1")
        if not (0 <= self.fmr <= 1 and 0 <= self.fnmr <= 1):
            raise ValueError("fmr and fnmr of the likeness model must be shares")

    def same(self, score: float, subject_score: float) -> bool:
        """Whether two passages that score `score` are of one person, where `subject_score` is theirs with the subject.

        It is that of whichever is more like the subject. Two people who match one subject are alike already. So the
        passages must be as alike as that one and the subject, or surely the same: the real person is more like their
        own photograph than like somebody else.
        """
        return score >= max(self.threshold, min(subject_score, self.sure))

    def to_json(self) -> dict[str, Any]:
        """Return the manifest's form."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> LikenessModel:
        """Read the manifest's form; raises ValueError, KeyError or TypeError for what is none."""
        numbers = {name: float(document[name]) for name in ("threshold", "sure", "fmr", "fnmr")}
        return cls(**numbers, provenance=_provenance(document["provenance"]))


def _provenance(given: Mapping[str, Any]) -> Provenance:
    return Provenance(
        data=_words(given["data"]),
        model_version=_words(given["model_version"]),
        measured_on=_words(given["measured_on"]),
        people=int(given["people"]),
        passages=int(given["passages"]),
        crops=int(given["crops"]),
        program=_words(given["program"]),
    )


def _words(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX_WORDS:
        raise ValueError(f"{value!r} is no text")
    return value
