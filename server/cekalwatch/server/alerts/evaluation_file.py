"""Reads `evaluation.json`: the fitted threshold model, and the results of groups of volunteers.

The evaluation itself is a separate distribution, which a server does not need.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from cekalwatch.contract.values.reports import GroupFigures, GroupPair, MeasuredGroups, Rate
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.vision.thresholds import ThresholdModel

log = structlog.get_logger()

FORMAT: Final = 1
"""Of the file."""
_MAX_BYTES: Final = 64 << 20
Found = TypeVar("Found")


@dataclass(frozen=True)
class TailCheck:
    """The FPIR that the threshold model promises for a list size, and the counted one."""

    list_size: int
    promised: float
    threshold: float
    counted: Rate


@dataclass(frozen=True)
class FittedThresholds:
    """The threshold models of an evaluation."""

    decisions: ThresholdModel
    plain: ThresholdModel | None
    """Of scores that are not compared with those of the list; None if those of decisions are not either."""
    checks: tuple[TailCheck, ...]


def read_models(file: Path) -> FittedThresholds:
    """Return the fitted threshold models of an `evaluation.json`. Raises ProgramError."""

    def take(run: Any) -> FittedThresholds:  # noqa: ANN401  # JSON
        if run["format"] != FORMAT:
            raise ValueError(f"format {run['format']!r} is not {FORMAT}")
        if run["threshold_model"] is None:
            raise ProgramError(
                f"{file} has too few passages for a threshold model. Evaluate more people.", Exit.DATA_PROBLEMS
            )
        checks = tuple(TailCheck(**{**check, "counted": Rate(**check["counted"])}) for check in run["threshold_checks"])
        plain = (run.get("plain_scores") or {}).get("threshold_model")
        plain_model = ThresholdModel.from_json(plain) if plain else None
        return FittedThresholds(ThresholdModel.from_json(run["threshold_model"]), plain_model, checks)

    return _read_run(file, take)


def read_groups(file: Path) -> MeasuredGroups:
    """Return the figures by group of an `evaluation.json`. Raises ProgramError."""
    found = _read_run(file, _measured)
    if not found.groups:
        raise ProgramError(
            f"{file} has no figures by group: say who belongs to which, in DIR/groups.csv or the column group, and "
            "evaluate again",
            Exit.NO_INPUT,
        )
    return found


def groups_if_readable(file: Path | None) -> MeasuredGroups | None:
    """Return the results by group; an unusable file must not keep a port from working."""
    try:
        return read_groups(file) if file else None
    except ProgramError as error:
        log.warning("group_figures_unusable", problem=str(error))
        return None


def _read_run(file: Path, take: Callable[[Any], Found]) -> Found:
    """Return the result of `take` for an `evaluation.json`; `take` may raise ValueError, KeyError or TypeError.

    Raises ProgramError when the file is no such file, or cannot be read.
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
