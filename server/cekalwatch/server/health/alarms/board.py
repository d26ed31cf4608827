"""Open alarms: rules find alarm conditions, the board writes them, and people acknowledge them.

Several servers may share the database, and each applies its rules: an alarm is there once, whichever server finds it.
Methods block.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from cekalwatch.contract.values.alarms import OF_PEOPLE, AlarmKind, acknowledges
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind, stamp
from cekalwatch.server.domain.alarms import MAX_ABOUT, MAX_DETAIL, AlarmCondition, StoredAlarm, changes
from cekalwatch.server.domain.people import Person, role_needed
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.alarms import AlarmStore


@dataclass(frozen=True)
class Findings:
    """The findings of a rule."""

    conditions: Collection[AlarmCondition]
    """Those that exist now."""
    judged: Callable[[AlarmKind, str], bool]
    """Whether the rule knows if there is a condition of that kind, about that; an open alarm without it is over."""


class Rule(Protocol):
    """Looks for alarm conditions of one sort."""

    def look(self) -> Findings | None:
        """Return the findings, None while they are unknown; it may block."""


def condition(
    kind: AlarmKind, about: str, site: str = "", counter: str = "", **details: str | float | datetime | None
) -> AlarmCondition:
    """Return an alarm condition whose texts are cut to their bounds, with `?` for what cannot be printed.

    A detail that is None is left out; a time is written in ISO 8601, to the second.
    """
    shown = {name: _shown(value, MAX_DETAIL) for name, value in details.items() if value is not None}
    return AlarmCondition(kind, _shown(about, MAX_ABOUT), site, counter, shown)


def _shown(value: str | float | datetime, most: int) -> str:
    text = value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
    return "".join(one if one.isprintable() else "?" for one in text)[:most] or "?"


log = structlog.get_logger()


class AlarmBoard:
    """Writes alarms; `changed` is called after each change, on the caller's thread."""

    def __init__(
        self,
        store: AlarmStore,
        clock: Clock,
        actors: Callable[[AlarmKind], Collection[str]] = lambda _: (),
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`actors` returns the keys of those who did, signed or got what an alarm of that kind tells."""
        self._store = store
        self._clock = clock
        self._actors = actors
        self._changed = changed

    def apply(self, rule: Rule) -> None:
        """Bring the alarms that `rule` judges up to date."""
        if found := rule.look():
            self.agree(found.conditions, found.judged)

    def agree(self, conditions: Collection[AlarmCondition], judged: Callable[[AlarmKind, str], bool]) -> None:
        """Open, change and end alarms by `Findings`; alarms that are not judged do not change."""
        known = self._store.open()
        keys = [alarm.condition.key for alarm in known if judged(*alarm.condition.key)]
        wanted = changes(known, conditions, keys)
        if not wanted:
            return
        for alarm in self._store.write(wanted, self._clock.now()):
            found = alarm.condition
            if alarm.ended_at:
                log.info("trouble_over", kind=found.kind.value, about=found.about)
            else:
                log.warning("trouble_noticed", kind=found.kind.value, about=found.about, details=dict(found.details))
        self._changed()

    def acknowledge(self, alarm_id: UUID, person: Person, actor: Actor, sees: Callable[[str], bool]) -> StoredAlarm:
        """Record that a person acknowledges an alarm, at a device that `sees` some sites.

        Raises TROUBLE_NOT_FOUND, also for one of another site, PERSON_ROLE_NEEDED, and SAME_PERSON_TWICE where it tells
        of what they did, signed or got.
        """
        now = self._clock.now()

        def seen_by(alarm: StoredAlarm) -> PersonReference:
            kind = alarm.condition.kind
            if alarm.condition.site and not sees(alarm.condition.site):
                raise CekalwatchError(Code.TROUBLE_NOT_FOUND)
            roles = acknowledges(kind)
            if not person.roles & roles:
                raise role_needed(roles, kind)
            if kind in OF_PEOPLE and str(person.person_id) in self._actors(kind):
                raise CekalwatchError(Code.SAME_PERSON_TWICE, kind)
            return PersonReference(str(person.person_id), person.display_name)

        def note(alarm: StoredAlarm) -> AuditEntry:
            details: dict[str, int | str] = {"kind": alarm.condition.kind.value, "about": alarm.condition.about}
            objects = (ObjectKind.TROUBLE.key(alarm.alarm_id),)
            return AuditEntry(now, actor, Action.TROUBLE_ACKNOWLEDGED, objects, details=details)

        alarm = self._store.acknowledge(alarm_id, seen_by, now, note)
        log.info("trouble_acknowledged", kind=alarm.condition.kind.value, about=alarm.condition.about)
        self._changed()
        return alarm


@dataclass(frozen=True)
class AlarmSweeper:
    """Removes alarms that were over long ago, in the name of `actor`; each sweep is in the audit trail."""

    store: AlarmStore
    clock: Clock
    actor: Actor
    keep: timedelta

    def sweep(self) -> int:
        """Remove due alarms, and return how many."""
        now = self.clock.now()
        before = now - self.keep

        def note(alarms: int) -> AuditEntry:
            details: dict[str, int | str] = {"troubles": alarms, "troubles_before": stamp(before)}
            return AuditEntry(now, self.actor, Action.RETENTION_SWEPT, details=details)

        if gone := self.store.remove(before, note):
            log.info("retention_swept", troubles=gone)
        return gone
