"""The decision threshold in force: one that two people set takes precedence over the settings, and these over the pack.

The pack's threshold follows from the wanted FPIR and the number of templates, so it rises as the list grows. Learning
from the site's own passages moves it up or down. Setting a threshold, or forgetting what was learned, needs two people,
and both are recorded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from cekalwatch.contract.values.people import TwoPersonAction
from cekalwatch.contract.values.thresholds import Threshold, ThresholdPromise, ThresholdSource
from cekalwatch.server.audit.entry import Action, Actor, AuditEntry, both_keys
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.learning.camera_agreement import MIN_PASSAGES
from cekalwatch.server.learning.learned_threshold import (
    LearnedOffset,
    LearnedThreshold,
    LearningBounds,
    LearningMode,
    SiteFindings,
)
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError
from cekalwatch.server.storage.models.threshold_store import ThresholdStore
from cekalwatch.vision.thresholds import ThresholdModel

MIN_THRESHOLD, MAX_THRESHOLD = 0.2, 0.8
"""Outside these limits, everybody or nobody would alert, with any model."""


class ThresholdRule:
    """Decides which threshold is in force; reading it blocks."""

    def __init__(
        self,
        store: ThresholdStore,
        model_version: str,
        model: ThresholdModel,
        target_fpir: float,
        configured: float | None,
        learning: LearningBounds = LearningBounds(),  # noqa: B008  # frozen
    ) -> None:
        """`model` and `configured` are those of the pack whose scores have that version."""
        self._store = store
        self._model_version = model_version
        self._model = model
        self._target_fpir = target_fpir
        self._configured = configured
        self._learning = learning
        self._chosen: float | None = None
        """The threshold that two people set, as last read with a correct MAC."""
        self._learned: LearnedThreshold | None = None
        """The learned offset, as last read with a correct MAC."""

    def now(self, templates: int) -> Threshold:
        """Return the threshold for a gallery with that number of templates.

        While the row of the threshold that people set is changed, the last correct one applies.
        """
        with contextlib.suppress(ChangedRowError):
            self._chosen = self._store.get(self._model_version)
        return self._decided(templates, self._chosen)

    def without_people(self, templates: int) -> Threshold:
        """Return the threshold that would apply if nobody had set one."""
        return self._decided(templates, None)

    def _decided(self, templates: int, chosen: float | None) -> Threshold:
        with contextlib.suppress(ChangedRowError):
            self._learned = self._store.learned(self._model_version)
        packs = self._model.threshold(templates, self._target_fpir)
        offset = self._offset()
        if chosen is not None:
            value, source = chosen, ThresholdSource.PEOPLE
        elif self._configured is not None:
            value, source = self._configured, ThresholdSource.SETTINGS
        elif offset:
            value, source = min(max(packs + offset, MIN_THRESHOLD), MAX_THRESHOLD), ThresholdSource.LEARNED
        else:
            value, source = packs, ThresholdSource.PACK
        promise, model = self._promise(packs, templates)
        expected = model.fpir(templates, value)
        return Threshold(value, source, expected, not model.is_measured(templates, expected), promise)

    def _offset(self) -> float:
        """Return by how much the site's own threshold is above the pack's; 0 if nothing was learned."""
        if self._learned is None or self._learning.mode is LearningMode.OBSERVE:
            return 0.0
        return self._learning.limited(self._learned.offset.value)

    def _promise(self, packs: float, templates: int) -> tuple[ThresholdPromise, ThresholdModel]:
        """Return the promised FPIR, and its model."""
        findings = self._learned.findings if self._learned else SiteFindings.NONE
        tail = findings.tail
        known = self._model.threshold_interval(templates, self._target_fpir) or (0.0, 0.0)
        low, high = (packs + findings.low, packs + findings.high) if tail else known
        origin = "" if tail else self._model.provenance.data
        promise = ThresholdPromise(origin, findings.passages, MIN_PASSAGES, round(findings.weight), low, high)
        return promise, tail or self._model


class ThresholdSetting:
    """Sets the threshold. Blocks."""

    def __init__(self, store: ThresholdStore, clock: Clock, model_version: Callable[[], str]) -> None:
        """`model_version` returns the version of the scores in use, for which the threshold is set."""
        self._store = store
        self._clock = clock
        self._model_version = model_version

    def forget_learned(self, model_version: str, today: str, people: TwoPeople, actor: Actor) -> None:
        """Go back to the pack's threshold, and learn from passages after `today` (ISO 8601) only.

        Raises ARGUMENT_INVALID when a model other than `model_version` is in use.
        """
        if people.action is not TwoPersonAction.CHANGE_THRESHOLD:
            raise ValueError(f"these people may do {people.action}")
        if model_version != self._model_version():
            raise CekalwatchError(Code.ARGUMENT_INVALID, "model_version")
        try:
            known = self._store.learned(model_version)
        except ChangedRowError:  # this repairs the row
            known = None
        before = f"{known.offset.value:+.4f}" if known else "nothing"
        details = {"forgotten": before, "model": model_version, "today": today}
        both = both_keys(people)
        entry = AuditEntry(self._clock.now(), actor, Action.LEARNING_FORGOTTEN, both, details=details)
        self._store.forget_learned(LearnedThreshold(model_version, LearnedOffset(), today, SiteFindings.NONE), entry)

    def accept_learned(self, value: float, people: TwoPeople, actor: Actor) -> None:
        """Move the learned threshold to `value`, from where learning goes on; one that people set goes away.

        Raises ARGUMENT_INVALID when no learned threshold waits, and when the value is out of its bounds.
        """
        if people.action is not TwoPersonAction.CHANGE_THRESHOLD:
            raise ValueError(f"these people may do {people.action}")
        model_version = self._model_version()
        try:
            known = self._store.learned(model_version)
        except ChangedRowError:  # `forget_learned` repairs it
            known = None
        if known is None or known.waiting is None or not MIN_THRESHOLD <= value <= MAX_THRESHOLD:
            raise CekalwatchError(Code.ARGUMENT_INVALID, "threshold")
        packs = known.findings.packs
        offset = replace(known.offset, value=value - packs, accepted=value - packs)
        details = {"threshold": _words(value), "before": _words(packs + known.offset.value), "model": model_version}
        both = both_keys(people)
        entry = AuditEntry(self._clock.now(), actor, Action.THRESHOLD_SET, both, details=details)
        findings = replace(known.findings, move=None, waiting=None)
        self._store.accept(replace(known, offset=offset, findings=findings), entry)

    def set(self, value: float | None, people: TwoPeople, actor: Actor) -> None:
        """Set the threshold, or with None return to settings and pack; servers follow within seconds.

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
        except ChangedRowError:  # this repairs the row
            before = "refused"
        details = {"threshold": _words(value), "before": before, "model": model_version}
        both = both_keys(people)
        entry = AuditEntry(self._clock.now(), actor, Action.THRESHOLD_SET, both, details=details)
        self._store.set(value, model_version, entry)


def _words(value: float | None) -> str:
    return "not set" if value is None else f"{value:.4f}"
