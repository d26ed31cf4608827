"""Gives the templates of one model version: all of them in pieces, or those of the subjects that changed.

Only templates are opened, and no personal facts. A damaged template is left out, counted and logged by its key, so that
it harms nobody else's recognition. Methods block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import func
from sqlmodel import Session, col, select

from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.changes import changed_since, current_version
from cekalwatch.server.storage.watchlist.rows import DAMAGED, WatchlistRows
from cekalwatch.server.storage.watchlist.tables import ReferenceFaceRow, TemplateRow

PIECE_ROWS = 2048
"""Templates that are opened at once: few, so that loading takes little memory beside the gallery itself."""
KEYS_A_QUERY = 100
"""Subjects that are asked for at once: with 100 reference faces each, SQLite's 32,766 values of a query are enough."""

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
        """Return the change counter, so that whoever holds an older state sees that it is old."""
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
            pieces = [
                piece
                for start in range(0, len(keys), KEYS_A_QUERY)
                for piece in self._pieces(session, model_version, size, keys[start : start + KEYS_A_QUERY])
            ]
            return TemplateChanges(_state(session, model_version), tuple(keys), tuple(pieces))

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
    """Tell of each row of `vectors` whether it can be a template."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.abs(np.linalg.norm(vectors, axis=1) - 1) <= UNIT_TOLERANCE)  # false for NaN


def _state(session: Session, model_version: str) -> TemplateState:
    references = session.exec(select(func.count()).select_from(ReferenceFaceRow)).one()
    query = select(func.count()).select_from(TemplateRow).where(col(TemplateRow.model_version) == model_version)
    return TemplateState(current_version(session), references - session.exec(query).one())
