"""What is watched for at one moment: the gallery with its threshold, consistent; and how orders are judged.

A `GallerySnapshot` never changes. When the watchlist changes, the holder swaps it for one that takes over all that did
not change. Order status is computed at each question (`order_book.py`), so an expiry takes effect without any change.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import structlog

from cekalwatch.server.gallery.index import Gallery, GalleryBuilder
from cekalwatch.server.gallery.row_format import GalleryStorage
from cekalwatch.server.gallery.threshold import Threshold
from cekalwatch.server.storage.models.template_store import TemplatePiece, TemplateState, TemplateStore

log = structlog.get_logger()


@dataclass(frozen=True)
class SearchedModel:
    """A model version with what searching its templates takes."""

    model_version: str
    size: int
    """Numbers a template has."""
    threshold: Callable[[int], Threshold]
    """The decision threshold for a gallery of so many templates; asking blocks."""


@dataclass(frozen=True, eq=False)
class GallerySnapshot:
    """One consistent state of the templates, with its threshold."""

    gallery: Gallery
    decision: Threshold
    version: int
    """The change counter's value of which it is."""
    unusable: Mapping[str, int]
    """Templates that are damaged or of another size, by subject."""
    references_without_template: int

    @property
    def threshold(self) -> float:
        """The decision threshold, comparison score."""
        return self.decision.value

    @property
    def unusable_templates(self) -> int:
        """Templates that are damaged or of another size."""
        return sum(self.unusable.values())


class SnapshotHolder:
    """Holds the current watch, and brings it up to date when the watchlist has changed. That blocks."""

    def __init__(
        self, store: TemplateStore, model: SearchedModel, storage: GalleryStorage = GalleryStorage.FP16
    ) -> None:
        self._store = store
        self._storage = storage
        self._model = model
        self._changing = threading.Lock()
        self._watch = self.loaded(model)

    def current(self) -> GallerySnapshot:
        """Return the watch in use; reading a reference is atomic."""
        return self._watch

    def follow(self) -> bool:
        """Take over what has changed in the watchlist; returns whether anything had.

        A threshold that was set anew is taken up as well.
        """
        with self._changing:
            if self._store.version() == self._watch.version:
                self._follow_threshold()
                return False
            self._watch = self._changed()
            return True

    def loaded(self, model: SearchedModel) -> GallerySnapshot:
        """Load all templates of a model version. The watch in use stays; `take` puts another in its place."""
        builder, unusable = GalleryBuilder(model.model_version, model.size, self._storage), Counter[str]()

        def take(piece: TemplatePiece) -> None:
            builder.add(piece.templates, piece.subject_ids)
            unusable.update(piece.unusable)

        state = self._store.load(model.model_version, model.size, take)
        watch = _watch(builder.gallery(), model, state, unusable)
        log.info("gallery loaded", **_facts(watch))
        return watch

    def take(self, model: SearchedModel, watch: GallerySnapshot) -> None:
        """Search in `watch`, which was loaded for `model`, from now on."""
        with self._changing:
            self._model, self._watch = model, watch

    def _changed(self) -> GallerySnapshot:
        before, model = self._watch, self._model
        changes = self._store.changes(before.version, model.model_version, model.size)
        changed = frozenset(changes.subject_ids)
        unusable = Counter({key: count for key, count in before.unusable.items() if key not in changed})
        owners: list[str] = []
        for piece in changes.pieces:
            owners += piece.subject_ids
            unusable.update(piece.unusable)
        templates = [np.zeros((0, model.size), np.float32), *(piece.templates for piece in changes.pieces)]
        gallery = before.gallery.changed(changes.subject_ids, np.concatenate(templates), owners)
        watch = _watch(gallery, model, changes.state, unusable)
        log.info("gallery follows", changed=len(changed), **_facts(watch))
        return watch

    def _follow_threshold(self) -> None:
        decision = self._model.threshold(len(self._watch.gallery))
        if decision != self._watch.decision:
            self._watch = replace(self._watch, decision=decision)
            log.info("threshold taken up", threshold=round(decision.value, 4), source=decision.source)


def _watch(
    gallery: Gallery, model: SearchedModel, state: TemplateState, unusable: Mapping[str, int]
) -> GallerySnapshot:
    watch = GallerySnapshot(
        gallery=gallery,
        decision=model.threshold(len(gallery)),
        version=state.version,
        unusable=unusable,
        references_without_template=state.references_without_template,
    )
    if watch.unusable_templates:
        log.error("unusable templates left out", count=watch.unusable_templates, model_version=gallery.model_version)
    if missing := watch.references_without_template:
        log.error("reference faces of another model left out", count=missing, model_version=gallery.model_version)
    return watch


def _facts(watch: GallerySnapshot) -> dict[str, int | float | str]:
    return {
        "templates": len(watch.gallery),
        "subjects": watch.gallery.subjects,
        "unusable": watch.unusable_templates,
        "threshold": round(watch.threshold, 4),
        "threshold_source": watch.decision.source,
        "expected_fpir": float(f"{watch.decision.expected_fpir:.2g}"),
        "version": watch.version,
    }
