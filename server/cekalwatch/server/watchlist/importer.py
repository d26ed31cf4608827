"""Imports records: enrols their photographs, stores what is new or changed, and reports on each.

It knows neither where records come from nor how reports are shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import tzinfo

import structlog
from sqlalchemy.exc import SQLAlchemyError

from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.domain.legal import LegalParameters
from cekalwatch.server.domain.orders import judge
from cekalwatch.server.domain.subjects import MOST_REFERENCES, ReferenceFace
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.security.audit import AuditEntry
from cekalwatch.server.storage.watchlist_store import NewReference, Stored, WatchlistStore
from cekalwatch.server.watchlist.records import ImportRecord, Photograph
from cekalwatch.server.watchlist.reports import PhotoOutcome, PhotoReport, RecordOutcome, RecordReport
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES

log = structlog.get_logger()


class WatchlistImporter:
    """Imports records; any number of threads may call. Methods block."""

    def __init__(
        self, store: WatchlistStore, enroller: Enroller, clock: Clock, zone: tzinfo, legal: LegalParameters
    ) -> None:
        """`zone` is that of the checkpoint by whose clock the reports tell an order's status."""
        self._store = store
        self._enroller = enroller
        self._clock = clock
        self._zone = zone
        self._legal = legal

    def import_record(self, record: ImportRecord, note: Callable[[Stored, int], AuditEntry]) -> RecordReport:
        """Store the record, all or nothing, and report on it; a refused photograph does not refuse its order.

        What `note` makes of the outcome and the number of new reference faces goes to the audit trail with it.
        Raises CekalwatchError STORAGE_UNAVAILABLE when the database cannot be used, SERVER_BUSY when too much else is
        being decoded; nothing is stored then.
        """
        key = record.subject.subject_id
        try:
            held = self._store.enrolled(key, self._enroller.model_version)
            photos, references = self._enrol(key, record.photographs, held)
            added = len(references)
            stored = self._store.put(record.subject, record.order, references, lambda outcome: note(outcome, added))
            orders = self._store.get_subject(key).orders
        except CekalwatchError as error:
            if error.code is not Code.SUBJECT_FULL:
                raise
            return RecordReport(record.order.order_id, key, RecordOutcome.REFUSED, error.code)
        except SQLAlchemyError as error:
            log.error("record not stored", order_id=record.order.order_id, error=type(error).__name__)  # noqa: TRY400
            raise CekalwatchError(Code.STORAGE_UNAVAILABLE) from error
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

    def _enrol(
        self, subject_id: str, photographs: tuple[Photograph, ...], held: dict[str, ReferenceFace]
    ) -> tuple[tuple[PhotoReport, ...], list[NewReference]]:
        """Return a report on each photograph, and the new reference faces; a picture that comes twice counts once.

        `held` are the subject's reference faces with a template of this model version, by their photograph's SHA-256.
        """
        room = MOST_REFERENCES - self._store.photographs(subject_id)
        reports: list[PhotoReport] = []
        new: dict[str, NewReference] = {}
        for photograph in photographs:
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
                reports.append(PhotoReport(name, outcome, None, known.warnings, known.eye_distance_px))
            except CekalwatchError as error:
                if error.code is Code.SERVER_BUSY:
                    raise  # it says nothing of the photograph
                reports.append(PhotoReport(name, PhotoOutcome.REFUSED, error.code))
        return tuple(reports), list(new.values())

    def _reference(self, photo: bytes) -> NewReference:
        if len(photo) > MAX_PHOTO_BYTES:
            raise CekalwatchError(Code.PHOTO_TOO_LARGE)
        enrolment = self._enroller.enrol(photo)
        return NewReference(
            photo=photo,
            face_jpeg=enrolment.face_jpeg,
            eye_distance_px=enrolment.eye_distance_px,
            warnings=tuple(map(str, enrolment.warnings)),
            model_version=self._enroller.model_version,
            template=enrolment.template,
        )
