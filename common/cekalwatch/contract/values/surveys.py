"""What a survey finds of a camera, as the camera client reports it and the server keeps it. Figures only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Grade(StrEnum):
    """How good a camera is, in one word."""

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
"""The figures whose spread is told, with the least and the most that each can be."""
PLAIN: Final = (
    *("client_version", "detector", "frame_width", "frame_height", "frames_per_second"),
    *("passages", "passages_fit", "passages_sendable"),
)
"""The fields of `SurveyFigures` that the contract has under the same names, as they are."""
MAX_WATCHED_S: Final = 172_800.0
MAX_RATE: Final = 1000.0
MAX_PASSAGES: Final = 10_000_000
MAX_KEPT: Final = 20
"""Surveys of a camera that the server keeps."""


@dataclass(frozen=True)
class Spread:
    """How a figure is distributed over the best face of each passage: below p10 lies a tenth of them."""

    p10: float
    p50: float
    p90: float


@dataclass(frozen=True)
class SurveyFigures:
    """What a survey found; see `Survey` of the contract for units and bounds."""

    client_version: str
    detector: str
    frame_width: int
    frame_height: int
    watched_s: float
    frames_per_second: float
    passages: int
    passages_fit: int
    passages_sendable: int
    spreads: Mapping[str, Spread]
    """By the names of `SPREADS`; empty when nobody passed."""
    grade: Grade
    advice: tuple[Advice, ...]
    """The most urgent first."""
