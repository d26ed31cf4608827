"""Subjects of the list as list managers look for them, at them, at what happened to them, and at their look-alikes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from annotated_types import MaxLen

from cekalwatch.contract.values.keys import Key
from cekalwatch.contract.values.orders import OrderKind, OrderStatus, ShownOrder
from cekalwatch.contract.values.subjects import ReferenceFace, Subject
from cekalwatch.contract.values.watchlist import LookalikeJudgement, WatchlistProblem

MAX_SEARCH_TEXT = 200


@dataclass(frozen=True)
class WatchlistFilter:
    """Which subjects to show: those that meet all conditions. One order must meet all conditions about orders."""

    status: OrderStatus | None = None
    kind: OrderKind | None = None
    agency: Annotated[str, MaxLen(MAX_SEARCH_TEXT)] = ""
    """Part of the requesting agency's name, in any case."""
    name: str = ""
    """Part of the name or of an alias, in any case."""
    subject_id: str = ""
    problem: WatchlistProblem | None = None
    text: Annotated[str, MaxLen(MAX_SEARCH_TEXT)] = ""
    """Part of the name, of an alias, of the key of the subject or of an order, or of a decree's number, in any case."""

    @property
    def everything(self) -> bool:
        """Whether every subject meets it."""
        return self == WatchlistFilter()


@dataclass(frozen=True)
class Lookalike:
    """How a subject stands to another one with such a face."""

    subject_id: Key
    likeness: float | None
    """Comparison score, -1 to 1; None where one has no template of the model in use."""
    alike: bool
    """Whether that is enough to take one for the other."""
    judgement: LookalikeJudgement = LookalikeJudgement.NOT_JUDGED
    """What holds now."""
    last_judgement: LookalikeJudgement | None = None
    """What was found last, also of other photographs; None where nobody has judged the two."""
    judged_by: str = ""
    """Name of who judged them; empty where nobody did, or the account was deleted."""
    judged_at: datetime | None = None
    mark: Key = ""
    """Stands for what is to be seen before the two are judged."""


@dataclass(frozen=True)
class LookalikePair:
    """Two subjects with such a face."""

    first: Subject
    second: Subject
    lookalike: Lookalike
    """How the second stands to the first."""


@dataclass(frozen=True)
class LookalikePage:
    """A page of pairs, the most alike first."""

    pairs: tuple[LookalikePair, ...]
    next_page_token: Key
    """Empty: there is no next page."""
    waiting: int
    """Subjects that the server has still to compare."""


@dataclass(frozen=True)
class ListedSubject:
    """A subject with what is held of it."""

    subject: Subject
    orders: tuple[ShownOrder, ...]
    """Newest first."""
    references: tuple[ReferenceFace, ...]
    """Best first."""
    unsearched_references: frozenset[Key] = frozenset()
    """Those without a template of the model in use."""
    elsewhere: tuple[ShownOrder, ...] = ()
    """Orders of the same person under other keys."""
    lookalikes: tuple[Lookalike, ...] = ()
    """Others with such a face, and those that were judged beside it; only of a single subject."""


@dataclass(frozen=True)
class SubjectEvent:
    """Something that happened to a subject or one of its orders."""

    at: datetime
    action: str
    order_ids: tuple[Key, ...]
    outcome: str
    actor: str
    changed_fields: tuple[str, ...]


@dataclass(frozen=True)
class OrderStatusChange:
    """A status of an order from a moment on."""

    order_id: Key
    at: datetime | None
    """None: its first status."""
    status: OrderStatus | None
    broken_rules: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubjectTimeline:
    """What happened to a subject, oldest first, and what its orders' statuses are one after another."""

    events: tuple[SubjectEvent, ...]
    status_changes: tuple[OrderStatusChange, ...]
