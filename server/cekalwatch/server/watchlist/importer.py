"""Imports records: enrols their photographs, stores what is new or changed, and reports on each.

It knows neither where records come from nor how reports are shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import tzinfo

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy.exc import SQLAlchemyError

from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.legal import LegalParameters
from cekalwatch.server.domain.orders import judge
from cekalwatch.server.domain.subjects import MOST_REFERENCES
from cekalwatch.server.recognition.enrolment import Enroller, EnrolmentError, EnrolmentWarning
from cekalwatch.server.security.audit import AuditEntry
from cekalwatch.server.storage.watchlist_store import EnrolledFace, NewReference, Stored, WatchlistStore
from cekalwatch.server.watchlist.lookalikes import Lookalikes
from cekalwatch.server.watchlist.records import ImportRecord
from cekalwatch.server.watchlist.reports import PhotoOutcome, PhotoReport, RecordOutcome, RecordReport
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class PreparedRecord:
    """A record whose photographs were looked at, ready to be stored."""

    record: ImportRecord
    photos: tuple[PhotoReport, ...]
    faces: dict[int, NDArray[np.float32]]
    """Templates of the photographs that were not refused, by their place in `photos`."""
    references: tuple[NewReference, ...]


class WatchlistImporter:
    """Imports records; any number of threads may call. Methods block."""

    def __init__(
        self,
        store: WatchlistStore,
        enroller: Enroller,
        clock: Clock,
        zone: tzinfo,
        legal: LegalParameters,
        lookalikes: Lookalikes,
    ) -> None:
        """`zone` is that of the checkpoint by whose clock the reports tell an order's status."""
        self._store = store
        self._enroller = enroller
        self._clock = clock
        self._zone = zone
        self._legal = legal
        self._lookalikes = lookalikes

    def import_record(self, record: ImportRecord, note: Callable[[Stored, int, int], AuditEntry]) -> RecordReport:
        """Prepare the record and store it; see `prepare` and `store`."""
        return self.store(self.prepare(record), note)

    def prepare(self, record: ImportRecord) -> PreparedRecord:
        """Look at the record's photographs: that takes nearly all the time, and nothing is stored.

        Only one record of a subject at a time, from here to the end of `store`. Raises CekalwatchError
        STORAGE_UNAVAILABLE when the database cannot be used, SERVER_BUSY when too much else is being decoded.
        """
        try:
            return self._enrol(record, self._store.enrolled(record.subject.subject_id, self._enroller.model_version))
        except SQLAlchemyError as error:
            raise _unavailable(record, error) from error

    def store(self, prepared: PreparedRecord, note: Callable[[Stored, int, int], AuditEntry]) -> RecordReport:
        """Store the record, all or nothing, and report on it; a refused photograph does not refuse its order.

        What `note` makes of the outcome, the number of new reference faces, and that of photographs whose face is under
        another subject as well, goes to the audit trail with it. Raises CekalwatchError STORAGE_UNAVAILABLE when the
        database cannot be used; nothing is stored then.
        """
        record, added = prepared.record, len(prepared.references)
        key, model = record.subject.subject_id, self._enroller.model_version
        photos = tuple(self._looked_up(key, photo, prepared.faces.get(at)) for at, photo in enumerate(prepared.photos))
        doubtful = sum(bool(photo.also_under) for photo in photos)
        try:
            stored = self._store.put(
                record.subject, record.order, prepared.references, lambda outcome: note(outcome, added, doubtful)
            )
            orders = self._store.get_subject(key).orders
            if prepared.references:
                version = self._store.version()
                for reference in prepared.references:
                    self._lookalikes.add(key, reference.template, model, version)
        except CekalwatchError as error:
            if error.code is not Code.SUBJECT_FULL:
                raise
            return RecordReport(record.order.order_id, key, RecordOutcome.REFUSED, error.code)
        except SQLAlchemyError as error:
            raise _unavailable(record, error) from error
        judgement = judge(record.order, record.subject, orders, self._clock.now(), self._zone, self._legal)
        report = RecordReport(
            order_id=record.order.order_id,
            subject_id=key,
            outcome=RecordOutcome(stored),
            status=judgement.status,
            broken_rules=judgement.broken_rules,
            photos=photos,
        )
        log.info(
            "record imported",
            order_id=report.order_id,
            outcome=report.outcome,
            status=judgement.status,
            photos=len(photos),
            enrolled=added,
        )
        return report

    def _looked_up(self, subject_id: str, photo: PhotoReport, template: NDArray[np.float32] | None) -> PhotoReport:
        """Return the report with the other subjects that have such a face."""
        if template is None:
            return photo
        others = self._lookalikes.others(subject_id, template, self._enroller.model_version)
        if not others:
            return photo
        return replace(photo, warnings=(*photo.warnings, str(EnrolmentWarning.ALSO_UNDER)), also_under=others)

    def _enrol(self, record: ImportRecord, held: dict[str, EnrolledFace]) -> PreparedRecord:
        """Look at each photograph; a picture that comes twice counts once.

        `held` are the subject's reference faces with a template of this model version, by their photograph's SHA-256.
        """
        subject_id = record.subject.subject_id
        room = MOST_REFERENCES - self._store.photographs(subject_id) if record.photographs else 0
        reports: list[PhotoReport] = []
        faces: dict[int, NDArray[np.float32]] = {}
        new: dict[str, NewReference] = {}
        for photograph in record.photographs:
            name, digest = photograph.name, hashlib.sha256(photograph.data).hexdigest()
            known = held.get(digest) or new.get(digest)
            try:
                if photograph.problem:
                    raise CekalwatchError(photograph.problem)
                if known:
                    outcome = PhotoOutcome.UNCHANGED
                elif len(new) >= room and not self._store.has_photograph(subject_id, digest):
                    raise CekalwatchError(Code.SUBJECT_FULL)
                else:
                    outcome = PhotoOutcome.ENROLLED
                    known = new[digest] = self._reference(photograph.data)
                faces[len(reports)] = known.template
                reports.append(PhotoReport(name, outcome, None, known.warnings, known.figures))
            except EnrolmentError as refusal:
                reports.append(PhotoReport(name, PhotoOutcome.REFUSED, refusal.code, figures=refusal.figures))
            except CekalwatchError as error:
                if error.code is Code.SERVER_BUSY:
                    raise  # it says nothing of the photograph
                reports.append(PhotoReport(name, PhotoOutcome.REFUSED, error.code))
        return PreparedRecord(record, tuple(reports), faces, tuple(new.values()))

    def _reference(self, photo: bytes) -> NewReference:
        if len(photo) > MAX_PHOTO_BYTES:
            raise CekalwatchError(Code.PHOTO_TOO_LARGE)
        enrolment = self._enroller.enrol(photo)
        return NewReference(
            photo=photo,
            face_jpeg=enrolment.face_jpeg,
            figures=enrolment.figures,
            warnings=tuple(map(str, enrolment.warnings)),
            model_version=self._enroller.model_version,
            template=enrolment.template,
        )


def _unavailable(record: ImportRecord, error: SQLAlchemyError) -> CekalwatchError:
    # Its text may quote the row, so only its kind is logged.
    log.error("record not stored", order_id=record.order.order_id, error=type(error).__name__)
    return CekalwatchError(Code.STORAGE_UNAVAILABLE)
