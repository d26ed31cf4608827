"""Open alarms: rules find faults, the board writes them, and people acknowledge them.

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

from cekalwatch.contract.values.people import PersonReference
from cekalwatch.contract.values.troubles import TroubleKind, acknowledges
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, ObjectKind, stamp
from cekalwatch.server.domain.people import Person, role_needed
from cekalwatch.server.domain.troubles import MAX_ABOUT, MAX_DETAIL, Alarm, Fault, changes
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.troubles import TroubleStore


@dataclass(frozen=True)
class Findings:
    """The findings of a rule."""

    faults: Collection[Fault]
    """Those that exist now."""
    judged: Callable[[TroubleKind, str], bool]
    """Whether the rule knows if there is a fault of that kind, about that; an open alarm without one is then over."""


class Rule(Protocol):
    """Looks for faults of one sort."""

    def look(self) -> Findings | None:
        """Return the findings, None while they are unknown; it may block."""


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


log = structlog.get_logger()


class AlarmBoard:
    """Writes alarms; `changed` is called after each change, on the caller's thread."""

    def __init__(self, store: TroubleStore, clock: Clock, changed: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._clock = clock
        self._changed = changed

    def apply(self, rule: Rule) -> None:
        """Bring the alarms that `rule` judges up to date."""
        if found := rule.look():
            self.agree(found.faults, found.judged)

    def agree(self, faults: Collection[Fault], judged: Callable[[TroubleKind, str], bool]) -> None:
        """Open, change and end alarms by `Findings`; alarms that are not judged do not change."""
        known = self._store.open()
        keys = [trouble.fault.key for trouble in known if judged(*trouble.fault.key)]
        wanted = changes(known, faults, keys)
        if not wanted:
            return
        for trouble in self._store.write(wanted, self._clock.now()):
            fault = trouble.fault
            if trouble.ended_at:
                log.info("trouble_over", kind=fault.kind.value, about=fault.about)
            else:
                log.warning("trouble_noticed", kind=fault.kind.value, about=fault.about, details=dict(fault.details))
        self._changed()

    def acknowledge(self, trouble_id: UUID, person: Person, actor: Actor, sees: Callable[[str], bool]) -> Alarm:
        """Record that a person acknowledges an alarm, at a device that `sees` some sites.

        Raises TROUBLE_NOT_FOUND, also for one of another site, and PERSON_ROLE_NEEDED.
        """
        now = self._clock.now()

        def seen_by(trouble: Alarm) -> PersonReference:
            if trouble.fault.site and not sees(trouble.fault.site):
                raise CekalwatchError(Code.TROUBLE_NOT_FOUND)
            roles = acknowledges(trouble.fault.kind)
            if not person.roles & roles:
                raise role_needed(roles, trouble.fault.kind)
            return PersonReference(str(person.person_id), person.display_name)

        def note(trouble: Alarm) -> AuditEntry:
            details: dict[str, int | str] = {"kind": trouble.fault.kind.value, "about": trouble.fault.about}
            objects = (ObjectKind.TROUBLE.key(trouble.trouble_id),)
            return AuditEntry(now, actor, Action.TROUBLE_ACKNOWLEDGED, objects, details=details)

        trouble = self._store.acknowledge(trouble_id, seen_by, now, note)
        log.info("trouble_acknowledged", kind=trouble.fault.kind.value, about=trouble.fault.about)
        self._changed()
        return trouble


@dataclass(frozen=True)
class AlarmSweeper:
    """Removes alarms that were over long ago, in the name of `actor`; each sweep is in the audit trail."""

    store: TroubleStore
    clock: Clock
    actor: Actor
    keep: timedelta

    def sweep(self) -> int:
        """Remove due alarms, and return how many."""
        now = self.clock.now()
        before = now - self.keep

        def note(troubles: int) -> AuditEntry:
            details: dict[str, int | str] = {"troubles": troubles, "troubles_before": stamp(before)}
            return AuditEntry(now, self.actor, Action.RETENTION_SWEPT, details=details)

        if gone := self.store.remove(before, note):
            log.info("retention_swept", troubles=gone)
        return gone
