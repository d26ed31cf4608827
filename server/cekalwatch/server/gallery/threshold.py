"""The decision threshold in force: one that two people set takes precedence over the settings, and these over the pack.

The pack's threshold follows from the wanted FPIR and the number of templates, so it rises as the list grows. Setting a
threshold needs two people, and is recorded with both.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, Thing
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.people import TwoPeople, TwoPersonAction
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.models.store import ThresholdStore
from cekalwatch.vision.thresholds import ThresholdModel

MIN_THRESHOLD, MAX_THRESHOLD = 0.2, 0.8
"""Outside these, everybody or nobody would alert, whatever the model."""


class ThresholdSource(StrEnum):
    """Where a threshold comes from."""

    PACK = "PACK"
    SETTINGS = "SETTINGS"
    PEOPLE = "PEOPLE"


@dataclass(frozen=True)
class Threshold:
    """A decision threshold (comparison score) with the FPIR to expect."""

    value: float
    source: ThresholdSource
    expected_fpir: float
    """False alerts for each passage of somebody who is not listed, by the pack's threshold model."""
    extrapolated: bool
    """Whether the threshold model was fitted on too few passages for that FPIR, or not with this pack."""


class ThresholdRule:
    """Decides which threshold is in force; reading it blocks."""

    def __init__(
        self,
        store: ThresholdStore,
        model_version: str,
        model: ThresholdModel,
        wanted_fpir: float,
        configured: float | None,
    ) -> None:
        """`model` and `configured` are those of the pack with that model version."""
        self._store = store
        self._model_version = model_version
        self._model = model
        self._wanted_fpir = wanted_fpir
        self._configured = configured
        self._chosen: float | None = None
        """What two people set, as it was read last in order."""

    def now(self, templates: int) -> Threshold:
        """Return the threshold for a gallery of so many templates.

        While the row of the one that people set is not as it was written, the last one that was counts.
        """
        with contextlib.suppress(ChangedRowError):
            self._chosen = self._store.get(self._model_version)
        if self._chosen is not None:
            value, source = self._chosen, ThresholdSource.PEOPLE
        elif self._configured is not None:
            value, source = self._configured, ThresholdSource.SETTINGS
        else:
            value, source = self._model.threshold(templates, self._wanted_fpir), ThresholdSource.PACK
        expected = self._model.fpir(templates, value)
        return Threshold(value, source, expected, not self._model.is_measured(templates, expected))


class ThresholdSetting:
    """Sets the threshold. Blocks."""

    def __init__(self, store: ThresholdStore, clock: Clock, model_version: Callable[[], str]) -> None:
        """`model_version` returns the model in use, for which the threshold is set."""
        self._store = store
        self._clock = clock
        self._model_version = model_version

    def set(self, value: float | None, people: TwoPeople, actor: Actor) -> None:
        """Set it, or with None return to settings and pack; servers follow within seconds.

        Raises ARGUMENT_INVALID when it is out of its bounds.
        """
        if people.action is not TwoPersonAction.CHANGE_THRESHOLD:
            raise ValueError(f"these people may do {people.action}")
        # Written so that NaN is out of bounds as well.
        if value is not None and not MIN_THRESHOLD <= value <= MAX_THRESHOLD:
            raise CekalwatchError(Code.ARGUMENT_INVALID, "threshold")
        model_version = self._model_version()
        try:
            before = _words(self._store.get(model_version))
        except ChangedRowError:  # it is mended by this
            before = "refused"
        details = {"threshold": _words(value), "before": before, "model": model_version}
        both = tuple(Thing.PERSON.key(person.person_id) for person in (people.first, people.second))
        entry = AuditEntry(self._clock.now(), actor, Action.THRESHOLD_SET, both, details=details)
        self._store.set(value, model_version, entry)


def _words(value: float | None) -> str:
    return "not set" if value is None else f"{value:.4f}"
