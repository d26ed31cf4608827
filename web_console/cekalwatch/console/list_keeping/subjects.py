"""Subjects of the list as pages show them. Texts are safe to show; keys by which to ask again are as they came."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cekalwatch.console.list_keeping.lookalikes import Lookalike
from cekalwatch.contract.values.orders import OrderKind, OrderStatus, ShownOrder
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.contract.values.watchlist import WatchlistProblem


@dataclass(frozen=True)
class SubjectQuery:
    """What a person looks for on the list; an empty field means all."""

    text: str = ""
    """In names, keys and numbers of decrees."""
    agency: str = ""
    status: OrderStatus | None = None
    kind: OrderKind | None = None
    problem: WatchlistProblem | None = None
    day: str = ""
    """On which orders have that status, ISO 8601; empty: now."""


@dataclass(frozen=True)
class ListedOrder:
    """An order with what list managers need of it. Days are ISO 8601 or empty."""

    order: ShownOrder
    reason: str
    received_on: str
    extends: str
    """Key of the order that it extends."""
    revoked_at: datetime | None
    withdrawn_at: datetime | None
    last_day: str
    """The last day on which it can be in force by law."""
    broken_rules: tuple[str, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Photograph:
    """A reference face, with what was measured of it."""

    reference_id: str
    eye_distance_px: float
    yaw_degrees: float
    pitch_degrees: float
    sharpness: float
    """0 (blurred) to 1."""
    brightness: float
    """0 (black) to 1 (white)."""
    detector_score: float
    """0 to 1."""
    warnings: tuple[str, ...]
    also_under: tuple[str, ...]
    """Keys of other subjects with such a face."""
    searched: bool
    jpeg: bytes = field(default=b"", repr=False)
    """Its picture; empty where it is not among the best three of a single subject."""


@dataclass(frozen=True)
class ListedSubject:
    """A subject with what is held of it."""

    key: str
    subject: Subject
    address: str
    occupation: str
    orders: tuple[ListedOrder, ...]
    """Newest first."""
    photographs: tuple[Photograph, ...]
    """Best first."""
    elsewhere: tuple[tuple[str, str], ...]
    """Orders of the same person under other keys: key of the order, and of its subject."""
    lookalikes: tuple[Lookalike, ...] = ()
    """Others with such a face, and those that were judged beside it; only of a single subject."""


@dataclass(frozen=True)
class SubjectEvent:
    """Something that happened to a subject or one of its orders."""

    at: datetime
    action: str
    orders: tuple[str, ...]
    outcome: str
    actor: str
    changed: tuple[str, ...]
    """Names of fields."""


@dataclass(frozen=True)
class StatusChange:
    """A status of an order from a moment on."""

    order_id: str
    at: datetime | None
    """None: its first status."""
    status: OrderStatus | None
    remarks: tuple[str, ...]
    """Codes of rules and flags."""


@dataclass(frozen=True)
class SubjectHistory:
    """What happened to a subject, and what its orders' statuses are one after another."""

    events: tuple[SubjectEvent, ...]
    changes: tuple[StatusChange, ...]
