"""Troubles: what is wrong with cameras, sources and the gallery, from when it is noticed until it is over.

They have nothing of a traveller or a subject in them: keys, numbers, times and codes only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from cekalwatch.contract.values.troubles import TroubleKind

MAX_ABOUT = 200
"""Characters of what a trouble is about."""
MAX_DETAILS = 8
MAX_DETAIL = 64
"""Characters of one detail's value."""
_NAME = re.compile(r"[a-z_]{1,32}")
NO_DETAILS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Fault:
    """What is wrong now, as whoever noticed it says. The contract says what each kind is about, and its details.

    Raises ValueError beyond the bounds above.
    """

    kind: TroubleKind
    about: str
    site: str = ""
    """Empty: it concerns all sites."""
    counter: str = ""
    details: Mapping[str, str] = field(default_factory=lambda: NO_DETAILS)

    def __post_init__(self) -> None:
        texts = [(self.about, MAX_ABOUT), *((value, MAX_DETAIL) for value in self.details.values())]
        if not all(0 < len(text) <= most and text.isprintable() for text, most in texts):
            raise ValueError("a trouble is about too much, or has a detail that cannot be told")
        if len(self.details) > MAX_DETAILS or not all(map(_NAME.fullmatch, self.details)):
            raise ValueError("a trouble has too many details, or one without a proper name")

    @property
    def key(self) -> tuple[TroubleKind, str]:
        """What at most one open trouble has."""
        return self.kind, self.about


@dataclass(frozen=True)
class Acknowledgement:
    """A person said that they have seen a trouble."""

    at: datetime
    person_id: UUID
    display_name: str = ""
    """Empty when the person is not known any more."""


@dataclass(frozen=True)
class Trouble:
    """A fault with its times."""

    trouble_id: UUID
    fault: Fault
    began_at: datetime
    ended_at: datetime | None = None
    acknowledged: Acknowledgement | None = None
    change: int = 0
    """Rises with every change of any trouble."""

    def is_seen_at(self, site: str) -> bool:
        """Whether it is at `site`, or concerns all; an empty `site` is all of them."""
        return not site or self.fault.site in {"", site}


@dataclass(frozen=True)
class TroubleChanges:
    """What has to be written so that the open troubles are those that are there."""

    begun: tuple[Fault, ...] = ()
    changed: tuple[Fault, ...] = ()
    """Open ones whose details are others now."""
    over: tuple[tuple[TroubleKind, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.begun or self.changed or self.over)


def changes(
    open_troubles: Iterable[Trouble], faults: Iterable[Fault], judged: Iterable[tuple[TroubleKind, str]]
) -> TroubleChanges:
    """Return what has to change. `judged` are the keys of which it is known whether something is wrong now."""
    known = {trouble.fault.key: trouble.fault for trouble in open_troubles}
    wrong = {fault.key: fault for fault in faults}
    return TroubleChanges(
        begun=tuple(fault for key, fault in wrong.items() if key not in known),
        changed=tuple(fault for key, fault in wrong.items() if key in known and known[key].details != fault.details),
        over=tuple(key for key in judged if key in known and key not in wrong),
    )
