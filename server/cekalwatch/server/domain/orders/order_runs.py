"""Bans that follow one another: how long they run together, by the days on which each can be in force."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta


@dataclass(frozen=True)
class Stretch:
    """The days of one order, both included; it has none when `last` is before `first`."""

    first: date
    last: date
    begins: bool
    """Whether it names nothing that it extends."""


@dataclass(frozen=True)
class Run:
    """Orders that follow one another, from the first day to the last one."""

    first: date
    last: date
    idle_days: int
    """Days between them on which none was in force."""
    begun: int
    """Number of orders that name no order that they extend."""

    @classmethod
    def of(cls, one: Stretch) -> Run:
        """Return the run of a single order."""
        return cls(one.first, one.last, 0, int(one.begins))

    def idle_before(self, later: Stretch) -> int:
        """Return the days between its last day and the first one of an order that begins later."""
        return max(0, (later.first - self.last).days - 1)

    def followed_by(self, later: Stretch) -> Run:
        """Return the run with an order that begins later."""
        idle, begun = self.idle_days + self.idle_before(later), self.begun + int(later.begins)
        return replace(self, last=max(self.last, later.last), idle_days=idle, begun=begun)

    def lasts_longer_than(self, months: int) -> bool:
        """Whether it covers more than that many calendar months; days without an order do not count."""
        return self.last - timedelta(days=self.idle_days) > self.first + relativedelta(months=months)


def run_of(own: Stretch, others: Iterable[Stretch], gap_days: int) -> Run | None:
    """Return the run to which `own` belongs among others; None when it has no day.

    An order follows when not more than `gap_days` days lie between it and what ran before.
    """
    runs: list[Run] = []
    for one in sorted((one for one in (own, *others) if one.first <= one.last), key=lambda one: one.first):
        if runs and runs[-1].idle_before(one) <= gap_days:
            runs[-1] = runs[-1].followed_by(one)
        else:
            runs.append(Run.of(one))
    return next((run for run in runs if run.first <= own.first <= own.last <= run.last), None)
