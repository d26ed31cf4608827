"""The menu: which pages a person is offered. Its sections stand in the header, and the pages of one below it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from cekalwatch.contract.values.alarms import SEES_ALARMS
from cekalwatch.contract.values.people import (
    CONFIRMS,
    HANDLES_ALERTS,
    KEEPS_DEVICES,
    KEEPS_PEOPLE,
    KEEPS_SYSTEM,
    KEEPS_WATCHLIST,
    SEES_ALERTS,
    SEES_AUDIT_TRAIL,
    SEES_SHIFT_REPORT,
    SIGNS_AS_SECOND,
    PersonRole,
)
from cekalwatch.program.extensions import extensions

ANYBODY: Final[frozenset[PersonRole]] = frozenset()
"""The signed-in person."""


@dataclass(frozen=True)
class Entry:
    """A page in the menu."""

    path: str
    title: str
    """The name of its text, after MENU_."""
    people: frozenset[PersonRole]

    def offered_to(self, roles: frozenset[PersonRole]) -> bool:
        """Whether a person with these roles may open it."""
        return not self.people or bool(self.people & roles)

    def has(self, path: str) -> bool:
        """Whether it is the page at `path`, or above it."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


@dataclass(frozen=True)
class MenuSection:
    """Pages that belong together, as a person is offered them."""

    title: str
    """As that of an entry."""
    entries: tuple[Entry, ...]

    def entry_at(self, path: str) -> Entry | None:
        """Return the entry nearest above the page at `path`; None when the page is in no entry of this section."""
        return max((one for one in self.entries if one.has(path)), key=lambda one: len(one.path), default=None)


_CORE: Final = (
    MenuSection(
        "NOW",
        (
            Entry("/", "NOW", ANYBODY),
            Entry("/wall", "WALL", CONFIRMS),
            Entry("/troubles", "TROUBLES", SEES_ALARMS),
            Entry("/approvals", "APPROVALS", SIGNS_AS_SECOND),
        ),
    ),
    MenuSection(
        "ALERTS",
        (
            Entry("/alerts", "ALERTS", SEES_ALERTS),
            Entry("/shift", "SHIFT", HANDLES_ALERTS),
            Entry("/ports", "PORTS", CONFIRMS),
        ),
    ),
    MenuSection(
        "LIST",
        (
            Entry("/list", "SUBJECTS", KEEPS_WATCHLIST),
            Entry("/list/look-alikes", "LOOKALIKES", KEEPS_WATCHLIST),
            Entry("/list/agencies", "AGENCIES", KEEPS_WATCHLIST),
            Entry("/list/law", "LAW", KEEPS_WATCHLIST),
            Entry("/list/import", "IMPORT", KEEPS_WATCHLIST),
            Entry("/list/sync", "SYNC", KEEPS_WATCHLIST),
        ),
    ),
    MenuSection("FIGURES", (Entry("/statistics", "FIGURES", SEES_SHIFT_REPORT),)),
    MenuSection("AUDIT", (Entry("/audit", "AUDIT", SEES_AUDIT_TRAIL),)),
    MenuSection(
        "SETUP",
        (
            Entry("/cameras", "CAMERAS", KEEPS_SYSTEM),
            Entry("/threshold", "THRESHOLD", KEEPS_SYSTEM),
            Entry("/people", "PEOPLE", KEEPS_PEOPLE),
            Entry("/devices", "DEVICES", KEEPS_DEVICES),
            Entry("/system", "SYSTEM", KEEPS_SYSTEM),
        ),
    ),
)


@cache
def menu() -> tuple[MenuSection, ...]:
    """Return the whole menu, with each extension's page after the one that it names."""
    return tuple(
        MenuSection(section.title, tuple(one for entry in section.entries for one in (entry, *_after(entry))))
        for section in _CORE
    )


def _after(entry: Entry) -> tuple[Entry, ...]:
    return tuple(one.ENTRY for one in extensions("page") if entry.path == one.AFTER)


def menu_of(roles: frozenset[PersonRole]) -> tuple[MenuSection, ...]:
    """Return the sections with the pages that a person with these roles may open; none is empty."""
    offered = (
        MenuSection(one.title, tuple(entry for entry in one.entries if entry.offered_to(roles))) for one in menu()
    )
    return tuple(one for one in offered if one.entries)
