"""Imports records: enrols their photographs, stores new and changed records, and reports on each.

It knows neither the origin of records nor how reports are shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

import numpy as np
import structlog
from numpy.typing import NDArray

from cekalwatch.contract.values.imports import PhotoReport, RecordReport
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.contract.values.subjects import MAX_REFERENCES
from cekalwatch.contract.values.watchlist import EnrolmentWarning, ImportOutcome, PhotoOutcome
from cekalwatch.server.audit.entry import MAX_TEXT, Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.domain.orders.ban_order import BanOrder, OrderJudgement, SubjectFile
from cekalwatch.server.domain.orders.dates import read
from cekalwatch.server.domain.orders.law import Checkpoints, judge
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.domain.orders.silencing import silenced
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.gallery.lookalikes import Face, LookalikeFinder
from cekalwatch.server.recognition.enrolment import Enroller, EnrolmentError
from cekalwatch.server.storage.watchlist.record_store import (
    REFUSALS,
    NewRecord,
    NewReference,
    RecordResult,
    StoreOutcome,
)
from cekalwatch.server.storage.watchlist.store import EnrolledFace, WatchlistStore
from cekalwatch.server.watchlist.imports.records import ImportRecord, Photograph
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES

SUBJECTS_AT_ONCE = 500

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class PreparedRecord:
    """A record with processed photographs, ready to be stored."""

    record: ImportRecord
    photos: tuple[PhotoReport, ...]
    faces: dict[int, NDArray[np.float32]]
    """Templates of the photographs that were not refused, by their place in `photos`."""
    references: tuple[NewReference, ...]


@dataclass(frozen=True)
class ByHand:
    """What an import by people may silence (domain rule 18)."""

    checkpoints: Checkpoints
    clock: Clock
    signed: frozenset[str] = frozenset()
    """Keys of the orders for which a second person has signed."""

    def refuses(self, before: Sequence[SubjectFile], after: Sequence[SubjectFile]) -> bool:
        """Whether an order would no longer alert for which nobody has signed."""
        return bool(self.silenced(before, after) - self.signed)

    def silenced(self, before: Sequence[SubjectFile], after: Sequence[SubjectFile]) -> frozenset[str]:
        """Return the keys of the orders that would no longer alert."""
        return frozenset(silenced(before, after, self.clock.now(), self.checkpoints, self.checkpoints))


class WatchlistImporter:
    """Imports records; any number of threads may call. Methods block."""

    def __init__(
        self,
        store: WatchlistStore,
        enroller: Enroller,
        clock: Clock,
        zone: tzinfo,
        law: Law,
        lookalikes: LookalikeFinder,
        by_hand: ByHand | None = None,
    ) -> None:
        """`zone`: time zone of the checkpoint whose clock decides an order's status in reports.

        `by_hand`: None for a source that two people set up, which may end orders within its guard.
        """
        self._store = store
        self._enroller = enroller
        self._clock = clock
        self._zone = zone
        self._law = law
        self._lookalikes = lookalikes
        self._by_hand = by_hand

    def prepare(self, record: ImportRecord) -> PreparedRecord:
        """Process the record's photographs: this takes nearly all the time, and stores nothing.

        Only one record of a subject may be between here and the end of `store`. Raises StorageError; SERVER_BUSY
        when too many photographs are being decoded, and RECOGNISER_FAILED.
        """
        if not record.photographs:
            return PreparedRecord(record, (), {}, ())
        key = record.subject.subject_id
        count = self._store.photographs(key)
        held = self._store.enrolled(key, self._enroller.model_version) if count else {}
        return self._enrol(record, held, MAX_REFERENCES - count)

    def store(self, prepared: Sequence[PreparedRecord], actor: Actor) -> list[RecordReport]:
        """Store records of different subjects for `actor` in one transaction, and report on each.

        A refused photograph does not refuse its order. The audit trail's entry on each changed record is committed with
        it. Raises StorageError, and then nothing is stored.
        """
        photos = self._looked_up(prepared)
        records = [one.record for one in prepared]

        def entry(number: int, done: RecordResult) -> AuditEntry:
            return self._entry(prepared[number], done, photos[number], actor)

        new = [NewRecord(one.record.subject, one.record.order, one.references, one.record.replaces) for one in prepared]
        written = self._store.put_all(new, entry, self._by_hand.refuses if self._by_hand else None)
        files = {
            file.subject.subject_id: file
            for file in self._store.get_subjects([record.subject.subject_id for record in records])
        }
        reports = []
        for one, outcome, seen in zip(prepared, written.outcomes, photos, strict=True):
            if refusal := REFUSALS.get(outcome):
                order, key = one.record.order, one.record.subject.subject_id
                reports.append(RecordReport(order.order_id, key, ImportOutcome.REFUSED, refusal))
                continue
            for reference in one.references:
                self._lookalikes.add(
                    one.record.subject.subject_id, reference.template, reference.model_version, written.version
                )
            subject = one.record.subject
            file = files.get(subject.subject_id, SubjectFile(subject, (), ()))
            reports.append(self._report(one, outcome, seen, file))
        return reports

    def remarkable(self, subject_ids: Collection[str]) -> dict[str, OrderJudgement]:
        """Return the orders of these subjects that break a rule or are flagged, by key."""
        now, found = self._clock.now(), dict[str, OrderJudgement]()
        keys = sorted(subject_ids)
        for start in range(0, len(keys), SUBJECTS_AT_ONCE):
            for file in self._store.get_subjects(keys[start : start + SUBJECTS_AT_ONCE]):
                for order in file.orders:
                    judgement = self._judgement(order, file, now)
                    if judgement.remarks:
                        found[order.order_id] = judgement
        return found

    def _judgement(self, order: BanOrder, file: SubjectFile, now: datetime) -> OrderJudgement:
        return judge(order, file, now, self._zone, self._law)

    def _judged(
        self, order: BanOrder, judgement: OrderJudgement, outcome: StoreOutcome, photos: tuple[PhotoReport, ...]
    ) -> RecordReport:
        """Return the report on an order by its judgement."""
        revoked = judgement.status is OrderStatus.REVOKED
        return RecordReport(
            order_id=order.order_id,
            subject_id=order.subject_id,
            outcome=ImportOutcome(outcome),
            status=judgement.status,
            broken_rules=judgement.broken_rules,
            flags=judgement.flags,
            article=judgement.article,
            doubts=read(order, self._law).doubts,
            revocation_ground=order.revocation_ground if revoked else None,
            revocation_reference=order.revocation_reference if revoked else "",
            photos=photos,
        )

    def _report(
        self, one: PreparedRecord, outcome: StoreOutcome, photos: tuple[PhotoReport, ...], file: SubjectFile
    ) -> RecordReport:
        record = one.record
        held = next((order for order in file.orders if order.order_id == record.order.order_id), record.order)
        judgement = self._judgement(held, file, self._clock.now())
        report = self._judged(held, judgement, outcome, photos)
        log.info(
            "record_imported",
            order_id=report.order_id,
            outcome=report.outcome,
            status=judgement.status,
            photos=len(photos),
            enrolled=len(one.references),
        )
        return report

    def _entry(
        self, one: PreparedRecord, done: RecordResult, photos: tuple[PhotoReport, ...], actor: Actor
    ) -> AuditEntry:
        keys = [ObjectKind.ORDER.key(one.record.order.order_id), ObjectKind.SUBJECT.key(one.record.subject.subject_id)]
        if done.former_subject_id:  # whose history it belongs to as well
            keys.append(ObjectKind.SUBJECT.key(done.former_subject_id))
        details: dict[str, int | str] = {"references": len(one.references)}
        if refused := sorted({photo.reason for photo in photos if photo.reason}):
            details["refused_photographs"] = " ".join(refused)[:MAX_TEXT]
        if doubtful := sum(bool(photo.also_under) for photo in photos):
            details["also_under"] = doubtful
        if done.fields:  # their names only, not their content
            details["changed"] = " ".join(done.fields)[:MAX_TEXT]
        return AuditEntry(self._clock.now(), actor, Action.ORDER_IMPORTED, tuple(keys), done.outcome, details)

    def _looked_up(self, prepared: Sequence[PreparedRecord]) -> list[tuple[PhotoReport, ...]]:
        """Return the reports on each record's photographs with the other subjects that have similar faces.

        Records that are stored together are not on the list yet: the later one names the earlier one.
        """
        model, beside = self._enroller.model_version, list[Face]()
        found = []
        for one in prepared:
            key, reports = one.record.subject.subject_id, list(one.photos)
            for at, template in one.faces.items():
                if others := self._lookalikes.others(key, template, model, beside):
                    warnings = (*reports[at].warnings, str(EnrolmentWarning.ALSO_UNDER))
                    reports[at] = replace(reports[at], warnings=warnings, also_under=others)
            beside += [(key, template) for template in one.faces.values()]
            found.append(tuple(reports))
        return found

    def _enrol(
        self, record: ImportRecord, held: Mapping[str, EnrolledFace | NewReference], room: int
    ) -> PreparedRecord:
        """Process each photograph; a repeated picture counts once.

        `held` has the subject's reference faces with a template of this model version, by their photograph's SHA-256.
        """
        subject_id = record.subject.subject_id
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
                    known = new[digest] = self._reference(photograph)
                faces[len(reports)] = known.template
                reports.append(PhotoReport(name, outcome, None, known.warnings, known.figures))
            except EnrolmentError as refusal:
                reports.append(PhotoReport(name, PhotoOutcome.REFUSED, refusal.code, figures=refusal.figures))
            except CekalwatchError as error:
                if not error.of_the_request:
                    raise  # it says nothing of the photograph
                reports.append(PhotoReport(name, PhotoOutcome.REFUSED, error.code))
        return PreparedRecord(record, tuple(reports), faces, tuple(new.values()))

    def _reference(self, photograph: Photograph) -> NewReference:
        photo, ready = photograph.data, photograph.enrolled
        if len(photo) > MAX_PHOTO_BYTES:
            raise CekalwatchError(Code.PHOTO_TOO_LARGE)
        if ready and ready.model_version == self._enroller.model_version:
            template = np.frombuffer(ready.template, dtype="<f4").astype(np.float32, copy=False)
            if len(template) == self._enroller.template_size:
                return NewReference.of(ready, photo, ready.model_version, template)
        enrolment = self._enroller.enrol(photo)
        return NewReference.of(enrolment, photo, self._enroller.model_version, enrolment.template)
