"""The preview of an import: everything except the writing. It processes photographs, and judges orders by the future
list.

It reads the present list, and adds the import's own records. Look-alikes among subjects of different transactions of
one import are reported only by the import.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Final

from cekalwatch.contract.values.imports import PhotoReport, RecordReport
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.contract.values.subjects import MAX_REFERENCES, Identity, Subject
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.domain.orders.ban_order import BanOrder, SubjectFile
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.gallery.lookalikes import LookalikeFinder
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.storage.watchlist.record_store import DryRunResult, NewRecord, NewReference, StoreOutcome
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.imports.importer import ByHand, PreparedRecord, WatchlistImporter
from cekalwatch.server.watchlist.imports.records import ImportRecord

PREVIEWED: Final = "PREVIEWED"
_STANDS: Final = frozenset({OrderStatus.ACTIVE, OrderStatus.NOT_YET_VALID})


class ImportPreview(WatchlistImporter):
    """Processes the records of one import, in their order; `store` stores nothing."""

    def __init__(
        self,
        store: WatchlistStore,
        enroller: Enroller,
        clock: Clock,
        zone: tzinfo,
        legal: Law,
        lookalikes: LookalikeFinder,
        by_hand: ByHand,
    ) -> None:
        """As for the import itself."""
        super().__init__(store, enroller, clock, zone, legal, lookalikes)
        self._silenced = by_hand.silenced
        self._laid = _Overlay()
        self._faces = defaultdict[str, dict[str, NewReference]](dict)
        """New reference faces of each subject so far, without their pictures, by their photograph's SHA-256."""

    def prepare(self, record: ImportRecord) -> PreparedRecord:
        """Process the photographs that would be enrolled; each content of a subject once."""
        key = record.subject.subject_id
        alone = ImportRecord(record.subject, record.order)
        if not record.photographs:
            return PreparedRecord(alone, (), {}, ())
        count, new = self._store.photographs(key), self._faces[key]
        held = self._store.enrolled(key, self._enroller.model_version) if count else {}
        done = self._enrol(record, {**held, **new}, MAX_REFERENCES - count - len(new))
        new |= {one.photo_sha256: replace(one, photo=b"", face_jpeg=b"") for one in done.references}
        return replace(done, record=alone, references=())

    def store(self, prepared: Sequence[PreparedRecord], actor: Actor) -> list[RecordReport]:  # noqa: ARG002  # nothing is done for anybody
        """Report what would be done with each record; raises StorageError."""
        records = [NewRecord(one.record.subject, one.record.order) for one in prepared]
        foreseen = self._store.foresee(records, self._laid.grown)
        photos = self._looked_up(prepared)
        silenced = self._store.silenced_by(records, self._silenced)
        parts = zip(records, foreseen, photos, silenced, strict=True)
        return [self._foretell(one, found, seen, lost) for one, found, seen, lost in parts]

    def _foretell(
        self, record: NewRecord, found: DryRunResult, photos: tuple[PhotoReport, ...], silences: tuple[str, ...]
    ) -> RecordReport:
        subject, order = record.subject, record.order
        if found.outcome is StoreOutcome.SUBJECT_FULL:
            return RecordReport(order.order_id, subject.subject_id, ImportOutcome.REFUSED, Code.SUBJECT_FULL)
        if found.outcome is StoreOutcome.STORED:
            self._laid.put(subject, found.order, added=found.added)
        file = self._laid.over(found, subject)
        held = next((one for one in file.orders if one.order_id == order.order_id), found.order)
        judgement = self._judgement(held, file, self._clock.now())
        standing = self._standing(file)
        return replace(
            self._judged(held, judgement, found.outcome, photos),
            added=found.added,
            ends=bool(silences),
            silences=silences,
            unrecognisable=bool(standing) and not self._has_face(subject.subject_id, photos),
        )

    def _has_face(self, subject_id: str, photos: tuple[PhotoReport, ...]) -> bool:
        if self._faces.get(subject_id) or any(one.outcome is not PhotoOutcome.REFUSED for one in photos):
            return True
        return bool(self._store.photographs(subject_id))

    def _standing(self, file: SubjectFile) -> frozenset[str]:
        """Return the keys of a subject's orders that are or will be in force: a record can end others than its own, as
        when it says that the person is a citizen."""
        now = self._clock.now()
        return frozenset(one.order_id for one in file.orders if self._judgement(one, file, now).status in _STANDS)


class PreviewRun(ImportRun):
    """A preview from its first record to its end: the audit trail records only that somebody made one."""

    def refused(self, report: RecordReport) -> RecordReport:
        """Count a record that would be refused."""
        self._count([report])
        return report

    def finish(self) -> None:
        """Record that the preview was made."""
        self._audit.append(self._whole(PREVIEWED))
        self._finished = True

    def close(self) -> None:
        """Drop waiting records; an interrupted preview has no complete result."""
        self.drop()


class _Overlay:
    """The records of an import so far, together with the stored list."""

    def __init__(self) -> None:
        self.grown: Counter[str] = Counter()
        """How many orders each subject would have more."""
        self._subjects: dict[str, Subject] = {}
        self._orders: dict[str, BanOrder] = {}
        self._of: defaultdict[str, set[str]] = defaultdict(set)
        """Keys of each subject's orders among these."""
        self._holders: defaultdict[Identity, set[str]] = defaultdict(set)
        """Keys of the subjects with each identity."""

    def put(self, subject: Subject, order: BanOrder, *, added: bool) -> None:
        """Add a record to the stored list."""
        key = subject.subject_id
        self._subjects[key], self._orders[order.order_id] = subject, order
        self._of[key].add(order.order_id)
        for identity in subject.identities:
            self._holders[identity].add(key)
        self.grown[key] += added

    def over(self, found: DryRunResult, subject: Subject) -> SubjectFile:
        """Return the file of a subject as it would be held, with the orders of the same person under other keys."""
        key = subject.subject_id
        person = self._subjects.get(key) or (found.file.subject if found.file else subject)
        orders = self._replaced(found.file.orders if found.file else (), key)
        orders.sort(key=lambda one: (one.received_on, one.order_id), reverse=True)
        others = {other for identity in person.identities for other in self._holders[identity]} - {key}
        elsewhere = [one for one in found.elsewhere if one.order_id not in self._orders]
        elsewhere += [self._orders[one] for other in sorted(others) for one in sorted(self._of[other])]
        unreadable = found.file.unreadable if found.file else 0
        return SubjectFile(person, tuple(orders), (), unreadable, tuple(elsewhere))

    def _replaced(self, held: Sequence[BanOrder], key: str) -> list[BanOrder]:
        return [one for one in held if one.order_id not in self._orders] + [self._orders[one] for one in self._of[key]]
