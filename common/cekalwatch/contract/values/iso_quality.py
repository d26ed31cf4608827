"""Quality of a face on the scale of ISO/IEC 29794-5, as far as it follows from what is measured here.

The standard's components are numbers from 0 to 100, more is better. Four of them are functions of a measurement that a
reference face has: the formulas are those of OFIQ 1.1, the standard's reference implementation, and the measurements
ours. The unified score is not among them: it needs a network whose weights no package brings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cekalwatch.contract.values.subjects import FaceFigures


@dataclass(frozen=True)
class IsoQuality:
    """Components of the standard, 0 to 100."""

    eye_distance: int
    """Inter-eye distance: 50 at 70 pixels, 73 at 90. A turned head is allowed for."""
    yaw: int
    """Head pose, yaw: 82 at 25 degrees."""
    pitch: int
    """Head pose, pitch."""
    luminance: int
    """Mean luminance: below 50 when darker than 0.2 or brighter than 0.8."""


def iso_quality(figures: FaceFigures) -> IsoQuality:
    """Return the components of a face."""
    facing = max(math.cos(math.radians(figures.yaw_degrees)), 1e-6)
    light = _rising(figures.brightness, 0.2, 0.05) * (1 - _rising(figures.brightness, 0.8, 0.05))
    return IsoQuality(
        eye_distance=round(100 * _rising(figures.eye_distance_px / facing, 70, 20)),
        yaw=_frontal(figures.yaw_degrees),
        pitch=_frontal(figures.pitch_degrees),
        luminance=round(100 * light),
    )


def _frontal(degrees: float) -> int:
    return round(100 * max(0.0, math.cos(math.radians(degrees))) ** 2)


def _rising(value: float, middle: float, width: float) -> float:
    return 1 / (1 + math.exp(max(-700.0, min(700.0, (middle - value) / width))))
