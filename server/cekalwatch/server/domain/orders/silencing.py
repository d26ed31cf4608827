"""The guard of domain rule 18: which orders in force would no longer alert, where and from when.

It compares before and after of whatever somebody is about to do, and knows no call by which they do it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, tzinfo

from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.contract.values.silencing import MAX_SILENCED, SilencedOrder, Silencing
from cekalwatch.server.domain.orders.ban_order import WIB, BanOrder, SubjectFile
from cekalwatch.server.domain.orders.law import Checkpoints, OrderStanding, alerts_on

_Held = tuple[BanOrder, OrderStanding, SubjectFile]


def silenced(
    before: Iterable[SubjectFile], after: Iterable[SubjectFile], now: datetime, law: Checkpoints, later: Checkpoints
) -> dict[str, SilencedOrder]:
    """Return which orders of `before` are in force by `law` at some moment from now on, and not any more by `later`.

    `after` are the same people's files afterwards. An order alerts for the person in its subject's photographs: one
    that is moved to another subject without these no longer does.
    """
    found = dict[str, SilencedOrder]()
    before, afterwards = tuple(before), tuple(after)
    for site in law.zones or {"": WIB}:
        zone = law.zones.get(site, WIB)
        held = {one[0].order_id: one for one in _held(afterwards, later, site)}
        for order, standing, file in _held(before, law, site):
            at = _silenced_at((order, standing, file), held.get(order.order_id), now, zone)
            known = found.get(order.order_id)
            if at is not None and (known is None or at < known.at):
                who, place = file.subject, str(alerts_on(order.kind))
                found[order.order_id] = SilencedOrder(order.order_id, who.subject_id, who.name, place, at)
    return found


def silencing(found: Mapping[str, SilencedOrder]) -> Silencing:
    """Return what people are told of these orders, by key."""
    return Silencing(tuple(found[key] for key in sorted(found)[:MAX_SILENCED]), len(found))


def _held(files: Iterable[SubjectFile], law: Checkpoints, site: str) -> Iterator[_Held]:
    return ((order, standing, file) for file in files for order, standing in law.standings(file, site))


def _silenced_at(one: _Held, other: _Held | None, now: datetime, zone: tzinfo) -> datetime | None:
    """Return the first moment from now on at which an order is in force, and afterwards does not alert so any more."""
    order, standing, file = one
    moments: set[datetime] = {now, *standing.changes(zone), *(other[1].changes(zone) if other else ())}
    same = other is not None and other[0].kind is order.kind and _photographs(file) <= _photographs(other[2])
    for moment in sorted(each for each in moments if each >= now):
        if standing.now(moment, zone).status is OrderStatus.ACTIVE and not (
            same and other and other[1].now(moment, zone).status is OrderStatus.ACTIVE
        ):
            return moment
    return None


def _photographs(file: SubjectFile) -> frozenset[str]:
    return frozenset(face.photo_sha256 for face in file.references)
