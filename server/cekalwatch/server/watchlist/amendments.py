"""Corrects, ends and erases single orders of a list that is kept here, as two people with a reason. Methods block.

What a source keeps is corrected there: the next synchronisation would undo what is done here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from types import MappingProxyType

from cekalwatch.contract.values.imports import CellCorrection
from cekalwatch.contract.values.orders import RevocationGround
from cekalwatch.contract.values.people import TwoPersonAction
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.contract.values.watchlist import AmendmentReason, OrderKeeping
from cekalwatch.server.audit.alert_entries import deletion_entry
from cekalwatch.server.audit.entry import MAX_TEXT, Action, Actor, AuditEntry, ObjectKind
from cekalwatch.server.domain.orders.ban_order import BanOrder, SubjectFile
from cekalwatch.server.domain.people import TwoPeople
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.watchlist.record_store import REFUSALS, NewRecord, RecordResult
from cekalwatch.server.storage.watchlist.removing import SubjectDeletion
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.imports.records import RecordError
from cekalwatch.server.watchlist.sources.mapping import RecordMapper
from cekalwatch.server.watchlist.sources.mapping_settings import MappingSettings
from cekalwatch.server.watchlist.sources.written_days import WrittenDays

CORRECTED, ENDED, ERASED = "CORRECTED", "ENDED", "ERASED"


@dataclass(frozen=True)
class Amendment:
    """Who amends which order, and why."""

    subject_id: str
    order_id: str
    seen_mark: str
    """The order's mark, as the people saw it."""
    reason: AmendmentReason
    people: TwoPeople
    actor: Actor

    def __post_init__(self) -> None:
        if self.people.action is not TwoPersonAction.AMEND_ORDER:
            raise ValueError(f"these people may do {self.people.action}")


class OrderAmender:
    """Amends the orders of one database."""

    def __init__(self, store: WatchlistStore, clock: Clock, zone: tzinfo, source: str) -> None:
        """`zone`: of times without an offset. `source`: what the configured source is called; empty for none."""
        self._store = store
        self._clock = clock
        self._zone = zone
        self._source = source

    def keeping(self, subject_id: str) -> tuple[OrderKeeping, ...]:
        """Return who keeps each order of a subject."""
        files = self._store.orders_of([subject_id])
        return self._keeping(files[0]) if files else ()

    def correct(self, amendment: Amendment, cells: Iterable[CellCorrection]) -> None:
        """Store an order and its subject as the cells state them.

        Raises RECORD_INVALID with the first wrong field, ORDER_CHANGED and ORDER_OF_SOURCE.
        """
        _, content = self._held(amendment)
        keys = {"order_id": amendment.order_id, "subject_id": amendment.subject_id}
        row = {one.field: one.value for one in cells} | keys
        mapper = RecordMapper(MappingSettings(), self._zone, days=WrittenDays())
        try:
            found = mapper.read(row)
        except RecordError as error:
            refusal = CekalwatchError(Code.RECORD_INVALID, error.field)
            refusal.told = MappingProxyType({"detail": error.field})
            raise refusal from None
        self._put(amendment, found.subject, found.order, content, CORRECTED)

    def end(self, amendment: Amendment, ground: RevocationGround, reference: str) -> None:
        """Revoke an order now; raises ORDER_CHANGED and ORDER_OF_SOURCE."""
        file, content = self._held(amendment)
        order = next(one for one in file.orders if one.order_id == amendment.order_id)
        ended = replace(order, revoked_at=self._clock.now(), revocation_ground=ground, revocation_reference=reference)
        self._put(amendment, file.subject, ended, content, ENDED)

    def erase(self, amendment: Amendment) -> None:
        """Remove an order, and its subject if it has no other one; raises ORDER_CHANGED and ORDER_OF_SOURCE."""
        _, content = self._held(amendment)

        def notes(gone: SubjectDeletion | None) -> Sequence[AuditEntry]:
            own = self._entry(amendment, ERASED)
            if gone is None:
                return (own,)
            key = amendment.subject_id
            return own, deletion_entry(amendment.actor, own.at, key, gone.order_ids, **gone.counts)

        self._store.amendments.remove(amendment.subject_id, amendment.order_id, content, notes)

    def _held(self, amendment: Amendment) -> tuple[SubjectFile, str]:
        """Return the subject, and the digest of the order's content, if it is as it was seen and may be amended."""
        files = self._store.orders_of([amendment.subject_id])
        kept = {one.order_id: one for one in self._keeping(files[0])} if files else {}
        order = kept.get(amendment.order_id)
        if order is None or order.mark != amendment.seen_mark:
            raise CekalwatchError(Code.ORDER_CHANGED)
        if order.source:
            refusal = CekalwatchError(Code.ORDER_OF_SOURCE)
            refusal.told = MappingProxyType({"detail": order.source})
            raise refusal
        return files[0], self._store.content_of([amendment.order_id])[amendment.order_id]

    def _keeping(self, file: SubjectFile) -> tuple[OrderKeeping, ...]:
        keys = [order.order_id for order in file.orders]
        from_source = self._store.amendments.from_source(keys) if self._source else set[str]()
        content = self._store.content_of(keys)
        mark = _mark(content)
        return tuple(OrderKeeping(key, self._source if key in from_source else "", mark) for key in keys)

    def _put(self, amendment: Amendment, subject: Subject, order: BanOrder, content: str, what: str) -> None:
        def note(_: int, done: RecordResult) -> AuditEntry:
            return self._entry(amendment, what, done.fields)

        written = self._store.put_all([NewRecord(subject, order, replaces=content)], note)
        if refusal := REFUSALS.get(written.outcomes[0]):
            raise CekalwatchError(refusal)

    def _entry(self, amendment: Amendment, what: str, fields: Sequence[str] = ()) -> AuditEntry:
        people = (amendment.people.first, amendment.people.second)
        objects = (
            ObjectKind.ORDER.key(amendment.order_id),
            ObjectKind.SUBJECT.key(amendment.subject_id),
            *(ObjectKind.PERSON.key(person.person_id) for person in people),
        )
        details: dict[str, int | str] = {"reason": amendment.reason}
        if fields:  # their names only, not their content
            details["changed"] = " ".join(fields)[:MAX_TEXT]
        return AuditEntry(self._clock.now(), amendment.actor, Action.ORDER_AMENDED, objects, what, details)


def _mark(content: Mapping[str, str]) -> str:
    """Return what stands for all orders of a subject: a change of one may change the subject for all."""
    return hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()
