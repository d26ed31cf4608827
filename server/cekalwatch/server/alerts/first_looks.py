"""Whether people must look at the two faces of an alert before they see the rest (domain rule 15).

Two people can turn it off and on, and both are recorded.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from cekalwatch.contract.values.people import TwoPersonAction
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, both_keys
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.settings import SettingStore


@dataclass(frozen=True)
class FirstLookSetting:
    """Whether first looks are asked for: they are, unless two people have said otherwise."""

    asked: bool = True


class FirstLooks:
    """Follows the setting. Asking for it is cheap; the other methods block."""

    def __init__(self, store: SettingStore[FirstLookSetting], clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._asked = True

    def asked(self) -> bool:
        """Return whether they are asked for, as last read with a correct MAC."""
        return self._asked

    def follow(self) -> None:
        """Read the setting; while its row is changed, the last correct one applies."""
        with suppress(ChangedRowError):
            self._asked = self._store.get().asked

    def set(self, people: TwoPeople, actor: Actor, *, asked: bool) -> None:
        """Turn first looks on or off for all servers of the database; they follow within seconds."""
        if people.action is not TwoPersonAction.CHANGE_FIRST_LOOKS:
            raise ValueError(f"these people may do {people.action}")
        both = both_keys(people)
        details = {"asked": "yes" if asked else "no"}
        entry = AuditEntry(self._clock.now(), actor, Action.FIRST_LOOKS_SET, both, details=details)
        self._store.set(FirstLookSetting(asked), entry)
