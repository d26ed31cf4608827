"""Which decision threshold is in force: what two people set goes before the settings, and these before the pack's.

Setting it is a change of what the system decides, so it takes two people, and is recorded with both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.two_people import TwoPeople, TwoPersonAction
from cekalwatch.server.recognition.thresholds import Table, threshold_for
from cekalwatch.server.security.audit import Action, Actor, AuditEntry, Thing
from cekalwatch.server.storage.threshold_store import ThresholdStore

LOWEST, HIGHEST = 0.2, 0.8
"""Outside, everybody would alert, or nobody would, whatever the model."""


class ThresholdSource(StrEnum):
    """Where a threshold comes from."""

    PACK = "PACK"
    SETTINGS = "SETTINGS"
    PEOPLE = "PEOPLE"


@dataclass(frozen=True)
class Threshold:
    """A decision threshold, comparison score."""

    value: float
    source: ThresholdSource


class ThresholdRule:
    """Says which threshold is in force; reading it blocks."""

    def __init__(self, store: ThresholdStore, table: Table, configured: float | None) -> None:
        self._store = store
        self._table = table
        self._configured = configured

    def now(self, templates: int) -> Threshold:
        """Return the threshold for a gallery of so many templates."""
        if (chosen := self._store.get()) is not None:
            return Threshold(chosen, ThresholdSource.PEOPLE)
        if self._configured is not None:
            return Threshold(self._configured, ThresholdSource.SETTINGS)
        return Threshold(threshold_for(self._table, templates), ThresholdSource.PACK)


class ThresholdSetting:
    """Sets the threshold. Blocks."""

    def __init__(self, store: ThresholdStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def set(self, value: float | None, people: TwoPeople, actor: Actor) -> None:
        """Set it, or with None give it back to settings and pack; servers follow within seconds.

        Raises ARGUMENT_INVALID when it is out of its bounds.
        """
        if people.action is not TwoPersonAction.CHANGE_THRESHOLD:
            raise ValueError(f"these people came for {people.action}")
        # Written so that what is no number is out of bounds as well.
        if value is not None and not LOWEST <= value <= HIGHEST:
            raise CekalwatchError(Code.ARGUMENT_INVALID, "threshold")
        before = self._store.get()
        details = {"threshold": _words(value), "before": _words(before)}
        both = tuple(Thing.PERSON.key(person.person_id) for person in (people.first, people.second))
        self._store.set(value, AuditEntry(self._clock.now(), actor, Action.THRESHOLD_SET, both, details=details))


def _words(value: float | None) -> str:
    return "not set" if value is None else f"{value:.4f}"
