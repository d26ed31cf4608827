"""Curves as SVG, drawn here: pages have no scripts, and no styles of their own. A table says the same in figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 280
_LEFT: Final = 64
_RIGHT: Final = 16
_TOP: Final = 12
_BOTTOM: Final = 40


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    place: float
    words: str


@dataclass(frozen=True)
class Plot:
    """A curve with its axes, in units of the drawing."""

    line: str
    """Points of the curve, as SVG writes them; empty: there is none."""
    band: str
    """Points around the interval of each value; empty: there is none."""
    across: Sequence[Tick]
    up: Sequence[Tick]
    marked: float | None
    """Where the value in force is."""
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class Axis:
    """The values from `low` to `high`, on a line of the drawing from `begin` to `end`; with `log`, by their size."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """Return where a value is; what is beyond an end stands at it."""
        low, high, inside = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, inside = math.log10(low), math.log10(high), math.log10(inside)
        return round(self.begin + (inside - low) / (high - low) * (self.end - self.begin), 1)


def across(low: float, high: float) -> Axis:
    """Return a horizontal axis."""
    return Axis(low, high, _LEFT, WIDTH - _RIGHT)


def up(low: float, high: float, *, log: bool = False) -> Axis:
    """Return a vertical axis."""
    return Axis(low, high, HEIGHT - _BOTTOM, _TOP, log)


def plot(
    points: Sequence[tuple[float, float, float, float]],
    x: Axis,
    y: Axis,
    x_ticks: Iterable[float],
    y_ticks: Iterable[float],
    marked: float | None,
) -> Plot:
    """Draw points, each a place across, a value, and the ends of its interval."""
    line = " ".join(f"{x.place(at)},{y.place(value)}" for at, value, _, _ in points)
    band = ""
    if any(low < high for _, _, low, high in points):
        there = [f"{x.place(at)},{y.place(high)}" for at, _, _, high in points]
        back = [f"{x.place(at)},{y.place(low)}" for at, _, low, _ in reversed(points)]
        band = " ".join([*there, *back])
    return Plot(
        line,
        band,
        [Tick(x.place(one), f"{one:g}") for one in x_ticks],
        [Tick(y.place(one), f"{one:g}") for one in y_ticks],
        None if marked is None else x.place(marked),
    )
