"""The menu: which pages a person is offered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cekalwatch.contract.values.people import (
    CONFIRMS,
    KEEPS_DEVICES,
    KEEPS_PEOPLE,
    KEEPS_SYSTEM,
    KEEPS_WATCHLIST,
    SEES_ALERTS,
    SEES_AUDIT_TRAIL,
    SEES_SHIFT_REPORT,
    PersonRole,
)
from cekalwatch.contract.values.troubles import SEES_TROUBLES

ANYBODY: Final[frozenset[PersonRole]] = frozenset()
"""The signed-in person."""


@dataclass(frozen=True)
class Entry:
    """A page in the menu."""

    path: str
    title: str
    """What its text is called, after MENU_."""
    people: frozenset[PersonRole]


MENU: Final = (
    Entry("/", "NOW", ANYBODY),
    Entry("/alerts", "ALERTS", SEES_ALERTS),
    Entry("/list", "LIST", KEEPS_WATCHLIST),
    Entry("/ports", "PORTS", CONFIRMS),
    Entry("/troubles", "TROUBLES", SEES_TROUBLES),
    Entry("/statistics", "FIGURES", SEES_SHIFT_REPORT),
    Entry("/threshold", "THRESHOLD", KEEPS_SYSTEM),
    Entry("/audit", "AUDIT", SEES_AUDIT_TRAIL),
    Entry("/cameras", "CAMERAS", KEEPS_SYSTEM),
    Entry("/people", "PEOPLE", KEEPS_PEOPLE),
    Entry("/devices", "DEVICES", KEEPS_DEVICES),
    Entry("/system", "SYSTEM", KEEPS_SYSTEM),
)
