"""Problems (on the wire: troubles) of cameras, sources and the gallery, from their detection to their end.

They have nothing of a traveller or a subject in them: keys, numbers, times and codes only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from cekalwatch.contract.values.people import PersonReference
from cekalwatch.contract.values.troubles import NO_DETAILS, Trouble, TroubleKind

MAX_ABOUT = 200
"""Maximum characters of the subject of a problem."""
MAX_DETAILS = 8
MAX_DETAIL = 64
"""Characters of one detail's value."""
_NAME = re.compile(r"[a-z_]{1,32}")


@dataclass(frozen=True)
class Fault:
    """A present fault, as its rule states it. The contract says what each kind is about, and its details.

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
        """Key that at most one open problem has."""
        return self.kind, self.about


@dataclass(frozen=True)
class Alarm:
    """A fault with its times."""

    trouble_id: UUID
    fault: Fault
    began_at: datetime
    ended_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: PersonReference | None = None
    """The person who acknowledged it; None while nobody has."""
    change: int = 0
    """Rises with every change of any alarm."""

    def is_seen_at(self, site: str) -> bool:
        """Whether it is at `site`, or concerns all; an empty `site` is all of them."""
        return not site or self.fault.site in {"", site}

    @property
    def shown(self) -> Trouble:
        """The problem in the form for clients."""
        fault = self.fault
        return Trouble(
            str(self.trouble_id),
            fault.kind,
            fault.about,
            fault.site,
            fault.counter,
            self.began_at,
            self.ended_at,
            self.acknowledged_at,
            self.acknowledged_by,
            fault.details,
        )


@dataclass(frozen=True)
class TroubleChanges:
    """Changes to write so that the open problems are the present ones."""

    begun: tuple[Fault, ...] = ()
    changed: tuple[Fault, ...] = ()
    """Open ones whose details are others now."""
    over: tuple[tuple[TroubleKind, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.begun or self.changed or self.over)


def changes(
    open_alarms: Iterable[Alarm], faults: Iterable[Fault], judged: Iterable[tuple[TroubleKind, str]]
) -> TroubleChanges:
    """Return the changes. `judged` are the keys whose state is known."""
    known = {alarm.fault.key: alarm.fault for alarm in open_alarms}
    wrong = {fault.key: fault for fault in faults}
    return TroubleChanges(
        begun=tuple(fault for key, fault in wrong.items() if key not in known),
        changed=tuple(fault for key, fault in wrong.items() if key in known and known[key].details != fault.details),
        over=tuple(key for key in judged if key in known and key not in wrong),
    )
