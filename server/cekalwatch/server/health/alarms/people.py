"""Alarms about what people did that others must learn of: rights that were given, and orders that were silenced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cekalwatch.contract.values.alarms import OF_PEOPLE, AlarmKind
from cekalwatch.server.audit.entry import Action, Link, ObjectKind, stamp
from cekalwatch.server.audit.search_terms import action_term, moment_of
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.health.alarms.board import Findings, condition
from cekalwatch.server.storage.audit.search import AuditQuery, AuditSearch

TOLD_FOR: Final = timedelta(days=3)
"""Long enough for everybody to have been at work."""
SILENCING_TOLD_FOR: Final = timedelta(days=1)
MAX_ENTRIES: Final = 200
"""Of one action; of more, the newest are told."""
_PERSON: Final = ObjectKind.PERSON.key("")


@dataclass(frozen=True)
class RightsAlarms:
    """The rule for given rights and silenced orders, at the server that looks for all; `look` blocks."""

    search: AuditSearch
    clock: Clock

    def look(self) -> Findings:
        """Return one alarm of each kind about the newest entry, so that each new entry raises one."""
        given = list(self._given())
        conditions = []
        if given:
            people = {json.loads(one.objects)[0] for one in given}
            newest = max(one.sequence for one in given)
            conditions = [condition(AlarmKind.RIGHTS_GIVEN, f"audit {newest}", people=len(people))]
        if silenced := list(self._silenced()):
            orders = sum(int(json.loads(one.details)["orders"]) for one in silenced)
            newest = max(one.sequence for one in silenced)
            conditions.append(condition(AlarmKind.ORDERS_SILENCED, f"audit {newest}", orders=orders))
        return Findings(conditions, lambda kind, _: kind in OF_PEOPLE)

    def actors(self, kind: AlarmKind) -> frozenset[str]:
        """Return the keys of the people who did what an alarm of that kind tells, signed for it or got it."""
        told = self._given() if kind is AlarmKind.RIGHTS_GIVEN else self._silenced()
        keys = {key for one in told for key in (one.actor, *json.loads(one.objects))}
        return frozenset(key.removeprefix(_PERSON).partition("@")[0] for key in keys if key.startswith(_PERSON))

    def _given(self) -> Iterator[Link]:
        for action in (Action.PERSON_ADDED, Action.PERSON_CHANGED):
            for one in self._entries(action, TOLD_FOR):
                if json.loads(one.details or "{}").get("gives") == "yes":
                    yield one

    def _silenced(self) -> Iterator[Link]:
        return self._entries(Action.ORDERS_SILENCED, SILENCING_TOLD_FOR)

    def _entries(self, action: Action, told_for: timedelta) -> Iterator[Link]:
        since = moment_of(stamp(self.clock.now() - told_for))
        page = self.search.page(AuditQuery((action_term(action),), since), MAX_ENTRIES)
        return (one for _, one in page.found)
