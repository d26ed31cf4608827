"""Figures in plain words: their effect on officers' work."""

from __future__ import annotations

from cekalwatch.contract.values.reports import Rate
from cekalwatch.evaluation.statistics.metrics import OperatingPoint


def one_in(share: float) -> str:
    """Return a share as "one in 120"."""
    return f"one in {round(1 / share):,}" if share > 0 else "none"


def of_hundred(share: float) -> str:
    """Return a share as "3 of 100", with a decimal below ten."""
    figure = share * 100
    return f"{figure:.0f} of 100" if figure >= 10 or figure == 0 else f"{figure:.1f} of 100"


def percentages(rate: Rate) -> str:
    """Return a rate with its interval, like "0.034 (0.024 to 0.046)"."""
    return f"{rate.value:.4f} ({rate.low:.4f} to {rate.high:.4f})" if rate.trials else "not measured"


def small(rate: Rate) -> str:
    """Return a very small rate by its significant digits, with its interval, like "2.1e-05 (0 to 0.0003)"."""
    return f"{rate.value:.2g} ({rate.low:.2g} to {rate.high:.2g})" if rate.trials else "not measured"


def compared(part: Rate, whole: Rate) -> str:
    """Return how a group's interval compares with the rate of everybody."""
    if part.trials and part.low > whole.value:
        return "more often than average"
    if part.trials and part.high < whole.value:
        return "less often than average"
    return "too few to tell"


def expectation(point: OperatingPoint, what: str) -> str:
    """Return what to expect at an operating point; `what` is the plural of the probes, like "passages"."""
    false, missed = point.false_alerts, point.misses
    seen = (
        f"one false alert in about {round(1 / false.value):,} {what}"
        if false.events
        else f"fewer than one false alert in {round(1 / false.high):,} {what}"
    )
    return (
        f"At this setting expect {seen} of people who are not listed, and to miss about {of_hundred(missed.value)} "
        f"{what} of people who are (between {missed.low * 100:.1f} and {missed.high * 100:.1f})."
    )
