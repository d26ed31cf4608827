"""What a rule of alarms returns: the faults that exist now, with texts that can be shown."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cekalwatch.contract.values.troubles import TroubleKind
from cekalwatch.server.domain.troubles import MAX_ABOUT, MAX_DETAIL, Fault


@dataclass(frozen=True)
class Findings:
    """What a rule has found."""

    faults: Collection[Fault]
    """Those that exist now."""
    judged: Callable[[TroubleKind, str], bool]
    """Whether the rule knows if there is a fault of that kind, about that; an open alarm without one is then over."""


class Rule(Protocol):
    """Looks for faults of one sort."""

    def look(self) -> Findings | None:
        """Return what is found, None while nothing can be said; it may block."""


def fault(
    kind: TroubleKind, about: str, site: str = "", counter: str = "", **details: str | float | datetime | None
) -> Fault:
    """Return a fault whose texts are cut to their bounds, with `?` for what cannot be printed.

    A detail that is None is left out; a time is written in ISO 8601, to the second.
    """
    shown = {name: _shown(value, MAX_DETAIL) for name, value in details.items() if value is not None}
    return Fault(kind, _shown(about, MAX_ABOUT), site, counter, shown)


def _shown(value: str | float | datetime, most: int) -> str:
    text = value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
    return "".join(one if one.isprintable() else "?" for one in text)[:most] or "?"
