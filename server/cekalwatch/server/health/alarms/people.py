"""Alarms about new rights: everybody who has rights learns of them."""

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
MAX_ENTRIES: Final = 200
"""Of one action; of more, the newest are told."""
_PERSON: Final = ObjectKind.PERSON.key("")


@dataclass(frozen=True)
class RightsAlarms:
    """The rule for given rights, at the server that looks for all; `look` blocks."""

    search: AuditSearch
    clock: Clock

    def look(self) -> Findings:
        """Return one alarm about the newest entry, so that each new entry raises one."""
        given = list(self._given())
        conditions = []
        if given:
            people = {json.loads(one.objects)[0] for one in given}
            newest = max(one.sequence for one in given)
            conditions = [condition(AlarmKind.RIGHTS_GIVEN, f"audit {newest}", people=len(people))]
        return Findings(conditions, lambda kind, _: kind in OF_PEOPLE)

    def actors(self) -> frozenset[str]:
        """Return the keys of the people who gave these rights, signed for them or got them."""
        keys = {key for one in self._given() for key in (one.actor, *json.loads(one.objects))}
        return frozenset(key.removeprefix(_PERSON).partition("@")[0] for key in keys if key.startswith(_PERSON))

    def _given(self) -> Iterator[Link]:
        since = moment_of(stamp(self.clock.now() - TOLD_FOR))
        for action in (Action.PERSON_ADDED, Action.PERSON_CHANGED):
            page = self.search.page(AuditQuery((action_term(action),), since), MAX_ENTRIES)
            for _, one in page.found:
                if json.loads(one.details or "{}").get("gives") == "yes":
                    yield one
