"""The gallery with its threshold as of one moment, and the holder that follows the watchlist.

A `GallerySnapshot` never changes. When the watchlist changes, or a person's last order ends, the holder replaces it by
one that shares all unchanged parts. It contains only people with an order that is or will be in force (domain rule 9).
It contains no orders: the status of the found people's orders is computed on request.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
import structlog
from numpy.typing import NDArray

from cekalwatch.contract.values.thresholds import Threshold
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.gallery.index import Gallery, GalleryBuilder
from cekalwatch.server.gallery.order_terms import OrderTerms, TermsReader
from cekalwatch.server.gallery.row_format import GalleryStorage
from cekalwatch.server.storage.models.store import TemplatePiece, TemplateState, TemplateStore
from cekalwatch.vision.cohort import CohortModel
from cekalwatch.vision.thresholds import LikenessModel

log = structlog.get_logger()


@dataclass(frozen=True)
class SearchedModel:
    """A model version, with its size and thresholds."""

    model_version: str
    size: int
    """Numbers in a template."""
    threshold: Callable[[int], Threshold]
    """Returns the decision threshold for a gallery with that number of templates; it blocks."""
    likeness: LikenessModel | None = None
    """The likeness threshold of two passages of one person; None if it was never measured."""
    cohort: CohortModel | None = None
    """How scores are compared with those of the list; None: they are not."""


@dataclass(frozen=True)
class SearchedPeople:
    """The subjects to search, by their orders at one moment."""

    as_of: datetime
    searched: int
    """Subjects with an order that is or will be in force."""
    left_out: int
    """Subjects without any such order."""
    unreadable: int
    """Subjects with an unreadable or missing order: some of them may wrongly be left out of the search."""
    law: Law
    """By which they were chosen."""

    @classmethod
    def of(cls, terms: OrderTerms, now: datetime) -> SearchedPeople:
        """Count the subjects of one moment."""
        searched = terms.searched(now)
        return cls(now, searched, len(terms.subjects) - searched, terms.unreadable, terms.law)

    @property
    def expected(self) -> bool:
        """Whether there is somebody to search for; subjects with unreadable orders count."""
        return bool(self.searched or self.unreadable)


@dataclass(frozen=True, eq=False)
class GallerySnapshot:
    """One consistent state of the templates, with its threshold."""

    gallery: Gallery
    decision: Threshold
    likeness: LikenessModel | None
    """The model's rule for the likeness of two passages of one person."""
    version: int
    """The change counter of the watchlist that it belongs to."""
    unusable: Mapping[str, int]
    """Templates that are damaged or of another size, by subject."""
    references_without_template: int
    people: SearchedPeople
    """The subjects that should have templates."""
    cohort: CohortModel | None = None
    """How scores are compared with those of the list; None: they are not."""

    @cached_property
    def score_version(self) -> str:
        """What the scores of decisions are bound to."""
        model_version = self.gallery.model_version
        return self.cohort.score_version(model_version) if self.cohort else model_version

    @cached_property
    def blind(self) -> bool:
        """Whether nobody can be found although there is somebody to search for (domain rule 11)."""
        return len(self.gallery) == 0 and self.people.expected

    @property
    def unrecognisable(self) -> int:
        """Subjects to search who have no template: no photograph of theirs can be used, or they have none."""
        return self.people.searched - self.gallery.subjects

    @property
    def threshold(self) -> float:
        """The decision threshold, comparison score."""
        return self.decision.value

    @property
    def unusable_templates(self) -> int:
        """Templates that are damaged or of another size."""
        return sum(self.unusable.values())

    @property
    def unsearched(self) -> int:
        """Reference faces without a usable template."""
        return self.references_without_template + self.unusable_templates


class SnapshotHolder:
    """Holds the current snapshot, and replaces it when the watchlist has changed, which blocks."""

    def __init__(
        self,
        store: TemplateStore,
        terms: TermsReader,
        clock: Clock,
        model: SearchedModel,
        storage: GalleryStorage = GalleryStorage.FP16,
    ) -> None:
        self._store = store
        self._terms = terms
        self._clock = clock
        self._storage = storage
        self._model = model
        self._changing = threading.Lock()
        self.current = self.loaded(model)
        """The current snapshot; any thread may read it."""

    def follow(self) -> bool:
        """Apply what has changed in the watchlist and the threshold; return whether the watchlist had changed.

        People whose last order has ended leave by the clock alone; another law can bring back anybody.
        """
        with self._changing:
            if self._clock_was_put_back() or self._terms.read().law is not self.current.people.law:
                self.current = self.loaded(self._model)  # restores subjects who left by a wrong clock
                return True
            if self._store.version() != self.current.version:
                self.current = self._changed()
                return True
            self._let_ended_go()
            self._follow_threshold()
            return False

    def loaded(self, model: SearchedModel) -> GallerySnapshot:
        """Load the templates of a model version into a new snapshot; the current one stays until `take`."""
        builder, unusable = GalleryBuilder(model.model_version, model.size, self._storage), Counter[str]()
        # Read before the templates: later changes are applied afterwards.
        terms, now = self._terms.read(), self._clock.now()

        def take(piece: TemplatePiece) -> None:
            builder.add(*_searched(piece, terms, now))
            unusable.update(piece.unusable)

        state = self._store.load(model.model_version, model.size, take)
        state = replace(state, version=terms.version)
        snapshot = _snapshot(builder.gallery(), model, state, unusable, SearchedPeople.of(terms, now))
        log.info("gallery_loaded", **_facts(snapshot))
        return snapshot

    def take(self, model: SearchedModel, snapshot: GallerySnapshot) -> None:
        """Make `snapshot`, which was loaded for `model`, the current one."""
        with self._changing:
            self._model, self.current = model, snapshot

    def _changed(self) -> GallerySnapshot:
        before, model = self.current, self._model
        changes = self._store.changes(before.version, model.model_version, model.size)
        # Read after the templates: further changes are applied next time.
        terms, now = self._terms.read(), self._clock.now()
        changed = frozenset(changes.subject_ids)
        unusable = Counter({key: count for key, count in before.unusable.items() if key not in changed})
        owners, templates = list[str](), [np.zeros((0, model.size), np.float32)]
        for piece in changes.pieces:
            unusable.update(piece.unusable)
            rows, subject_ids = _searched(piece, terms, now)
            owners += subject_ids
            templates.append(rows)
        gallery = before.gallery.changed(changes.subject_ids, np.concatenate(templates), owners)
        gallery = _without_ended(gallery, terms, before.people.as_of, now)
        snapshot = _snapshot(gallery, model, changes.state, unusable, SearchedPeople.of(terms, now))
        log.info("gallery_changed", changed=len(changed), **_facts(snapshot))
        return snapshot

    def _clock_was_put_back(self) -> bool:
        now, as_of = self._clock.now(), self.current.people.as_of
        return now < as_of and self._terms.read().end_between(now, as_of)

    def _let_ended_go(self) -> None:
        before, terms, now = self.current, self._terms.read(), self._clock.now()
        gallery = _without_ended(before.gallery, terms, before.people.as_of, now)
        people = SearchedPeople.of(terms, now)
        self.current = replace(before, gallery=gallery, people=people)
        if people.searched != before.people.searched:
            log.info("gallery_changed", changed=before.people.searched - people.searched, **_facts(self.current))

    def _follow_threshold(self) -> None:
        decision, before = self._model.threshold(len(self.current.gallery)), self.current.decision
        if decision == before:
            return
        self.current = replace(self.current, decision=decision)
        if (decision.value, decision.source) != (before.value, before.source):
            log.info("threshold_changed", threshold=round(decision.value, 4), source=decision.source)


def _searched(piece: TemplatePiece, terms: OrderTerms, now: datetime) -> tuple[NDArray[np.float32], list[str]]:
    """Return the templates of the searched subjects, with the subject of each."""
    wanted = terms.are_searched([key.encode() for key in piece.subject_ids], now)
    return piece.templates[wanted], [key for key, one in zip(piece.subject_ids, wanted.tolist(), strict=True) if one]


def _without_ended(gallery: Gallery, terms: OrderTerms, then: datetime, now: datetime) -> Gallery:
    """Return the gallery of a moment without the people whose last order has ended."""
    if not terms.end_between(then, now):
        return gallery
    keys = gallery.keys().tolist()
    searched = terms.are_searched(keys, now).tolist()
    ended = [key.decode() for key, one in zip(keys, searched, strict=True) if not one]
    return gallery.changed(ended, np.zeros((0, gallery.size), np.float32), []) if ended else gallery


def _snapshot(
    gallery: Gallery,
    model: SearchedModel,
    state: TemplateState,
    unusable: Mapping[str, int],
    people: SearchedPeople,
) -> GallerySnapshot:
    snapshot = GallerySnapshot(
        gallery=gallery,
        decision=model.threshold(len(gallery)),
        likeness=model.likeness,
        version=state.version,
        unusable=unusable,
        references_without_template=state.references_without_template,
        people=people,
        cohort=model.cohort,
    )
    if snapshot.blind:
        log.error("gallery_empty", searched=people.searched, unreadable=people.unreadable)
    if snapshot.unusable_templates:
        log.error("templates_unusable", count=snapshot.unusable_templates, model_version=gallery.model_version)
    if missing := snapshot.references_without_template:
        log.error("reference_faces_without_template", count=missing, model_version=gallery.model_version)
    return snapshot


def _facts(snapshot: GallerySnapshot) -> dict[str, int | float | str]:
    return {
        "templates": len(snapshot.gallery),
        "subjects": snapshot.gallery.subjects,
        "left_out": snapshot.people.left_out,
        "unusable": snapshot.unusable_templates,
        "threshold": round(snapshot.threshold, 4),
        "threshold_source": str(snapshot.decision.source),
        "expected_fpir": float(f"{snapshot.decision.expected_fpir:.2g}"),
        "version": snapshot.version,
    }
