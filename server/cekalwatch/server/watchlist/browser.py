"""Looks through the watchlist for its keepers: which subjects, with what is held of them and how it stands.

Each look is in the audit trail before anything of it is given out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cekalwatch.server.audit.entry import OK, Action, Actor, AuditEntry, Link, Thing
from cekalwatch.server.domain.clock import Clock
from cekalwatch.server.domain.orders import Checkpoints, JudgedOrder, SubjectFile
from cekalwatch.server.domain.status_history import StatusChange, status_history
from cekalwatch.server.domain.subjects import ReferenceFace, Subject
from cekalwatch.server.gallery.lookalikes import LookalikeFinder
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.wire.vocabulary.orders import OrderKind, OrderStatus

MAX_LISTED: Final = 500
"""Subjects of one look; the audit trail names each of them."""
READ_AT_ONCE: Final = 200
MAX_EVENTS: Final = 500

_TOLD: Final = (
    *(Action.ORDER_IMPORTED, Action.ORDERS_WITHDRAWN, Action.SUBJECT_DELETED),
    *(Action.ALERT_RAISED, Action.ALERT_CONFIRMED, Action.ALERT_CLEARED),
)
"""What the history of a subject is made of; who looked at the subject is the auditors' matter."""


class WatchlistProblem(StrEnum):
    """What a keeper looks for."""

    INVALID = "invalid"
    """An order is flagged INVALID."""
    NO_REFERENCE = "no-reference"
    """There is no photograph: the subject cannot be recognised."""
    STALE_MODEL = "stale-model"
    """A photograph has no template of the model in use."""


@dataclass(frozen=True)
class WatchlistFilter:
    """Which subjects to show: those to whom all of it applies. An order must have all that is said of orders."""

    status: OrderStatus | None = None
    kind: OrderKind | None = None
    agency: str = ""
    """A part of the requesting agency's name, however spelt."""
    name: str = ""
    """A part of the name or of an alias, however spelt."""
    subject_id: str = ""
    trouble: WatchlistProblem | None = None


@dataclass(frozen=True)
class SubjectView:
    """A subject as a keeper sees it."""

    subject: Subject
    orders: tuple[JudgedOrder, ...]
    """Newest first."""
    references: tuple[ReferenceFace, ...]
    """Best first."""
    stale: frozenset[str]
    """Keys of the reference faces without a template of the model in use."""
    also_under: Mapping[str, tuple[str, ...]]
    """Other subjects with such a face, by the reference face's key; in looks at one subject."""


@dataclass(frozen=True)
class WatchlistPage:
    """What a look at the list found."""

    views: tuple[SubjectView, ...]
    more_after: str
    """The subject's key after which there may be more; empty at the end."""


@dataclass(frozen=True)
class SubjectHistory:
    """What happened to a subject: by the audit trail, and by the law."""

    events: tuple[Link, ...]
    """Oldest first; the newest MAX_EVENTS."""
    turns: Mapping[str, list[StatusChange]]
    """Of each order that is held, by its key."""


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
        """`site` is the checkpoint by whose clock statuses are told."""
        self._store = store
        self._audit = audit
        self._checkpoints = checkpoints
        self._site = site
        self._clock = clock
        self._actor = actor
        self._model_version = model_version

    def page(self, wanted: WatchlistFilter, at: datetime, after: str, most: int) -> WatchlistPage:
        """Return the first subjects beyond the key `after` that are wanted, statuses as of the moment `at`."""
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
        """Return one subject; raises SUBJECT_NOT_FOUND. `pictures` says how many photographs are looked at."""
        view = self._view(self._store.get_subject(subject_id), at, lookalikes.of_subject(self._store, subject_id))
        others = {key for keys in view.also_under.values() for key in keys}
        self._note(Action.SUBJECT_VIEWED, [subject_id, *sorted(others)], pictures=min(pictures, len(view.references)))
        return view

    def history(self, subject_id: str) -> SubjectHistory:
        """Return what happened to a subject, also to one that was deleted since; it may be nothing."""
        files = self._store.get_subjects([subject_id])
        orders = files[0].orders if files else ()
        keys = [Thing.SUBJECT.key(subject_id), *(Thing.ORDER.key(order.order_id) for order in orders)]
        events = self._audit.about(keys, _TOLD, MAX_EVENTS)
        if files or events:
            self._note(Action.SUBJECT_VIEWED, [subject_id], history=len(events))
        zone = self._checkpoints.zones[self._site]
        return SubjectHistory(
            tuple(events),
            {
                order.order_id: status_history(order, files[0].subject, orders, zone, self._checkpoints.legal)
                for order in orders
            },
        )

    def picture(self, reference: ReferenceFace) -> bytes:
        """Return the picture of a reference face of a subject that is looked at; empty where it is damaged."""
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
        )

    def _note(self, action: Action, subject_ids: list[str], **details: int) -> None:
        objects = tuple(map(Thing.SUBJECT.key, subject_ids))
        self._audit.append(AuditEntry(self._clock.now(), self._actor, action, objects, OK, details))


def _is_wanted(view: SubjectView, wanted: WatchlistFilter) -> bool:
    names = (view.subject.name, *view.subject.aliases)
    if wanted.name and not any(_has(name, wanted.name) for name in names):
        return False
    match wanted.trouble:
        case WatchlistProblem.NO_REFERENCE if view.references:
            return False
        case WatchlistProblem.STALE_MODEL if not view.stale:
            return False
    about_orders = wanted.status or wanted.kind or wanted.agency or wanted.trouble is WatchlistProblem.INVALID
    return not about_orders or any(_is_wanted_order(one, wanted) for one in view.orders)


def _is_wanted_order(one: JudgedOrder, wanted: WatchlistFilter) -> bool:
    status = one.judgement.status
    return (
        (wanted.status is None or status is wanted.status)
        and (wanted.trouble is not WatchlistProblem.INVALID or status is OrderStatus.INVALID)
        and (wanted.kind is None or one.order.kind is wanted.kind)
        and (not wanted.agency or _has(one.order.requesting_agency, wanted.agency))
    )


def _has(text: str, part: str) -> bool:
    return " ".join(part.casefold().split()) in " ".join(text.casefold().split())
