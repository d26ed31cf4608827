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
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

MAX_DEPTH: Final = 4.0
"""Thresholds are never lower than where the formula gives this many times the rate at the tail's beginning: a tail says
nothing about ordinary scores, and a list of ten gets the threshold of a larger one."""
_ALMOST_ZERO: Final = 1e-6
_MOST: Final = 0.999
"""Highest threshold: a score of 1 is the same picture."""
_MOST_SHAPE: Final = 0.9
_RULE_OF_THREE: Final = 3.0
SHAPE_SPREAD: Final = 0.1
"""Standard deviation of the normal penalty that keeps a fitted shape near zero."""
CAUTION: Final = 0.5
"""A fitted shape is above the most likely one by this many standard deviations, so that the promise errs on the safe
side where nothing was counted."""
INTERVAL: Final = 1.96
"""Standard deviations on each side of an interval of 95 %."""
_MAX_WORDS: Final = 10_000
_LIST_SIZES: Final = (100, 1_000, 10_000)


def shape_deviation(pairs: int) -> float:
    """Return the standard deviation of a fitted shape under its penalty, from the number of pairs of people."""
    return 1 / math.sqrt(pairs + 1 / SHAPE_SPREAD**2)


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
    """Positive: a heavy tail. Zero: exponential. Negative: a tail that ends, which no evaluation gives any more."""
    provenance: Provenance
    pairs: int = 0
    """Different pairs of people whose scores form the tail; 0 if that is not known, as in manifests of version 0.2."""
    grows_from: int = 1
    """Templates from which on false matches grow with the list. Shorter lists have as many as one of this size, if the
    scores are compared with those of the list itself."""

    def __post_init__(self) -> None:
        numbers = (self.tail_from, self.tail_rate, self.scale, self.shape)
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("a figure of the threshold model is not finite")
        if self.list_size < 1 or self.tail_rate <= 0 or self.scale <= 0:
            raise ValueError("list size, rate and scale of the threshold model must be positive")
        if not -1 < self.tail_from < 1 or not -1 < self.shape < 1:
            raise ValueError("tail_from and shape of the threshold model must be between -1 and 1")
        if self.pairs < 0 or self.grows_from < 1:
            raise ValueError("pairs and grows_from of the threshold model must not be negative")

    def threshold(self, templates: int, fpir: float) -> float:
        """Return the threshold that keeps `fpir` (between 0 and 1, a passage) in a list of `templates`."""
        wanted = min(MAX_DEPTH, -math.log1p(-fpir) / (self.tail_rate * self._lists(templates)))
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
        return -math.expm1(-self._lists(templates) * self.tail_rate * share) if templates else 0.0

    def _lists(self, templates: int) -> float:
        """Return how many false matches a list has, as a multiple of those of the list that was searched."""
        return max(templates, self.grows_from) / self.list_size

    def threshold_interval(self, templates: int, fpir: float) -> tuple[float, float] | None:
        """Return the scores between which the threshold for `fpir` lies with 95 % of certainty; None without `pairs`.

        It is so if the formula is right.
        """
        if not self.pairs:
            return None
        return self._least.threshold(templates, fpir), self._most.threshold(templates, fpir)

    def fpir_interval(self, templates: int, threshold: float) -> tuple[float, float] | None:
        """Return the 95 % interval of `fpir`, under the same conditions; None if `pairs` is not known."""
        if not self.pairs:
            return None
        return self._least.fpir(templates, threshold), self._most.fpir(templates, threshold)

    def in_words(self, templates: int, fpir: float) -> str:
        """Return the threshold with its interval, like "0.552 (0.530 to 0.581)"."""
        interval = self.threshold_interval(templates, fpir)
        uncertain = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        return f"{self.threshold(templates, fpir):.3f}{uncertain}"

    @property
    def _least(self) -> ThresholdModel:
        return self._moved(-INTERVAL)

    @property
    def _most(self) -> ThresholdModel:
        return self._moved(INTERVAL)

    def _moved(self, deviations: float) -> ThresholdModel:
        """Return the tail with rate, scale and shape moved by standard deviations from the most likely ones.

        The mean excess stays the same when the shape changes.
        """
        factor = math.exp(deviations / math.sqrt(self.pairs))
        shape = self.shape + (deviations - CAUTION) * shape_deviation(self.pairs)
        shape = min(max(shape, 0.0), _MOST_SHAPE)
        scale = self.scale * (1 - shape) / (1 - self.shape) * factor
        return replace(self, tail_rate=self.tail_rate * factor, scale=scale, shape=shape)

    def is_measured(self, templates: int, fpir: float) -> bool:
        """Whether the passages it was fitted on were enough to see `fpir` at that size; else it is an extrapolation."""
        return fpir >= self.lowest_measured(templates)

    def lowest_measured(self, templates: int) -> float:
        """Return the FPIR in a list of `templates` below which extrapolation begins; infinity without measurements.

        A number of passages shows an FPIR of 3 / passages at best, and in a shorter list in proportion to its size.
        """
        if not self.provenance.passages:
            return math.inf
        return _RULE_OF_THREE / self.provenance.passages * self._lists(templates)

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
            pairs=int(document.get("pairs", 0)),
            grows_from=int(document.get("grows_from", 1)),
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
