"""Alarms (on the wire: troubles) of cameras, sources and the gallery, from their detection to their end.

They have nothing of a traveller or a subject in them: keys, numbers, times and codes only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from uuid import UUID

from cekalwatch.contract.values.alarms import NO_DETAILS, Alarm, AlarmKind, AlarmTimes

MAX_ABOUT = 200
"""Maximum characters of the subject of an alarm."""
MAX_DETAILS = 8
MAX_DETAIL = 64
"""Characters of one detail's value."""
_NAME = re.compile(r"[a-z_]{1,32}")


@dataclass(frozen=True)
class AlarmCondition:
    """A present alarm condition, as its rule states it. The contract says what each kind is about, and its details.

    Raises ValueError beyond the bounds above.
    """

    kind: AlarmKind
    about: str
    site: str = ""
    """Empty: it concerns all sites."""
    counter: str = ""
    details: Mapping[str, str] = field(default_factory=lambda: NO_DETAILS)

    def __post_init__(self) -> None:
        texts = [(self.about, MAX_ABOUT), *((value, MAX_DETAIL) for value in self.details.values())]
        if not all(0 < len(text) <= most and text.isprintable() for text, most in texts):
            raise ValueError("an alarm is about too much, or has a detail that cannot be told")
        if len(self.details) > MAX_DETAILS or not all(map(_NAME.fullmatch, self.details)):
            raise ValueError("an alarm has too many details, or one without a proper name")

    @property
    def key(self) -> tuple[AlarmKind, str]:
        """Key that at most one open alarm has."""
        return self.kind, self.about


@dataclass(frozen=True)
class StoredAlarm(AlarmTimes):
    """An alarm condition with its times."""

    alarm_id: UUID
    condition: AlarmCondition
    change: int = 0
    """Rises with every change of any alarm."""

    def is_seen_at(self, site: str) -> bool:
        """Whether it is at `site`, or concerns all; an empty `site` is all of them."""
        return not site or self.condition.site in {"", site}

    @property
    def shown(self) -> Alarm:
        """The alarm in the form for clients."""
        one = self.condition
        times = {field.name: getattr(self, field.name) for field in fields(AlarmTimes)}
        return Alarm(str(self.alarm_id), one.kind, one.about, one.site, one.counter, one.details, **times)


@dataclass(frozen=True)
class AlarmChanges:
    """Changes to write so that the open alarms are the present ones."""

    begun: tuple[AlarmCondition, ...] = ()
    changed: tuple[AlarmCondition, ...] = ()
    """Open ones whose details are others now."""
    over: tuple[tuple[AlarmKind, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.begun or self.changed or self.over)


def changes(
    open_alarms: Iterable[StoredAlarm], conditions: Iterable[AlarmCondition], judged: Iterable[tuple[AlarmKind, str]]
) -> AlarmChanges:
    """Return the changes. `judged` are the keys whose state is known."""
    known = {alarm.condition.key: alarm.condition for alarm in open_alarms}
    wrong = {condition.key: condition for condition in conditions}
    return AlarmChanges(
        begun=tuple(one for key, one in wrong.items() if key not in known),
        changed=tuple(one for key, one in wrong.items() if key in known and known[key].details != one.details),
        over=tuple(key for key in judged if key in known and key not in wrong),
    )
