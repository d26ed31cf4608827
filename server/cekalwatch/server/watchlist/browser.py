"""The watchlist for list managers: subjects with their orders, reference faces and history.

`WatchlistReader` only reads: the server's calls record what they return. `WatchlistBrowser` records each access of a
command in the audit trail before it returns anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Final

from cekalwatch.contract.values.subjects import ReferenceFace
from cekalwatch.contract.values.watchlist import EnrolmentWarning, ListedSubject, WatchlistFilter
from cekalwatch.server.audit.entry import OK, Action, Actor, AuditEntry, Link, ObjectKind
from cekalwatch.server.domain.orders.ban_order import WIB, JudgedOrder, SubjectFile
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.status_history import StatusChange, status_history
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.gallery.lookalikes import LookalikeFinder
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.subject_search import SubjectSearch

MAX_EVENTS: Final = 500
LAST_IMPORTS: Final = 5
"""Imports of a subject that are looked at for why its photographs were refused."""

HISTORY_ACTIONS: Final = (
    *(Action.ORDER_IMPORTED, Action.ORDER_AMENDED, Action.ORDERS_WITHDRAWN, Action.SUBJECT_DELETED),
    Action.LOOKALIKES_JUDGED,
    *(Action.ALERT_RAISED, Action.ALERT_CONFIRMED, Action.ALERT_CLEARED),
)
"""The events in a subject's history; only auditors see who viewed the subject."""


@dataclass(frozen=True, kw_only=True)
class SubjectView(SubjectFile):
    """A subject with its orders and reference faces, as list managers see it."""

    judged: tuple[JudgedOrder, ...]
    """Its orders."""
    stale: frozenset[str]
    """Keys of the reference faces without a template of the model in use."""
    also_under: Mapping[str, tuple[str, ...]]
    """Other subjects with such a face, by the reference face's key; only for a single subject."""
    photograph_refusals: tuple[str, ...] = ()
    """Of a subject without photographs: why those of its newest import were refused."""

    @property
    def others(self) -> list[str]:
        """Keys of the other subjects that it names, in order."""
        faces = {key for keys in self.also_under.values() for key in keys}
        return sorted(faces | {order.subject_id for order in self.elsewhere})

    @property
    def listed(self) -> ListedSubject:
        """The subject as people see it, without the orders elsewhere."""
        orders = tuple(one.shown for one in self.judged)
        return ListedSubject(
            self.subject,
            orders,
            tuple(map(self._doubtful, self.references)),
            self.stale,
            photograph_refusals=self.photograph_refusals,
        )

    def _doubtful(self, face: ReferenceFace) -> ReferenceFace:
        also_under = self.also_under.get(face.reference_id, ())
        warnings = (*face.warnings, EnrolmentWarning.ALSO_UNDER) if also_under else face.warnings
        return replace(face, warnings=warnings, also_under=also_under)


@dataclass(frozen=True)
class WatchlistPage:
    """A page of subjects."""

    subjects: tuple[SubjectView, ...]
    more_after: str
    """ID of the subject after which there may be more; empty at the end."""


@dataclass(frozen=True)
class SubjectHistory:
    """The history of a subject: events of the audit trail, and status changes by law."""

    events: tuple[Link, ...]
    """Oldest first; the newest MAX_EVENTS."""
    status_changes: Mapping[str, list[StatusChange]]
    """By the key of the order."""

    @property
    def empty(self) -> bool:
        """Whether nothing is known of such a subject."""
        return not self.events and not self.status_changes


class WatchlistReader:
    """Reads the watchlist for people. Methods block; each raises StorageError when the database cannot be used."""

    def __init__(
        self, store: WatchlistStore, audit: AuditStore, checkpoints: Checkpoints, site: str, search: SubjectSearch
    ) -> None:
        """`site` is the checkpoint whose clock decides statuses."""
        self._store = store
        self._audit = audit
        self._checkpoints = checkpoints
        self._site = site
        self._search = search

    @property
    def zone(self) -> tzinfo:
        """The time zone of statuses."""
        return self._checkpoints.zones.get(self._site, WIB)

    def page(self, wanted: WatchlistFilter, at: datetime, after: str, most: int) -> WatchlistPage:
        """Return the first matching subjects after the key `after`, with statuses as of the moment `at`.

        A page may be shorter than `most`, or even empty, and still have a key after which to continue.
        """
        if wanted.everything:
            held = self._store.list_subjects(after, most + 1)
            files = held[:most]
            more_after = files[-1].subject.subject_id if len(held) > most else ""
        else:
            found = self._search.find(wanted, at, after, most)
            of_key = {file.subject.subject_id: file for file in self._store.get_subjects(found.subject_ids)}
            files = [of_key[key] for key in found.subject_ids if key in of_key]
            more_after = found.more_after
        return WatchlistPage(tuple(self._views(files, at)), more_after)

    def subject(self, subject_id: str, at: datetime, lookalikes: LookalikeFinder) -> SubjectView:
        """Return one subject; raises SUBJECT_NOT_FOUND."""
        file = self._store.get_subject(subject_id)
        return next(self._views([file], at, lookalikes.of_subject(self._store, subject_id)))

    def history(self, subject_id: str) -> SubjectHistory:
        """Return the history of a subject, also of a deleted one; it may be empty."""
        files = self._store.get_subjects([subject_id])
        orders = files[0].orders if files else ()
        keys = [ObjectKind.SUBJECT.key(subject_id), *(ObjectKind.ORDER.key(order.order_id) for order in orders)]
        events = self._audit.about(keys, HISTORY_ACTIONS, MAX_EVENTS)
        return SubjectHistory(
            tuple(events),
            {order.order_id: status_history(order, files[0], self.zone, self._checkpoints.law) for order in orders},
        )

    def picture(self, reference: ReferenceFace) -> bytes:
        """Return the picture of a reference face; empty if it is damaged."""
        return self._store.face_jpeg(reference.reference_id)

    def faces(self, subject_ids: Sequence[str]) -> dict[str, bytes]:
        """Return the picture of the best reference face of each of these subjects that has one, by its key."""
        files = self._store.get_subjects(subject_ids)
        return {file.subject.subject_id: self.picture(file.references[0]) for file in files if file.references}

    def _views(
        self, files: Iterable[SubjectFile], at: datetime, also_under: Mapping[str, tuple[str, ...]] | None = None
    ) -> Iterator[SubjectView]:
        found = list(files)
        keys = [face.reference_id for file in found for face in file.references]
        fresh = self._store.with_template(keys, self._search.model_version()) if keys else set()
        for file in found:
            refusals = () if file.references else self._photograph_refusals(file.subject.subject_id)
            yield SubjectView(
                **vars(file),
                judged=tuple(self._checkpoints.judged(file, at, self._site)),
                stale=frozenset(face.reference_id for face in file.references) - fresh,
                also_under=also_under or {},
                photograph_refusals=refusals,
            )

    def _photograph_refusals(self, subject_id: str) -> tuple[str, ...]:
        """Return why the photographs of the subject's newest import were refused, as the audit trail has it."""
        imports = self._audit.about([ObjectKind.SUBJECT.key(subject_id)], (Action.ORDER_IMPORTED,), LAST_IMPORTS)
        told = (json.loads(one.details).get("refused_photographs", "") for one in reversed(imports))
        return tuple(next(filter(None, told), "").split())


@dataclass(frozen=True, eq=False)
class WatchlistBrowser:
    """Views by `actor`. Methods block; each raises StorageError when the database cannot be used."""

    reader: WatchlistReader
    audit: AuditStore
    clock: Clock
    actor: Actor

    def page(self, wanted: WatchlistFilter, at: datetime, after: str, most: int) -> WatchlistPage:
        """Return the first matching subjects after the key `after`, with statuses as of the moment `at`."""
        found: list[SubjectView] = []
        while len(found) < most:
            page = self.reader.page(wanted, at, after, most - len(found))
            found += page.subjects
            if not (after := page.more_after):
                break
        self._note(Action.SUBJECTS_LISTED, [view.subject.subject_id for view in found], subjects=len(found))
        return WatchlistPage(tuple(found), after)

    def show(self, subject_id: str, at: datetime, lookalikes: LookalikeFinder, pictures: int) -> SubjectView:
        """Return one subject; raises SUBJECT_NOT_FOUND. `pictures` is the number of photographs that will be seen."""
        view = self.reader.subject(subject_id, at, lookalikes)
        self._note(Action.SUBJECT_VIEWED, [subject_id, *view.others], pictures=min(pictures, len(view.references)))
        return view

    def history(self, subject_id: str) -> SubjectHistory:
        """Return the history of a subject, also of a deleted one; it may be empty."""
        found = self.reader.history(subject_id)
        if not found.empty:
            self._note(Action.SUBJECT_VIEWED, [subject_id], history=len(found.events))
        return found

    def picture(self, reference: ReferenceFace) -> bytes:
        """Return the picture of a reference face; empty if it is damaged."""
        return self.reader.picture(reference)

    def _note(self, action: Action, subject_ids: list[str], **details: int) -> None:
        objects = tuple(map(ObjectKind.SUBJECT.key, subject_ids))
        self.audit.append(AuditEntry(self.clock.now(), self.actor, action, objects, OK, details))
