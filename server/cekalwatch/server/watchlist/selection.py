"""Which subjects somebody looks for, and what of a subject decides whether it is among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final, Self

from cekalwatch.contract.values.listed_subjects import WatchlistFilter
from cekalwatch.contract.values.orders import OrderKind, OrderStatus
from cekalwatch.contract.values.watchlist import WatchlistProblem
from cekalwatch.server.domain.orders.ban_order import BanOrder, SubjectFile
from cekalwatch.server.domain.orders.standing import OrderStanding

_ABOUT_ORDERS: Final = frozenset({WatchlistProblem.INVALID, WatchlistProblem.FLAGGED})


@dataclass(frozen=True, slots=True)
class _OrderTraits:
    kind: OrderKind
    agency: str
    standing: OrderStanding


@dataclass(frozen=True, slots=True)
class SubjectTraits:
    """What of a subject a filter asks about. Texts are folded: compare them with folded ones."""

    names: tuple[str, ...]
    keys: tuple[str, ...]
    """Of the subject and its orders, and the numbers of decrees."""
    orders: tuple[_OrderTraits, ...]
    photographs: int
    stale: bool
    """Whether a photograph has no template of the model in use."""

    @classmethod
    def of(cls, file: SubjectFile, standings: Iterable[tuple[BanOrder, OrderStanding]], *, stale: bool) -> Self:
        """Return those of a subject."""
        subject = file.subject
        keys = [subject.subject_id]
        for order in file.orders:
            keys += filter(None, (order.order_id, order.decree_number))
        return cls(
            tuple(map(_folded, (subject.name, *subject.aliases))),
            tuple(dict.fromkeys(map(_folded, keys))),
            tuple(_OrderTraits(one.kind, _folded(one.requesting_agency), standing) for one, standing in standings),
            len(file.references),
            stale,
        )


def condition(wanted: WatchlistFilter, at: datetime, zone: tzinfo) -> Callable[[SubjectTraits], bool]:
    """Return what tells of a subject whether it meets `wanted`, with statuses as of `at` at a checkpoint in `zone`.

    The key of the subject is for its caller to choose by.
    """
    name, text, agency = _folded(wanted.name), _folded(wanted.text), _folded(wanted.agency)
    about_orders = wanted.status or wanted.kind or agency or wanted.problem in _ABOUT_ORDERS

    def is_wanted_order(one: _OrderTraits) -> bool:
        if (wanted.kind and one.kind is not wanted.kind) or agency not in one.agency:
            return False
        judgement = one.standing.now(at, zone)
        return (
            (wanted.status is None or judgement.status is wanted.status)
            and (wanted.problem is not WatchlistProblem.INVALID or judgement.status is OrderStatus.INVALID)
            and (wanted.problem is not WatchlistProblem.FLAGGED or bool(judgement.flags))
        )

    def is_wanted(one: SubjectTraits) -> bool:
        if name and not any(name in each for each in one.names):
            return False
        if text and not any(text in each for each in (*one.names, *one.keys)):
            return False
        match wanted.problem:
            case WatchlistProblem.NO_REFERENCE if one.photographs:
                return False
            case WatchlistProblem.STALE_MODEL if not one.stale:
                return False
        return not about_orders or any(map(is_wanted_order, one.orders))

    return is_wanted


def _folded(text: str) -> str:
    """Return a text so that two which differ in case and spaces are the same."""
    return " ".join(text.casefold().split())
