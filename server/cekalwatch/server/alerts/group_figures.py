"""Reads what an evaluation with volunteers found about groups of people, for the report of the field."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from cekalwatch.contract.values.reports import GroupFigures, GroupPair, MeasuredGroups, Rate
from cekalwatch.program.errors import Exit, ProgramError

log = structlog.get_logger()

_MAX_BYTES: Final = 64 << 20
Found = TypeVar("Found")


def read_groups(file: Path) -> MeasuredGroups:
    """Return the figures by group of an `evaluation.json`. Raises ProgramError."""
    found = read_run(file, _measured)
    if not found.groups:
        raise ProgramError(
            f"{file} has no figures by group: say who belongs to which, in DIR/groups.csv or the column group, and "
            "evaluate again",
            Exit.NO_INPUT,
        )
    return found


def groups_if_readable(file: Path | None) -> MeasuredGroups | None:
    """Return what was measured by group; a file that cannot be used must not keep a port from watching."""
    try:
        return read_groups(file) if file else None
    except ProgramError as error:
        log.warning("group_figures_unusable", problem=str(error))
        return None


def read_run(file: Path, take: Callable[[Any], Found]) -> Found:
    """Return what `take` makes of an `evaluation.json`; it may raise ValueError, KeyError or TypeError.

    Raises ProgramError when that is none, or cannot be read.
    """
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise ProgramError(f"{file} is too large for an evaluation", Exit.NO_INPUT)
        return take(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ProgramError(f"Cannot read {file}: {error.strerror}", Exit.NO_INPUT) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ProgramError(
            f"{file} is no evaluation ({error}). Make one: cekalwatch-server evaluate DIR", Exit.NO_INPUT
        ) from None


def _measured(run: Mapping[str, Any]) -> MeasuredGroups:
    return MeasuredGroups(
        str(run["source"]),
        str(run["model_version"]),
        int(run["people"]),
        tuple(
            GroupFigures(str(one["group"]), Rate(**one["misses"]), Rate(**one["false_alerts"]))
            for one in run["passages"]["groups"]
        ),
        tuple(
            GroupPair(str(one["traveller"]), str(one["listed"]), Rate(**one["mistaken"])) for one in run["group_pairs"]
        ),
    )
