"""The results of a survey: distributions, shares of passages, and the advice that follows. It knows no pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from cekalwatch.contract.values.captures import FaceQuality
from cekalwatch.contract.values.surveys import MAX_WATCHED_S, Advice, Grade, Spread, SurveyFigures
from cekalwatch.program.version import version
from cekalwatch.vision.fitness import FLOOR_EYE_DISTANCE, MAX_MEDIAN_PITCH, Flaw, flaws
from cekalwatch.wire.bounds import MAX_WORD

FEW_PASSAGES: Final = 20
"""Passages below which shares say little."""
OFTEN: Final = 0.2
"""Share of passages from which a flaw deserves advice."""
GOOD: Final = 0.9
FAIR: Final = 0.6
MIN_RATE: Final = 8.0
"""Frames a second below which somebody who walks by is seen too rarely."""
BINS: Final = {
    "eye_distance_px": (0, 16, 32, 45, 60, 75, 90, 120, 160, 240),
    "yaw_degrees": (-90, -60, -45, -30, -15, 0, 15, 30, 45, 60, 90),
    "pitch_degrees": (-90, -45, -30, -15, 0, 15, 30, 45, 90),
    "sharpness": (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1),
    "brightness": (0, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 1),
}
"""Edges of the histograms' bins; values beyond them count in the outermost bins."""


_ADVICE: Final = {
    Flaw.SMALL: Advice.NEARER,
    Flaw.TURNED: Advice.FACING,
    Flaw.NODDING: Advice.LOWER,
    Flaw.BLURRED: Advice.FOCUS,
    Flaw.DARK: Advice.LIGHTER,
    Flaw.BRIGHT: Advice.DARKER,
}


@dataclass
class SurveyedPassage:
    """One traveller's passage, as the survey saw it."""

    track: int
    faces: list[FaceQuality] = field(default_factory=list)

    @property
    def best(self) -> FaceQuality:
        """The face with the fewest flaws, and of those the best one."""
        return max(self.faces, key=lambda quality: (-len(flaws(quality)), quality.score))

    @property
    def fit(self) -> bool:
        """Whether at least one face is fit for an alert."""
        return any(not flaws(quality) for quality in self.faces)

    @property
    def sendable(self) -> bool:
        """Whether at least one face is large enough to be sent."""
        return any(quality.eye_distance_px >= FLOOR_EYE_DISTANCE for quality in self.faces)

    @property
    def flaws(self) -> frozenset[Flaw]:
        """The flaws that all its faces share; if they share none, those of its best face; empty for a fit passage."""
        if self.fit:
            return frozenset()
        always = frozenset.intersection(*(flaws(quality) for quality in self.faces))
        return always or flaws(self.best)


@dataclass(frozen=True)
class Distribution:
    """How a metric is distributed over faces."""

    p10: float
    p50: float
    p90: float
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    """Share of faces in each bin between two edges."""

    @classmethod
    def of(cls, values: Sequence[float], edges: tuple[float, ...]) -> Distribution:
        """Return the distribution of at least one value."""
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
        p10, p50, p90 = (float(value) for value in np.percentile(values, (10, 50, 90)))
        return cls(p10, p50, p90, edges, tuple(float(count) / len(values) for count in counts))


@dataclass(frozen=True)
class Recording:
    """The examined source."""

    source: str
    detector: str
    width: int
    height: int
    seconds: float
    frames: int

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class SurveyResult:
    """The result of a survey."""

    recording: Recording
    passages: int
    faces: int
    fit: int
    """Passages with at least one face fit for an alert."""
    sendable: int
    """Passages with at least one face that is large enough to be sent."""
    flaws: dict[Flaw, int]
    """Passages that are not fit, by flaw; one may have several."""
    distributions: dict[str, Distribution]
    """Of each metric, over the best face of each passage; empty when nobody passed."""
    grade: Grade
    advice: tuple[Advice, ...]
    """That for the most frequent flaw comes first."""
    magnify: float | None
    """How many times as large faces must be for the median passage to be fit; None when they are large enough."""

    @property
    def share_fit(self) -> float:
        """Share of passages fit for an alert, 0 to 1; 0 when nobody passed."""
        return self.fit / self.passages if self.passages else 0.0


def figures(found: SurveyResult) -> SurveyFigures:
    """Return the report of a survey for the server."""
    recording = found.recording
    return SurveyFigures(
        client_version=version(),
        detector=recording.detector[:MAX_WORD],
        frame_width=recording.width,
        frame_height=recording.height,
        watched_s=min(recording.seconds, MAX_WATCHED_S),
        frames_per_second=recording.rate,
        passages=found.passages,
        passages_fit=found.fit,
        passages_sendable=found.sendable,
        spreads={name: Spread(one.p10, one.p50, one.p90) for name, one in found.distributions.items()},
        grade=found.grade,
        advice=found.advice,
    )


def findings(recording: Recording, passages: Iterable[SurveyedPassage]) -> SurveyResult:
    """Return the conclusions from the passages, each of which has at least one face."""
    passed = tuple(passages)
    wrong = {flaw: sum(flaw in passage.flaws for passage in passed) for flaw in Flaw}
    bests = [passage.best for passage in passed]
    fit = sum(passage.fit for passage in passed)
    largest = [max(quality.eye_distance_px for quality in passage.faces) for passage in passed]
    median = float(np.median(largest)) if largest else math.nan
    nod = abs(float(np.median([best.pitch_degrees for best in bests]))) if bests else 0.0
    return SurveyResult(
        recording=recording,
        passages=len(passed),
        faces=sum(len(passage.faces) for passage in passed),
        fit=fit,
        sendable=sum(passage.sendable for passage in passed),
        flaws=wrong,
        distributions={
            name: Distribution.of([getattr(best, name) for best in bests], tuple(map(float, edges)))
            for name, edges in BINS.items()
        }
        if bests
        else {},
        grade=_grade(fit, len(passed)),
        advice=_advice(wrong, len(passed), nod, recording.rate),
        magnify=max(60.0 / median, LEAST_MAGNIFY) if median < 60.0 else None,
    )


LEAST_MAGNIFY = 1.1
"""What is said of faces that are hardly too small: "1.0 times larger" asks for nothing."""


def _grade(fit: int, passages: int) -> Grade:
    if passages < FEW_PASSAGES:
        return Grade.UNKNOWN
    share = fit / passages
    return Grade.GOOD if share >= GOOD else Grade.FAIR if share >= FAIR else Grade.POOR


def _advice(wrong: dict[Flaw, int], passages: int, nod: float, rate: float) -> tuple[Advice, ...]:
    if not passages:
        return (Advice.NOBODY,)
    ordered = sorted(wrong, key=lambda flaw: -wrong[flaw])
    found = [_ADVICE[flaw] for flaw in ordered if wrong[flaw] / passages >= OFTEN]
    if nod > MAX_MEDIAN_PITCH and Advice.LOWER not in found:
        found.append(Advice.LOWER)
    if rate < MIN_RATE:
        found.append(Advice.RATE)
    if not found:
        found.append(Advice.FINE)
    if passages < FEW_PASSAGES:
        found.append(Advice.FEW)
    return tuple(found)
