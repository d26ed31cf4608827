"""The templates that a database holds, as a gallery gets them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.models.store import TemplatePiece, TemplateState, TemplateStore
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import MODEL, SIZE


@dataclass(frozen=True, eq=False)
class StoredTemplates:
    """All templates of a model version."""

    subject_ids: tuple[str, ...]
    templates: NDArray[np.float32]
    unusable_templates: int
    state: TemplateState


def stored_templates(
    database: Database, keys: Keyring | None = None, *, model: str = MODEL, size: int = SIZE
) -> StoredTemplates:
    """Load them."""
    pieces: list[TemplatePiece] = []
    state = TemplateStore(database, keys or keyring(database)).load(model, size, pieces.append)
    return StoredTemplates(
        tuple(key for piece in pieces for key in piece.subject_ids),
        np.concatenate([np.zeros((0, size), np.float32), *(piece.templates for piece in pieces)]),
        sum(sum(piece.unusable.values()) for piece in pieces),
        state,
    )
