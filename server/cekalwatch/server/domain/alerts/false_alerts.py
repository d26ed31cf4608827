"""Which alerts were false, by the findings of people: the quality of recognition in the field. It names no person.

Not every cleared alert was false: an order may have ended, or the traveller may have left. Only findings about the
face, the particulars or the list count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cekalwatch.contract.values.adjudication import Outcome, Reason, disproves
from cekalwatch.contract.values.orders import Direction, OrderKind
from cekalwatch.server.domain.orders.law import alerts_on

_LIST_OF: dict[Direction, OrderKind] = {alerts_on(kind): kind for kind in OrderKind}


class AlertVerdict(StrEnum):
    """What people found about an alert."""

    FALSE_ALERT = "FALSE_ALERT"
    """The traveller was somebody else."""
    CONFIRMED = "CONFIRMED"
    """The traveller was the subject."""
    OPEN = "OPEN"
    """Nobody has found out."""


@dataclass(frozen=True)
class FieldAlert:
    """An alert with its verdict, and the figures of recognition that led to it."""

    camera_id: str
    site: str
    direction: Direction
    captured_at: datetime
    score: float
    """The highest score of its sightings."""
    threshold: float
    """The threshold in force when it was raised."""
    model_version: str
    passages: int
    """Different passages among its sightings."""
    verdict: AlertVerdict
    order_ids: tuple[str, ...] = ()
    """The orders that it points to, of all its candidates."""
    claimed_after_s: float | None = None
    """Seconds from raising to the first claim; None if never claimed."""
    decided_after_s: float | None = None
    """Seconds from raising to the officer's first judgement; None if there is none."""
    escalated: bool = False


@dataclass(frozen=True)
class JudgedSighting:
    """A passage of an alert that people have settled."""

    camera_id: str
    site: str
    captured_at: datetime
    score: float
    """Its highest."""
    verdict: AlertVerdict


@dataclass(frozen=True)
class PassageCount:
    """How many passages a camera saw in one hour."""

    camera_id: str
    site: str
    direction: Direction
    hour: datetime
    """Its beginning, UTC."""
    passages: int


def list_at(direction: Direction) -> OrderKind:
    """Return the list that alerts at cameras of that direction (domain rule 2)."""
    return _LIST_OF[direction]


def verdict_of(findings: Iterable[tuple[Outcome, Reason]]) -> AlertVerdict:
    """Return the verdict of the findings, each an outcome with its reason."""
    found = tuple(findings)
    if any(outcome is Outcome.CONFIRMED for outcome, _ in found):
        return AlertVerdict.CONFIRMED
    return AlertVerdict.FALSE_ALERT if any(disproves(*one) for one in found) else AlertVerdict.OPEN
