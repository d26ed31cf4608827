"""The lines of figures that *Statistics* shows, each with its value in a span and its trend over days or weeks.

A line is one entry of LINES: its title, its number in any span, and its words. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from cekalwatch.console.locale.texts import ConsoleTexts
from cekalwatch.contract.values.reports import NOT_MEASURED, FieldPeriod, FieldReport, PeriodLength, Rate, Waits

Figures = FieldReport | FieldPeriod
Number = Callable[[Figures], float | None]
"""Takes a number from the figures of a span; None where there was nothing to measure."""
Words = Callable[[Figures, ConsoleTexts], str]


class Load(StrEnum):
    """What EEMUA 191 says of the alarms that one person has in ten minutes."""

    ACCEPTABLE = "ACCEPTABLE"
    MANAGEABLE = "MANAGEABLE"
    DEMANDING = "DEMANDING"
    FLOOD = "FLOOD"


_MOST: Final = MappingProxyType({Load.ACCEPTABLE: 1, Load.MANAGEABLE: 2, Load.DEMANDING: 10})
"""Alerts in ten minutes up to which the load is so."""


@dataclass(frozen=True)
class FigureLine:
    """One line of figures."""

    name: str
    """Its title is the text FIGURE_NAME."""
    number: Number
    words: Words
    """What the span's figure is, in full."""
    short: Callable[[float, ConsoleTexts], str]
    """Writes a number of the trend."""
    interval: Callable[[Figures], Rate] = lambda _: NOT_MEASURED
    """The 95 % interval of a share."""


@dataclass(frozen=True)
class Trend:
    """A line of figures over the periods, oldest first."""

    values: tuple[float | None, ...]
    intervals: tuple[Rate, ...]
    cells: tuple[str, ...]
    """Each value in words, with its interval."""
    means: str
    """What the curve shows, in words: the lowest, the highest and the newest value; empty without any value."""


@dataclass(frozen=True)
class ShownLine:
    """A line as a page shows it."""

    title: str
    words: str
    trend: Trend


def shown_lines(report: FieldReport, periods: Sequence[FieldPeriod], texts: ConsoleTexts) -> tuple[ShownLine, ...]:
    """Return all lines, with the figures of the report and their trend over the periods."""
    return tuple(
        ShownLine(texts.say(f"FIGURE_{one.name}"), one.words(report, texts), _trend(one, periods, texts))
        for one in LINES
    )


def period_name(period: FieldPeriod, length: PeriodLength, texts: ConsoleTexts) -> str:
    """Return the day, or the first and last day of the week."""
    first, last = (at.astimezone(texts.zone).date() for at in (period.since, period.until))
    days = dict.fromkeys((first, first if length is PeriodLength.DAY else last - timedelta(days=1)))
    return " – ".join(map(texts.date, days))


def _trend(line: FigureLine, periods: Sequence[FieldPeriod], texts: ConsoleTexts) -> Trend:
    values = tuple(map(line.number, periods))
    intervals = tuple(map(line.interval, periods))
    measured = [one for one in values if one is not None]
    means = ""
    if measured:
        least, most, last = (line.short(one, texts) for one in (min(measured), max(measured), measured[-1]))
        means = texts.say("TREND_MEANS", least=least, most=most, last=last) if least != most else last
    cells = (_cell(line, value, rate, texts) for value, rate in zip(values, intervals, strict=True))
    return Trend(values, intervals, tuple(cells), means)


def _cell(line: FigureLine, value: float | None, rate: Rate, texts: ConsoleTexts) -> str:
    if value is None:
        return "–"
    words = line.short(value, texts)
    return f"{words} ({texts.interval(rate)})" if rate.measured else words


def _count(name: str, number: Callable[[Figures], int]) -> FigureLine:
    return FigureLine(
        name, number, lambda one, texts: texts.number(number(one)), lambda value, texts: texts.number(value, ",.0f")
    )


def _share(name: str, rate: Callable[[Figures], Rate]) -> FigureLine:
    def words(one: Figures, texts: ConsoleTexts) -> str:
        share = rate(one)
        return f"{texts.rate(share)} ({texts.interval(share)})" if share.measured else texts.rate(share)

    return FigureLine(
        name,
        lambda one: rate(one).value if rate(one).measured else None,
        words,
        lambda value, texts: texts.share(value) if value else "0",
        rate,
    )


def _wait(name: str, waits: Callable[[Figures], Waits]) -> FigureLine:
    return FigureLine(
        name,
        lambda one: waits(one).p50_s if waits(one).count else None,
        lambda one, texts: texts.waits(waits(one)),
        lambda value, texts: texts.duration(timedelta(seconds=value)),
    )


def _busiest(one: Figures, texts: ConsoleTexts) -> str:
    load = next((load for load, most in _MOST.items() if one.busiest <= most), Load.FLOOD)
    return f"{texts.number(one.busiest)} ({texts.say(f'LOAD_{load}')})"


def _looks(one: Figures, texts: ConsoleTexts) -> str:
    looks = one.looks
    if not looks.judgements:
        return texts.say("NOT_MEASURED")
    middle, changed = texts.duration(timedelta(seconds=looks.p50_s)), looks.judgements - looks.kept
    return texts.say("LOOKS_MEAN", kept=looks.kept, count=looks.judgements, changed=changed, middle=middle)


def exercises_in_words(one: Figures, texts: ConsoleTexts) -> str:
    """Return how many exercises there were, how far they came, and their results where the server tells them."""
    found = one.exercises
    if not found.count:
        return "0"
    told = texts.say("EXERCISES_MEAN", count=found.count, shown=found.on_screen, stopped=found.count - found.on_screen)
    if not found.recognised + found.undecided + found.missed:  # too few to be told
        return told
    results = {"recognised": found.recognised, "undecided": found.undecided, "missed": found.missed}
    return f"{told}; {texts.say('EXERCISES_RESULTS', **results)}"


LINES: Final = (
    _count("PASSAGES", lambda one: one.whole.passages),
    _count("ALERTS", lambda one: one.whole.alerts),
    _count("FALSE", lambda one: one.whole.false_alerts),
    _share("FALSE_RATE", lambda one: one.whole.fpir),
    _count("CONFIRMED", lambda one: one.whole.confirmed),
    _count("OPEN", lambda one: one.whole.open),
    _count("ESCALATED", lambda one: one.escalated),
    _wait("CLAIMS", lambda one: one.claims),
    _wait("DECISIONS", lambda one: one.decisions),
    FigureLine(
        "LOOKS",
        lambda one: one.looks.kept / one.looks.judgements if one.looks.judgements else None,
        _looks,
        lambda value, texts: f"{texts.number(100 * value, '.0f')} %",
    ),
    FigureLine("BUSIEST", lambda one: one.busiest, _busiest, lambda value, texts: texts.number(value, ",.0f")),
    _share("UNUSABLE", lambda one: one.whole.unusable_rate),
    FigureLine(
        "EXERCISES",
        lambda one: one.exercises.count,
        exercises_in_words,
        lambda value, texts: texts.number(value, ",.0f"),
    ),
)
