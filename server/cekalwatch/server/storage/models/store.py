"""Stores the model in use, counts the reference faces that each model's templates cover, and reads the templates.

It reads all templates in pieces, or those of changed subjects. It opens only templates, no personal facts. A damaged
template is left out, counted and logged by its key, so that it does not affect others. Methods block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, exists, func
from sqlmodel import Session, col, delete, select

from cekalwatch.server.audit.entry import AuditEntry
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.storage.audit.store import commit_audited
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guarded_session import one_checked, replace_row
from cekalwatch.server.storage.models.tables import (
    GalleryStateRow,
    TemplateRefusalRow,
)
from cekalwatch.server.storage.queries import pieces
from cekalwatch.server.storage.row_codec import RowCodec
from cekalwatch.server.storage.watchlist.changes import changed_since, current_version, lock_watchlist
from cekalwatch.server.storage.watchlist.rows import DAMAGED, WatchlistRows
from cekalwatch.server.storage.watchlist.tables import ReferenceFaceRow, TemplateRow


@dataclass(frozen=True)
class ModelChoice:
    """A model pack and the version of its model, to which templates are bound."""

    pack: str
    model_version: str


@dataclass(frozen=True)
class ModelsChosen:
    """The model in use, and the one before."""

    current: ModelChoice
    previous: ModelChoice


_CHOSEN = RowCodec(
    ModelsChosen,
    GalleryStateRow,
    {"current.pack": "pack"} | {f"previous.{name}": f"previous_{name}" for name in ("pack", "model_version")},
)


@dataclass(frozen=True)
class Coverage:
    """The coverage of a model version's templates."""

    model_version: str
    templates: int
    refused: int
    """Reference faces that have no template since the model makes none of their photographs."""
    missing: int
    """Reference faces that have neither."""


@dataclass(frozen=True)
class TemplateRefusal:
    """A reference face that a model version makes no template of."""

    subject_id: str
    reference_id: str
    reason: str


class IncompleteModelError(Exception):
    """Reference faces lack templates of the model that is to be used."""

    def __init__(self, missing: int) -> None:
        super().__init__(f"{missing} reference faces have no template of this model")
        self.missing = missing


class ModelStore:
    """The models of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def chosen(self) -> ModelsChosen | None:
        """Return the model that was switched to; None if there was no switch, so that the settings apply.

        Raises ChangedRowError when that row was changed.
        """
        with self._database.session() as session:
            row = one_checked(session, GalleryStateRow, 1)
        return _CHOSEN.read(row) if row else None

    def coverages(self) -> list[Coverage]:
        """Return the coverage of each model version that has templates or refusals, by name."""
        with self._database.one_state() as session:
            known = {
                *session.exec(select(TemplateRow.model_version).distinct()),
                *session.exec(select(TemplateRefusalRow.model_version).distinct()),
            }
            return [_coverage(session, model_version) for model_version in sorted(known)]

    def coverage(self, model_version: str) -> Coverage:
        """Return the coverage of one model version."""
        with self._database.one_state() as session:
            return _coverage(session, model_version)

    def refusals(self, model_version: str) -> list[TemplateRefusal]:
        """Return the reference faces that the model version makes no template of, by subject."""
        query = (
            select(ReferenceFaceRow.subject_id, TemplateRefusalRow.reference_id, TemplateRefusalRow.reason)
            .join(TemplateRefusalRow)
            .where(col(TemplateRefusalRow.model_version) == model_version, ~_has_template(model_version))
            .order_by(col(ReferenceFaceRow.subject_id), col(TemplateRefusalRow.reference_id))
        )
        with self._database.session() as session:
            return [TemplateRefusal(*row) for row in session.exec(query)]

    def switch(self, wanted: ModelChoice, present: ModelChoice, note: Callable[[Coverage], AuditEntry]) -> Coverage:
        """Let all servers of this database use `wanted` in place of `present`; returns the coverage of `wanted`.

        The audit entry of `note` is committed with it. No reference face can be added at the same time. Raises
        IncompleteModelError when one has no template of `wanted`.
        """
        with self._database.session() as session:
            lock_watchlist(session)
            coverage = _coverage(session, wanted.model_version)
            if coverage.missing:
                raise IncompleteModelError(coverage.missing)
            replace_row(session, _CHOSEN.write(ModelsChosen(wanted, present)))
            commit_audited(session, note(coverage))
        return coverage

    def drop(self, model_version: str, note: Callable[[int], AuditEntry]) -> int:
        """Remove all templates of a model version, and return how many; `note` gets their number."""
        with self._database.session() as session:
            lock_watchlist(session)
            of_model = col(TemplateRow.model_version) == model_version
            templates = session.exec(delete(TemplateRow).where(of_model)).rowcount
            session.exec(delete(TemplateRefusalRow).where(col(TemplateRefusalRow.model_version) == model_version))
            commit_audited(session, note(templates))
        self._database.purge_journal()
        return templates


def needs_template(model_version: str) -> ColumnElement[bool]:
    """Return the condition on a row of `ReferenceFaceRow`: it has neither a template of the model nor a refusal."""
    refused = exists().where(
        col(TemplateRefusalRow.reference_id) == col(ReferenceFaceRow.reference_id),
        col(TemplateRefusalRow.model_version) == model_version,
    )
    return ~_has_template(model_version) & ~refused


def _has_template(model_version: str) -> ColumnElement[bool]:
    return exists().where(
        col(TemplateRow.reference_id) == col(ReferenceFaceRow.reference_id),
        col(TemplateRow.model_version) == model_version,
    )


def _coverage(session: Session, model_version: str) -> Coverage:
    of_model = col(TemplateRow.model_version) == model_version
    references = session.exec(select(func.count()).select_from(ReferenceFaceRow)).one()
    templates = session.exec(select(func.count()).select_from(TemplateRow).where(of_model)).one()
    missing = session.exec(
        select(func.count()).select_from(ReferenceFaceRow).where(needs_template(model_version))
    ).one()
    return Coverage(model_version, templates, references - templates - missing, missing)


PIECE_ROWS = 2048
"""Templates that are opened at once: few, so that loading takes little memory beside the gallery itself."""

UNIT_TOLERANCE = 1e-3
"""How far the length of a stored template may be from 1."""

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class TemplatePiece:
    """Some templates of one model version."""

    subject_ids: tuple[str, ...]
    """The subject of each row."""
    templates: NDArray[np.float32]
    """Shape (n, size), each row of length 1."""
    unusable: Mapping[str, int]
    """Templates that were left out, by subject: damaged, or of another size."""


@dataclass(frozen=True)
class TemplateState:
    """What the pieces are of."""

    version: int
    """The change counter's value."""
    references_without_template: int
    """Reference faces that have no template of this model version: they were enrolled with another model."""


@dataclass(frozen=True, eq=False)
class TemplateChanges:
    """What changed since an earlier state: these subjects, who have these templates now."""

    state: TemplateState
    subject_ids: tuple[str, ...]
    pieces: tuple[TemplatePiece, ...]


class TemplateStore:
    """The templates in the database."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._rows = WatchlistRows(keyring)

    def version(self) -> int:
        """Return the change counter, which shows whether a state is outdated."""
        with self._database.session() as session:
            return current_version(session)

    def load(self, model_version: str, size: int, take: Callable[[TemplatePiece], None]) -> TemplateState:
        """Yield all templates of `model_version`, which have `size` numbers, to `take`: one state of the watchlist."""
        with self._database.one_state() as session:
            state = _state(session, model_version)
            for piece in self._pieces(session, model_version, size, None):
                take(piece)
            return state

    def changes(self, since: int, model_version: str, size: int) -> TemplateChanges:
        """Return what changed after that value of the change counter."""
        with self._database.one_state() as session:
            keys = changed_since(session, since)
            found = [piece for some in pieces(keys) for piece in self._pieces(session, model_version, size, some)]
            return TemplateChanges(_state(session, model_version), tuple(keys), tuple(found))

    def _pieces(
        self, session: Session, model_version: str, size: int, keys: Collection[str] | None
    ) -> Iterator[TemplatePiece]:
        query = select(TemplateRow.reference_id, TemplateRow.subject_id, TemplateRow.vector).where(
            col(TemplateRow.model_version) == model_version
        )
        if keys is not None:
            query = query.where(col(TemplateRow.subject_id).in_(keys))
        for some in session.exec(query, execution_options={"yield_per": PIECE_ROWS}).partitions():
            yield self._piece(model_version, size, some)

    def _piece(self, model_version: str, size: int, found: Sequence[tuple[str, str, bytes]]) -> TemplatePiece:
        vectors = np.zeros((len(found), size), dtype="<f4")
        for row, (reference_id, subject_id, sealed) in zip(vectors, found, strict=True):
            vector = self._vector(reference_id, model_version, subject_id, sealed)
            if len(vector) == row.nbytes:
                row[:] = np.frombuffer(vector, dtype="<f4")
        good = have_length_1(vectors)
        subject_ids = [row[1] for row in found]
        unusable = Counter(key for key, usable in zip(subject_ids, good.tolist(), strict=True) if not usable)
        kept = tuple(key for key, usable in zip(subject_ids, good.tolist(), strict=True) if usable)
        return TemplatePiece(kept, vectors[good].astype(np.float32, copy=False), unusable)

    def _vector(self, reference_id: str, model_version: str, subject_id: str, sealed: bytes) -> bytes:
        """Return a template's numbers; none when it does not open."""
        try:
            return self._rows.vector(reference_id, model_version, subject_id, sealed)
        except DAMAGED as error:
            # A traceback would show what the row holds.
            log.error("template_damaged", key=reference_id, error=type(error).__name__)  # noqa: TRY400
            return b""


def is_template(vector: bytes) -> bool:
    """Whether an opened vector can be a template, of whatever size."""
    if len(vector) % 4:
        return False
    return bool(have_length_1(np.frombuffer(vector, dtype="<f4").reshape(1, -1))[0])


def have_length_1(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return for each row of `vectors` whether it can be a template."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.abs(np.linalg.norm(vectors, axis=1) - 1) <= UNIT_TOLERANCE)  # false for NaN


def _state(session: Session, model_version: str) -> TemplateState:
    references = session.exec(select(func.count()).select_from(ReferenceFaceRow)).one()
    query = select(func.count()).select_from(TemplateRow).where(col(TemplateRow.model_version) == model_version)
    return TemplateState(current_version(session), references - session.exec(query).one())
