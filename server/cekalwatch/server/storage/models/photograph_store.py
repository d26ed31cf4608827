"""Reads the stored photographs that have no template of a model version yet, and stores their templates.

Progress is not stored: the remaining work is all photographs without a template or a refusal, so the work may stop
anywhere and continue later. Methods block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlmodel import col, select

from cekalwatch.server.encryption.keyring import DamagedValueError, Keyring
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.keys.store import hold_sealing_key
from cekalwatch.server.storage.models.store import needs_template
from cekalwatch.server.storage.models.tables import TemplateRefusalRow
from cekalwatch.server.storage.watchlist.changes import count_change, lock_watchlist
from cekalwatch.server.storage.watchlist.rows import WatchlistRows
from cekalwatch.server.storage.watchlist.tables import ReferenceFaceRow, ReferencePictureRow

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class StoredPhotograph:
    """The photograph of a reference face, as it came."""

    reference_id: str
    data: bytes | None
    """None when it is damaged."""


@dataclass(frozen=True, eq=False)
class NewTemplate:
    """A template of a reference face, or the reason why there is none."""

    reference_id: str
    template: NDArray[np.float32] | None
    """Shape (size,), length 1."""
    reason: str = ""
    """A code of the catalogue of errors."""


class PhotographStore:
    """The photographs in the database."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._rows = WatchlistRows(keyring)

    def without_template(self, model_version: str, after: str, most: int) -> list[StoredPhotograph]:
        """Return the first `most` photographs beyond the reference `after` that have no template of the model yet."""
        key = col(ReferenceFaceRow.reference_id)
        query = (
            select(ReferenceFaceRow.reference_id, ReferencePictureRow.photo)
            .join(ReferencePictureRow, isouter=True)
            .where(key > after, needs_template(model_version))
            .order_by(key)
            .limit(most)
        )
        with self._database.session() as session:
            found = session.exec(query).all()
        return [StoredPhotograph(reference_id, self._opened(reference_id, sealed)) for reference_id, sealed in found]

    def put(self, model_version: str, made: Sequence[NewTemplate]) -> None:
        """Store templates and refusals in one transaction; those of removed reference faces are left out.

        Raises STORAGE_UNAVAILABLE when they cannot be sealed.
        """
        keys = [one.reference_id for one in made]
        query = select(ReferenceFaceRow.reference_id, ReferenceFaceRow.subject_id)
        with self._database.session() as session:
            lock_watchlist(session)
            hold_sealing_key(session, self._rows.keyring)
            subjects = dict(session.exec(query.where(col(ReferenceFaceRow.reference_id).in_(keys))).all())
            for one in made:
                subject_id = subjects.get(one.reference_id)
                if subject_id is None:
                    continue
                if one.template is None:
                    refusal = {"reference_id": one.reference_id, "model_version": model_version}
                    session.merge(TemplateRefusalRow(**refusal, reason=one.reason))
                else:
                    session.merge(self._rows.template_row(one.reference_id, model_version, subject_id, one.template))
            # Servers that use this model already take the templates up.
            count_change(session, subjects.values())
            session.commit()

    def _opened(self, reference_id: str, sealed: bytes | None) -> bytes | None:
        try:
            return self._rows.photo(reference_id, sealed or b"")
        except DamagedValueError as error:
            log.error("photograph_damaged", key=reference_id, error=type(error).__name__)  # noqa: TRY400  # no traceback
            return None
