"""Makes templates of another model version from the stored photographs, a few at a time.

It can be killed and started again at any point: the database shows which templates are missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import structlog

from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.storage.models.photograph_store import NewTemplate, PhotographStore, StoredPhotograph

PHOTOGRAPHS_A_STEP = 8
"""Photographs that are in memory together, at most 20 MB each, and stored in one transaction."""

log = structlog.get_logger()


@dataclass(frozen=True)
class RebuildStep:
    """The result of one transaction."""

    embedded: int
    refused: int
    """Photographs from which no template can be made."""


class Rebuilder:
    """Works for the model version of one enroller; several may work at the same time. Methods block."""

    def __init__(self, store: PhotographStore, enroller: Enroller, workers: Executor) -> None:
        """Photographs are processed on the threads of `workers`."""
        self._store = store
        self._enroller = enroller
        self._workers = workers

    def steps(self) -> Iterator[RebuildStep]:
        """Work until no reference face lacks a template, including new ones.

        Raises StorageError, and CekalwatchError SERVER_BUSY, RECOGNISER_FAILED or STORAGE_UNAVAILABLE; finished work
        is kept.
        """
        model, after = self._enroller.model_version, ""
        while True:
            found = self._store.without_template(model, after, PHOTOGRAPHS_A_STEP)
            if not found and not after:
                return
            if not found:
                after = ""  # again from the beginning, for new ones
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
            if not error.of_the_request:
                raise  # this is not about the photograph
            log.warning("template_refused", key=photograph.reference_id, reason=error.code)
            return NewTemplate(photograph.reference_id, None, error.code)
