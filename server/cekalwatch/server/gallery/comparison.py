"""Compares two models on the site's own data: its reference faces, and the pictures of recent alerts.

Each model uses its own templates and threshold; scores of different models are never compared. How many travellers are
missed or alert falsely is measured by `evaluate`, on passages of known people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.gallery.index import Gallery, GalleryBuilder
from cekalwatch.server.gallery.row_format import GalleryStorage
from cekalwatch.server.recognition.crops import decode_crop
from cekalwatch.server.recognition.engines.recogniser import TemplateError
from cekalwatch.server.recognition.enrolment import find_faces
from cekalwatch.server.recognition.packs.installed import Engine
from cekalwatch.server.storage.models.store import TemplatePiece, TemplateStore
from cekalwatch.vision.alignment import LandmarksError, align
from cekalwatch.vision.cohort import CohortModel, compared

MAX_CANDIDATES: Final = 5


class ComparisonResult(StrEnum):
    """The result of searching an alert's picture with a model."""

    ALERTS = "ALERTS"
    """The model finds the alert's subject at or above its threshold."""
    BELOW = "BELOW"
    """The model does not find the subject."""
    NO_FACE = "NO_FACE"
    """The model finds no face."""


@dataclass(frozen=True, eq=False)
class ComparedModel:
    """A model with the gallery of its templates and its threshold."""

    engine: Engine
    gallery: Gallery
    threshold: float
    cohort: CohortModel | None


@dataclass(frozen=True)
class ComparedAlert:
    """An alert's picture searched with both models; a score is None if the subject is not among the five nearest."""

    alert_id: str
    state: str
    findings: tuple[ComparisonResult, ComparisonResult]
    scores: tuple[float | None, float | None]


@dataclass(frozen=True)
class ReferenceScores:
    """Comparison scores among reference faces, at a model's threshold.

    A reference's template is searched as if it were a probe: the genuine score is the best one with another photograph
    of the same subject, the impostor score is the best one with any other subject. A model that compares scores with
    those of the list compares these.
    """

    model_version: str
    threshold: float
    compared: int
    """Reference faces that were searched."""
    with_another: int
    """Reference faces whose subject has another photograph."""
    genuine_median: float | None
    genuine_below: float | None
    """Share of these with a genuine score below the threshold: they would be missed."""
    impostor_median: float | None
    impostor_highest: float | None
    impostor_above: float | None
    """Share whose impostor score reaches the threshold: look-alikes, or people who are listed twice."""


def compare_alert(models: tuple[ComparedModel, ComparedModel], alert: Alert, jpeg: bytes) -> ComparedAlert:
    """Search an alert's picture with both models."""
    (one, score), (other, other_score) = (_found(model, alert.subject_id, jpeg) for model in models)
    return ComparedAlert(str(alert.alert_id), alert.state, (one, other), (score, other_score))


def tally(alerts: Iterable[ComparedAlert]) -> dict[str, Counter[tuple[ComparisonResult, ComparisonResult]]]:
    """Count the results of both models, by the state of the alert."""
    counts: dict[str, Counter[tuple[ComparisonResult, ComparisonResult]]] = {}
    for alert in alerts:
        counts.setdefault(alert.state, Counter())[alert.findings] += 1
    return counts


def compare_references(
    store: TemplateStore,
    model_version: str,
    size: int,
    threshold: float,
    most_subjects: int,
    cohort: CohortModel | None = None,
) -> ReferenceScores:
    """Compare reference faces of at most `most_subjects`, evenly chosen, with all others of a model version. Blocks.

    Every model version gets the same choice, as long as it has templates of the same subjects.
    """
    chosen = frozenset(_choice(store, model_version, size, most_subjects))
    owners, probes = _probes(store, model_version, size, chosen)
    gallery = _gallery(store, model_version, size)
    others = _others(gallery, owners, probes, cohort)
    genuine = _genuine(owners, probes, _shifts(gallery, others, cohort))
    impostor = np.array([_first(gallery, one, cohort) for one in others if one], dtype=np.float32)
    return ReferenceScores(
        model_version,
        threshold,
        len(owners),
        len(genuine),
        _of(genuine, np.median),
        _of(genuine < threshold, np.mean),
        _of(impostor, np.median),
        _of(impostor, np.max),
        _of(impostor >= threshold, np.mean),
    )


def genuine_scores(
    store: TemplateStore, model_version: str, size: int, most_subjects: int, cohort: CohortModel | None = None
) -> NDArray[np.float32]:
    """Return the best score of each reference face with another photograph of its subject, in order; blocks.

    The choice of subjects is that of `compare_references`.
    """
    chosen = frozenset(_choice(store, model_version, size, most_subjects))
    owners, probes = _probes(store, model_version, size, chosen)
    shifts = np.zeros(len(owners), dtype=np.float32)
    if cohort:
        gallery = _gallery(store, model_version, size)
        shifts = _shifts(gallery, _others(gallery, owners, probes, cohort), cohort)
    return np.sort(_genuine(owners, probes, shifts))


def _genuine(
    owners: NDArray[np.object_], probes: NDArray[np.float32], shifts: NDArray[np.float32]
) -> NDArray[np.float32]:
    among = probes @ probes.T
    among[owners[:, None] != owners[None, :]] = -np.inf
    np.fill_diagonal(among, -np.inf)
    best: NDArray[np.float32] = np.minimum(among.max(axis=1, initial=-np.inf) + shifts, np.float32(1))
    return best[np.isfinite(best)]


def _gallery(store: TemplateStore, model_version: str, size: int) -> Gallery:
    builder = GalleryBuilder(model_version, size, GalleryStorage.FLOAT32)
    store.load(model_version, size, lambda piece: builder.add(piece.templates, piece.subject_ids))
    return builder.gallery()


def _others(
    gallery: Gallery, owners: NDArray[np.object_], probes: NDArray[np.float32], cohort: CohortModel | None
) -> list[list[float]]:
    """Return the scores of each probe with the nearest subjects who are not its owner, best first."""
    most = 1 + _ranks(cohort)
    found = gallery.search(gallery.model_version, probes, most + 1)
    return [
        [one.score for one in near if one.subject_id != owner][:most]
        for owner, near in zip(owners.tolist(), found, strict=True)
    ]


def _ranks(cohort: CohortModel | None) -> int:
    return cohort.ranks if cohort else 0


def _shifts(gallery: Gallery, others: list[list[float]], cohort: CohortModel | None) -> NDArray[np.float32]:
    """Return what is added to the score of each probe with its owner, whom these others follow."""
    return np.array([cohort.shift(one, gallery.subjects) if cohort else 0.0 for one in others], dtype=np.float32)


def _first(gallery: Gallery, others: list[float], cohort: CohortModel | None) -> float:
    """Return the score of a probe with the nearest of others, as if its owner were not on the list."""
    return compared(others[0], cohort.shift(others[1:], gallery.subjects - 1)) if cohort else others[0]


def _choice(store: TemplateStore, model_version: str, size: int, most: int) -> list[str]:
    found: set[str] = set()
    store.load(model_version, size, lambda piece: found.update(piece.subject_ids))
    subjects = sorted(found)
    step = max(1, -(-len(subjects) // most))
    return subjects[::step]


def _probes(
    store: TemplateStore, model_version: str, size: int, chosen: frozenset[str]
) -> tuple[NDArray[np.object_], NDArray[np.float32]]:
    owners: list[str] = []
    rows = [np.zeros((0, size), dtype=np.float32)]

    def take(piece: TemplatePiece) -> None:
        wanted = [row for row, subject in enumerate(piece.subject_ids) if subject in chosen]
        owners.extend(piece.subject_ids[row] for row in wanted)
        rows.append(piece.templates[wanted])

    store.load(model_version, size, take)
    return np.array(owners, dtype=object), np.concatenate(rows)


def _found(model: ComparedModel, subject_id: str, jpeg: bytes) -> tuple[ComparisonResult, float | None]:
    try:
        picture, faces = find_faces(model.engine.detector, decode_crop(jpeg))
        if not faces:
            return ComparisonResult.NO_FACE, None
        face = max(faces, key=lambda one: one.width)
        probes = model.engine.recogniser.embed(align(picture, face.landmarks)[None])
    except (CekalwatchError, LandmarksError, TemplateError):
        return ComparisonResult.NO_FACE, None
    (near,) = model.gallery.search(model.gallery.model_version, probes, max(MAX_CANDIDATES, _ranks(model.cohort) + 1))
    shift = model.cohort.shift([one.score for one in near[1:]], model.gallery.subjects) if model.cohort else 0.0
    cosine = next((one.score for one in near[:MAX_CANDIDATES] if one.subject_id == subject_id), None)
    score = None if cosine is None else compared(cosine, shift)
    return ComparisonResult.ALERTS if score is not None and score >= model.threshold else ComparisonResult.BELOW, score


def _of(values: NDArray[Any], figure: Callable[[NDArray[Any]], Any]) -> float | None:
    return float(figure(values)) if len(values) else None
