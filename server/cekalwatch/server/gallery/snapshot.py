"""The gallery with its threshold as of one moment, and the holder that follows the watchlist.

A `GallerySnapshot` never changes. When the watchlist changes, the holder swaps it for one that shares all that did not
change. It holds no order: the status of orders is computed when it is asked for, so an expiry needs no new snapshot.
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
from cekalwatch.vision.thresholds import LikenessModel

log = structlog.get_logger()


@dataclass(frozen=True)
class SearchedModel:
    """A model version with what is needed to search its templates."""

    model_version: str
    size: int
    """Numbers in a template."""
    threshold: Callable[[int], Threshold]
    """The decision threshold for a gallery of so many templates; asking blocks."""
    likeness: LikenessModel | None = None
    """How alike two passages of one person are; None where nobody has measured it."""


@dataclass(frozen=True, eq=False)
class GallerySnapshot:
    """One consistent state of the templates, with its threshold."""

    gallery: Gallery
    decision: Threshold
    likeness: LikenessModel | None
    """How alike two passages of one person are with this model."""
    version: int
    """The change counter of the watchlist that it belongs to."""
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
    """Holds the current snapshot, and replaces it when the watchlist has changed, which blocks."""

    def __init__(
        self, store: TemplateStore, model: SearchedModel, storage: GalleryStorage = GalleryStorage.FP16
    ) -> None:
        self._store = store
        self._storage = storage
        self._model = model
        self._changing = threading.Lock()
        self._current = self.loaded(model)

    def current(self) -> GallerySnapshot:
        """Return the current snapshot; any thread may ask."""
        return self._current

    def follow(self) -> bool:
        """Apply what has changed in the watchlist and the threshold; return whether the watchlist had changed."""
        with self._changing:
            if self._store.version() == self._current.version:
                self._follow_threshold()
                return False
            self._current = self._changed()
            return True

    def loaded(self, model: SearchedModel) -> GallerySnapshot:
        """Load all templates of a model version into a new snapshot; the current one stays until `take`."""
        builder, unusable = GalleryBuilder(model.model_version, model.size, self._storage), Counter[str]()

        def take(piece: TemplatePiece) -> None:
            builder.add(piece.templates, piece.subject_ids)
            unusable.update(piece.unusable)

        state = self._store.load(model.model_version, model.size, take)
        snapshot = _snapshot(builder.gallery(), model, state, unusable)
        log.info("gallery_loaded", **_facts(snapshot))
        return snapshot

    def take(self, model: SearchedModel, snapshot: GallerySnapshot) -> None:
        """Make `snapshot`, which was loaded for `model`, the current one."""
        with self._changing:
            self._model, self._current = model, snapshot

    def _changed(self) -> GallerySnapshot:
        before, model = self._current, self._model
        changes = self._store.changes(before.version, model.model_version, model.size)
        changed = frozenset(changes.subject_ids)
        unusable = Counter({key: count for key, count in before.unusable.items() if key not in changed})
        owners: list[str] = []
        for piece in changes.pieces:
            owners += piece.subject_ids
            unusable.update(piece.unusable)
        templates = [np.zeros((0, model.size), np.float32), *(piece.templates for piece in changes.pieces)]
        gallery = before.gallery.changed(changes.subject_ids, np.concatenate(templates), owners)
        snapshot = _snapshot(gallery, model, changes.state, unusable)
        log.info("gallery_changed", changed=len(changed), **_facts(snapshot))
        return snapshot

    def _follow_threshold(self) -> None:
        decision = self._model.threshold(len(self._current.gallery))
        if decision != self._current.decision:
            self._current = replace(self._current, decision=decision)
            log.info("threshold_changed", threshold=round(decision.value, 4), source=decision.source)


def _snapshot(
    gallery: Gallery, model: SearchedModel, state: TemplateState, unusable: Mapping[str, int]
) -> GallerySnapshot:
    snapshot = GallerySnapshot(
        gallery=gallery,
        decision=model.threshold(len(gallery)),
        likeness=model.likeness,
        version=state.version,
        unusable=unusable,
        references_without_template=state.references_without_template,
    )
    if snapshot.unusable_templates:
        log.error("templates_unusable", count=snapshot.unusable_templates, model_version=gallery.model_version)
    if missing := snapshot.references_without_template:
        log.error("reference_faces_without_template", count=missing, model_version=gallery.model_version)
    return snapshot


def _facts(snapshot: GallerySnapshot) -> dict[str, int | float | str]:
    return {
        "templates": len(snapshot.gallery),
        "subjects": snapshot.gallery.subjects,
        "unusable": snapshot.unusable_templates,
        "threshold": round(snapshot.threshold, 4),
        "threshold_source": snapshot.decision.source,
        "expected_fpir": float(f"{snapshot.decision.expected_fpir:.2g}"),
        "version": snapshot.version,
    }
