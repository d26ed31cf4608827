"""Lets list managers look at the watchlist: subjects with their orders, reference faces and history.

Each access is recorded in the audit trail before any result is returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cekalwatch.server.audit.entry import OK, Action, Actor, AuditEntry, Link, Thing
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.orders.ban_order import BanOrder, JudgedOrder, SubjectFile
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.status_history import StatusChange, status_history
from cekalwatch.server.domain.subjects import ReferenceFace, Subject
from cekalwatch.server.gallery.lookalikes import LookalikeFinder
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.wire.vocabulary.orders import OrderKind, OrderStatus

READ_AT_ONCE: Final = 200
MAX_EVENTS: Final = 500

_HISTORY_ACTIONS: Final = (
    *(Action.ORDER_IMPORTED, Action.ORDERS_WITHDRAWN, Action.SUBJECT_DELETED),
    *(Action.ALERT_RAISED, Action.ALERT_CONFIRMED, Action.ALERT_CLEARED),
)
"""The events in a subject's history; who looked at the subject is for auditors only."""


class WatchlistProblem(StrEnum):
    """A problem to look for."""

    INVALID = "invalid"
    """An order is flagged INVALID."""
    FLAGGED = "flagged"
    """An order stays in force, and is flagged for a person to look at."""
    NO_REFERENCE = "no-reference"
    """There is no photograph: the subject cannot be recognised."""
    STALE_MODEL = "stale-model"
    """A photograph has no template of the model in use."""


_ABOUT_ORDERS: Final = frozenset({WatchlistProblem.INVALID, WatchlistProblem.FLAGGED})


@dataclass(frozen=True)
class WatchlistFilter:
    """Which subjects to show: those that meet all conditions. One order must meet all conditions about orders."""

    status: OrderStatus | None = None
    kind: OrderKind | None = None
    agency: str = ""
    """Part of the requesting agency's name, in any case."""
    name: str = ""
    """Part of the name or of an alias, in any case."""
    subject_id: str = ""
    problem: WatchlistProblem | None = None


@dataclass(frozen=True)
class SubjectView:
    """A subject with its orders and reference faces, as list managers see it."""

    subject: Subject
    orders: tuple[JudgedOrder, ...]
    """Newest first."""
    references: tuple[ReferenceFace, ...]
    """Best first."""
    stale: frozenset[str]
    """Keys of the reference faces without a template of the model in use."""
    also_under: Mapping[str, tuple[str, ...]]
    """Other subjects with such a face, by the reference face's key; only for a single subject."""
    elsewhere: tuple[BanOrder, ...]
    """Orders of the same person under other keys, where an urgent order depends on them."""


@dataclass(frozen=True)
class WatchlistPage:
    """A page of subjects."""

    subjects: tuple[SubjectView, ...]
    more_after: str
    """Key of the subject after which there may be more; empty at the end."""


@dataclass(frozen=True)
class SubjectHistory:
    """The history of a subject: events of the audit trail, and status changes by law."""

    events: tuple[Link, ...]
    """Oldest first; the newest MAX_EVENTS."""
    status_changes: Mapping[str, list[StatusChange]]
    """By the key of the order."""


class WatchlistBrowser:
    """Looks by `actor`. Methods block; each raises StorageError when the database cannot be used."""

    def __init__(
        self,
        store: WatchlistStore,
        audit: AuditStore,
        checkpoints: Checkpoints,
        site: str,
        clock: Clock,
        actor: Actor,
        model_version: str,
    ) -> None:
        """`site` is the checkpoint whose clock decides statuses."""
        self._store = store
        self._audit = audit
        self._checkpoints = checkpoints
        self._site = site
        self._clock = clock
        self._actor = actor
        self._model_version = model_version

    def page(self, wanted: WatchlistFilter, at: datetime, after: str, most: int) -> WatchlistPage:
        """Return the first matching subjects after the key `after`, with statuses as of the moment `at`."""
        found: list[SubjectView] = []
        more = True
        while more and len(found) < most:
            files = self._files(wanted, after)
            more = len(files) == READ_AT_ONCE
            for file in files:
                after = file.subject.subject_id
                view = self._view(file, at)
                if _is_wanted(view, wanted):
                    found.append(view)
                if len(found) == most:
                    more = more or file is not files[-1]
                    break
        self._note(Action.SUBJECTS_LISTED, [view.subject.subject_id for view in found], subjects=len(found))
        return WatchlistPage(tuple(found), after if more else "")

    def show(self, subject_id: str, at: datetime, lookalikes: LookalikeFinder, pictures: int) -> SubjectView:
        """Return one subject; raises SUBJECT_NOT_FOUND. `pictures` is the number of photographs that will be seen."""
        view = self._view(self._store.get_subject(subject_id), at, lookalikes.of_subject(self._store, subject_id))
        others = {key for keys in view.also_under.values() for key in keys}
        others |= {order.subject_id for order in view.elsewhere}
        self._note(Action.SUBJECT_VIEWED, [subject_id, *sorted(others)], pictures=min(pictures, len(view.references)))
        return view

    def history(self, subject_id: str) -> SubjectHistory:
        """Return the history of a subject, also of a deleted one; it may be empty."""
        files = self._store.get_subjects([subject_id])
        orders, elsewhere = (files[0].orders, files[0].elsewhere) if files else ((), ())
        keys = [Thing.SUBJECT.key(subject_id), *(Thing.ORDER.key(order.order_id) for order in orders)]
        events = self._audit.about(keys, _HISTORY_ACTIONS, MAX_EVENTS)
        if files or events:
            self._note(Action.SUBJECT_VIEWED, [subject_id], history=len(events))
        zone = self._checkpoints.zones[self._site]
        return SubjectHistory(
            tuple(events),
            {
                order.order_id: status_history(
                    order, files[0].subject, orders, zone, self._checkpoints.legal, elsewhere
                )
                for order in orders
            },
        )

    def picture(self, reference: ReferenceFace) -> bytes:
        """Return the picture of a reference face; empty if it is damaged."""
        return self._store.face_jpeg(reference.reference_id)

    def _files(self, wanted: WatchlistFilter, after: str) -> list[SubjectFile]:
        if wanted.subject_id:
            return self._store.get_subjects([wanted.subject_id])
        return self._store.list_subjects(after, READ_AT_ONCE)

    def _view(
        self, file: SubjectFile, at: datetime, also_under: Mapping[str, tuple[str, ...]] | None = None
    ) -> SubjectView:
        keys = [reference.reference_id for reference in file.references]
        fresh = self._store.with_template(keys, self._model_version) if keys else set()
        return SubjectView(
            file.subject,
            tuple(self._checkpoints.judged(file, at, self._site)),
            file.references,
            frozenset(keys) - fresh,
            also_under or {},
            file.elsewhere,
        )

    def _note(self, action: Action, subject_ids: list[str], **details: int) -> None:
        objects = tuple(map(Thing.SUBJECT.key, subject_ids))
        self._audit.append(AuditEntry(self._clock.now(), self._actor, action, objects, OK, details))


def _is_wanted(view: SubjectView, wanted: WatchlistFilter) -> bool:
    names = (view.subject.name, *view.subject.aliases)
    if wanted.name and not any(_has(name, wanted.name) for name in names):
        return False
    match wanted.problem:
        case WatchlistProblem.NO_REFERENCE if view.references:
            return False
        case WatchlistProblem.STALE_MODEL if not view.stale:
            return False
    about_orders = wanted.status or wanted.kind or wanted.agency or wanted.problem in _ABOUT_ORDERS
    return not about_orders or any(_is_wanted_order(one, wanted) for one in view.orders)


def _is_wanted_order(one: JudgedOrder, wanted: WatchlistFilter) -> bool:
    status = one.judgement.status
    return (
        (wanted.status is None or status is wanted.status)
        and (wanted.problem is not WatchlistProblem.INVALID or status is OrderStatus.INVALID)
        and (wanted.problem is not WatchlistProblem.FLAGGED or bool(one.judgement.flags))
        and (wanted.kind is None or one.order.kind is wanted.kind)
        and (not wanted.agency or _has(one.order.requesting_agency, wanted.agency))
    )


def _has(text: str, part: str) -> bool:
    return " ".join(part.casefold().split()) in " ".join(text.casefold().split())
