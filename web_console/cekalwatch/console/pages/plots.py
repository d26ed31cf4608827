"""Curves and bars as SVG, drawn here: pages have no scripts and no styles. A table says the same in figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 280
_LEFT: Final = 84
_RIGHT: Final = 16
_TOP: Final = 12
_BOTTOM: Final = 40
_BARS_LEFT: Final = 150
_ROW: Final = 20
_BAR: Final = 12


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    place: float
    words: str


@dataclass(frozen=True)
class Plot:
    """A curve with its axes, in units of the drawing."""

    line: str
    """Points of the curve, as SVG writes them; empty when there is none."""
    band: str
    """Points around the interval of each value; empty when there is none."""
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
        """Return the position of a value, limited to the ends."""
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
        [Tick(y.place(one), _written(one)) for one in y_ticks],
        None if marked is None else x.place(marked),
    )


SPARK_WIDTH: Final = 160
SPARK_HEIGHT: Final = 32
_SPARK_EDGE: Final = 4


@dataclass(frozen=True)
class Sparkline:
    """A small curve without axes, in units of the drawing; it is broken where a value is missing."""

    lines: Sequence[str]
    """The points of each unbroken part."""
    bands: Sequence[str]
    """The points around the intervals of each part; empty when there are none."""
    last: tuple[float, float] | None
    """Place of the newest value, across and up."""
    width: int = SPARK_WIDTH
    height: int = SPARK_HEIGHT


def sparkline(values: Sequence[float | None], intervals: Sequence[tuple[float, float]] = ()) -> Sparkline:
    """Draw values at even distances from zero up; `intervals`, one a value, are drawn as far as the largest value goes
    twice."""
    known = [one for one in values if one is not None]
    top = max(known, default=0.0)
    x = Axis(0, max(len(values) - 1, 1), _SPARK_EDGE, SPARK_WIDTH - _SPARK_EDGE)
    y = Axis(0, (2 * top if intervals else top) or 1.0, SPARK_HEIGHT - _SPARK_EDGE, _SPARK_EDGE)
    lines, bands, part = list[str](), list[str](), list[int]()
    for number, value in enumerate((*values, None)):
        if value is not None:
            part.append(number)
            continue
        if part:
            lines.append(" ".join(f"{x.place(at)},{y.place(values[at] or 0.0)}" for at in part))
            if intervals:
                there = [f"{x.place(at)},{y.place(intervals[at][1])}" for at in part]
                bands.append(
                    " ".join([*there, *(f"{x.place(at)},{y.place(intervals[at][0])}" for at in reversed(part))])
                )
        part = []
    last = next(((x.place(at), y.place(one)) for at, one in reversed([*enumerate(values)]) if one is not None), None)
    return Sparkline(lines, bands, last)


@dataclass(frozen=True)
class Bar:
    """A value with the ends of its interval, and its label."""

    words: str
    value: float
    low: float
    high: float
    note: str = ""
    """Written after the bar."""


@dataclass(frozen=True)
class DrawnBar:
    """A bar in its row, in units of the drawing; all rows are alike."""

    words: str
    middle: float
    """Of the row."""
    end: float
    low: float
    high: float
    note: str


@dataclass(frozen=True)
class BarPlot:
    """Bars under one another with their axis, in units of the drawing."""

    bars: Sequence[DrawnBar]
    across: Sequence[Tick]
    bottom: float
    height: float
    left: int = _BARS_LEFT
    right: int = WIDTH - _RIGHT
    width: int = WIDTH
    thickness: int = _BAR


def bar_plot(bars: Sequence[Bar]) -> BarPlot:
    """Draw bars from 0; the axis shows the values, and of the longest intervals only a part."""
    largest = max(bar.value for bar in bars)
    ends = sorted(bar.high for bar in bars)
    shown = max(1.5 * largest, ends[len(ends) // 2]) or 1.0
    step = _step(shown)
    ticks = math.ceil(shown / step)
    x = Axis(0, step * ticks, _BARS_LEFT, WIDTH - _RIGHT)
    bottom = _TOP + _ROW * len(bars)
    return BarPlot(
        [
            DrawnBar(
                bar.words,
                _TOP + _ROW * (number + 0.5),
                x.place(bar.value),
                x.place(bar.low),
                x.place(bar.high),
                bar.note,
            )
            for number, bar in enumerate(bars)
        ],
        [Tick(x.place(step * number), f"{step * number:g}") for number in range(ticks + 1)],
        bottom,
        bottom + _BOTTOM,
    )


def _written(value: float) -> str:
    """Write a number without an exponent, which not everybody reads."""
    return f"{value:.10f}".rstrip("0").rstrip(".")


def _step(most: float) -> float:
    """Return a round distance of ticks, so that five to ten of them reach `most`."""
    rough = most / 5
    size = 10.0 ** math.floor(math.log10(rough))
    return size * max((one for one in (1, 2, 5) if one * size <= rough), default=1)
