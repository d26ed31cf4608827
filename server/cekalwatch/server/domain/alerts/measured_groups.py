"""What an evaluation with volunteers found about groups of people: who is missed, and who is taken for somebody else.

Of travellers no group is recorded, so that this is all that can be said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cekalwatch.server.domain.rates import Rate


@dataclass(frozen=True)
class GroupFigures:
    """One group of people at the whole's threshold."""

    group: str
    misses: Rate
    false_alerts: Rate


@dataclass(frozen=True)
class GroupPair:
    """How often a traveller of one group is taken for a listed stranger of another, or of the same."""

    traveller: str
    """Group of the traveller; empty: everybody's."""
    listed: str
    """Group of the listed person; empty: everybody's."""
    mistaken: Rate
    """Share of comparisons of two different people that reach the threshold (FMR); the interval is by traveller."""


@dataclass(frozen=True)
class MeasuredGroups:
    """The figures by group of one evaluation."""

    source: str
    model_version: str
    people: int
    groups: tuple[GroupFigures, ...]
    pairs: tuple[GroupPair, ...]

    @classmethod
    def of_run(cls, run: Mapping[str, Any]) -> MeasuredGroups:
        """Read those of an evaluation's JSON, which may have none; raises ValueError, KeyError or TypeError."""
        return cls(
            str(run["source"]),
            str(run["model_version"]),
            int(run["people"]),
            tuple(
                GroupFigures(str(one["group"]), Rate(**one["misses"]), Rate(**one["false_alerts"]))
                for one in run["passages"]["groups"]
            ),
            tuple(
                GroupPair(str(one["traveller"]), str(one["listed"]), Rate(**one["mistaken"]))
                for one in run["group_pairs"]
            ),
        )
