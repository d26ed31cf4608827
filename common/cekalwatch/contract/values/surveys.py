"""The results of a camera's survey, as the camera client reports and the server stores them. Figures only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from annotated_types import Interval

from cekalwatch.contract.values.cameras import Side


class Grade(StrEnum):
    """The quality of a camera's place, in one word."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    UNKNOWN = "unknown"
    """Too few people passed."""


class Advice(StrEnum):
    """What the technician can do."""

    NOBODY = "nobody"
    FEW = "few"
    NEARER = "nearer"
    FACING = "facing"
    LOWER = "lower"
    FOCUS = "focus"
    LIGHTER = "lighter"
    DARKER = "darker"
    RATE = "rate"
    FINE = "fine"


SPREADS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "eye_distance_px": (0, 10_000),
        "yaw_degrees": (-180, 180),
        "pitch_degrees": (-180, 180),
        "sharpness": (0, 1),
        "brightness": (0, 1),
    }
)
"""The figures whose distribution is reported, with the minimum and maximum of each."""
MAX_WATCHED_S: Final = 172_800.0
MAX_RATE: Final = 1000.0
MAX_PASSAGES: Final = 10_000_000
MAX_KEPT: Final = 20
"""Number of surveys of a camera that the server stores."""


@dataclass(frozen=True)
class Spread:
    """Distribution of a figure over the best face of each passage: a tenth of them is below p10."""

    p10: float
    p50: float
    p90: float

    def lies_within(self, least: float, most: float) -> bool:
        """Whether its values are in rising order and within bounds."""
        return least <= self.p10 <= self.p50 <= self.p90 <= most


@dataclass(frozen=True)
class SurveyFigures:
    """The results of a survey; see `Survey` of the contract for units and bounds."""

    client_version: str
    detector: str
    frame_width: Side
    frame_height: Side
    watched_s: Annotated[float, Interval(ge=0, le=MAX_WATCHED_S)]
    frames_per_second: Annotated[float, Interval(ge=0, le=MAX_RATE)]
    passages: Annotated[int, Interval(le=MAX_PASSAGES)]
    passages_fit: int
    """Passages of which a face was fit for an alert."""
    passages_sendable: int
    grade: Grade
    advice: tuple[Advice, ...]
    """The most urgent first."""
    spreads: Mapping[str, Spread] = field(default_factory=dict)
    """Distributions by the names of `SPREADS`; empty if nobody passed."""

    @property
    def consistent(self) -> bool:
        """Whether a survey can have found this."""
        return (
            max(self.passages_fit, self.passages_sendable) <= self.passages
            and set(self.spreads) == (set(SPREADS) if self.passages else set())
            and all(one.lies_within(*SPREADS[name]) for name, one in self.spreads.items())
        )


@dataclass(frozen=True)
class KeptSurvey:
    """The results of a survey, and when the server received them."""

    reported_at: datetime
    figures: SurveyFigures
