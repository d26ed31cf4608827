"""Makes templates of another model version from the stored photographs, a few at a time.

It may be killed anywhere and begun again: what is done is in the database, and what is not is found there.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import structlog

from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.storage.models.photograph_store import NewTemplate, PhotographStore, StoredPhotograph

PHOTOGRAPHS_A_STEP = 8
"""They are in memory together, 20 MB each at most, and kept in one transaction."""

log = structlog.get_logger()


@dataclass(frozen=True)
class RebuildStep:
    """What one transaction did."""

    embedded: int
    refused: int
    """Photographs of which the model makes no template."""


class Rebuilder:
    """Works for the model version of one enroller; several may work for the same one at once. Methods block."""

    def __init__(self, store: PhotographStore, enroller: Enroller, workers: Executor) -> None:
        """Photographs are looked at by `workers`, as many at once as those are."""
        self._store = store
        self._enroller = enroller
        self._workers = workers

    def steps(self) -> Iterator[RebuildStep]:
        """Work until no reference face lacks a template, also of those that come meanwhile.

        Raises StorageError, and CekalwatchError SERVER_BUSY or STORAGE_UNAVAILABLE; what was done before stays done.
        """
        model, after = self._enroller.model_version, ""
        while True:
            found = self._store.without_template(model, after, PHOTOGRAPHS_A_STEP)
            if not found and not after:
                return
            if not found:
                after = ""  # once more from the beginning, for what has come
                continue
            made = list(self._workers.map(self._made, found))
            self._store.put(model, made)
            refused = sum(one.template is None for one in made)
            yield RebuildStep(len(made) - refused, refused)
            after = found[-1].reference_id

    def _made(self, photograph: StoredPhotograph) -> NewTemplate:
        try:
            if photograph.data is None:
                raise CekalwatchError(Code.PHOTO_UNREADABLE)
            return NewTemplate(photograph.reference_id, self._enroller.enrol(photograph.data).template)
        except CekalwatchError as error:
            if error.code is Code.SERVER_BUSY:
                raise  # it says nothing of the photograph
            log.warning("template_refused", key=photograph.reference_id, reason=error.code)
            return NewTemplate(photograph.reference_id, None, error.code)
