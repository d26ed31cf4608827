"""The decision threshold, the people behind its promise, and the expectation at other values.

Thresholds are comparison scores, shares are 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ThresholdSource(StrEnum):
    """The origin of a threshold."""

    PACK = "PACK"
    LEARNED = "LEARNED"
    SETTINGS = "SETTINGS"
    PEOPLE = "PEOPLE"


@dataclass(frozen=True)
class ThresholdPromise:
    """The people on whom the expected FPIR was measured."""

    measured_on: str
    """On whom the pack was measured, in words; empty: on this site's own passages."""
    passages: int
    """This site's passages that were counted."""
    needed: int
    """The number of counting passages that the site's own promise needs."""
    counted: int
    """Weighted number of passages, since the weight of each camera and day is limited."""
    low: float
    """The threshold for the wanted FPIR is this at least, with 95 % of certainty; 0 where the pack does not say."""
    high: float


NO_PROMISE = ThresholdPromise("", passages=0, needed=0, counted=0, low=0.0, high=0.0)
"""The promise of a threshold that was not measured on people."""


@dataclass(frozen=True)
class Threshold:
    """A decision threshold with the FPIR to expect."""

    value: float
    source: ThresholdSource | None
    """None: one that only a newer server knows."""
    expected_fpir: float
    """False alerts per passage of a person who is not listed, by the model of `promise`."""
    extrapolated: bool
    """Whether that model was fitted on too few passages for that FPIR, or not with this pack."""
    promise: ThresholdPromise = NO_PROMISE
    """It stays on the server; that of the threshold in force is in ThresholdOutlook."""


@dataclass(frozen=True)
class ThresholdPoint:
    """What to expect at a threshold."""

    threshold: float
    fpir: float
    """False alerts per passage of a person who is not listed."""
    fpir_low: float
    """It is between this and `fpir_high` with 95 % of certainty, as far as the passages behind the promise tell; both
    are `fpir` where the pack does not say."""
    fpir_high: float
    extrapolated: bool
    fnir: float | None
    """Share of listed people who are missed; None where too few have two photographs."""


@dataclass(frozen=True)
class ThresholdOutlook:
    """The threshold in force with its evidence, and others."""

    model_version: str
    templates: int
    wanted_fpir: float
    decision: Threshold
    promise: ThresholdPromise
    """Of `decision`."""
    without_people: Threshold
    """The threshold that would apply if nobody had set one."""
    min_threshold: float
    max_threshold: float
    learned_offset: float
    """The distance by which learning moved the pack's threshold."""
    photographs: int
    """Photographs of listed people with two, which were compared."""
    points: tuple[ThresholdPoint, ...]
    set_at: datetime | None = None
    """When people set it; None if they have not."""
    set_by: tuple[str, ...] = ()
    """Their names for screens."""
    waiting_threshold: float | None = None
    """The learned threshold that waits for two people; None if none does."""
