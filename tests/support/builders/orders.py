"""Ban orders for tests of the law: the usual ones, drawn ones, and short words for their judgement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from cekalwatch.contract.values.orders import OrderKind, OrderRule, OrderStatus
from cekalwatch.server.domain.orders.ban_order import BanOrder, OrderJudgement, SubjectFile
from cekalwatch.server.domain.orders.dates import read
from cekalwatch.server.domain.orders.law import judge
from cekalwatch.server.domain.orders.law_table import Law
from tests.support.builders.watchlist import WIB, order, subject

LEGAL = Law()
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=WIB)


def noon(day: str) -> datetime:
    """Noon of that day in Batam."""
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), WIB) + timedelta(hours=12)


def judged(
    one: BanOrder,
    *others: BanOrder,
    now: datetime = NOON,
    legal: Law = LEGAL,
    **facts: Any,
) -> OrderJudgement:
    """The judgement of an order beside others of the same person; `filed` takes the other facts."""
    return judge(one, filed(one, *others, **facts), now, WIB, legal)


def filed(
    *orders: BanOrder, elsewhere: Iterable[BanOrder] = (), photographed: bool | None = None, **facts: Any
) -> SubjectFile:
    """The file of a person with these facts: the orders of S-1, and those `elsewhere` under other keys."""
    person = subject(**{"nationality": "IDN"} | facts)
    own = tuple(one for one in orders if one.subject_id == person.subject_id)
    return SubjectFile(person, own, (), elsewhere=tuple(elsewhere), photographed=photographed)


def status(one: BanOrder, *others: BanOrder, **circumstances: Any) -> OrderStatus:
    """Its status."""
    return judged(one, *others, **circumstances).status


def broken(one: BanOrder, *others: BanOrder, **circumstances: Any) -> tuple[OrderRule, ...]:
    """The rules that it breaks."""
    judgement = judged(one, *others, **circumstances)
    assert (judgement.status is OrderStatus.INVALID) == bool(judgement.broken_rules)
    return judgement.broken_rules


def day(text: str) -> date:
    """A day, YYYY-MM-DD."""
    return date.fromisoformat(text)


def extension(order_id: str = "E-1", **facts: object) -> BanOrder:
    """An extension of O-1 (which ends on 30 June 2026), handed in well in time, from 1 July to 31 December."""
    usual: dict[str, Any] = {
        "extends_order_id": "O-1",
        "valid_from": day("2026-07-01"),
        "valid_until": day("2026-12-31"),
        "received_on": day("2026-06-01"),
    }
    stated = usual | facts
    return order(order_id, **{"decree_date": min(stated["received_on"], day("2026-06-01"))} | stated)


def urgent(order_id: str = "U-1", **facts: object) -> BanOrder:
    """An urgent order without a written decision, received on 1 February 2026."""
    usual: dict[str, Any] = {
        "urgent": True,
        "decree_number": "",
        "decree_date": None,
        "valid_from": day("2026-02-01"),
        "valid_until": day("2026-07-31"),
        "received_on": day("2026-02-01"),
    }
    return order(order_id, **usual | facts)


KEYS = ("A", "B", "C", "D")
START = day("2026-01-01")
turns = st.sampled_from([day(text) for text in ("2024-10-16", "2024-10-17", "2025-12-15", "2025-12-16")])
"""Days about which the law changes."""
days = st.integers(0, 60).map(lambda number: START + timedelta(days=number * 9))


@st.composite
def bans(draw: st.DrawFn, key: str) -> BanOrder:
    """An order of any kind, related to the others in any way."""
    first, is_urgent = draw(days | turns), draw(st.booleans())
    length = draw(st.sampled_from([1, 10, 90, 180, 181, 184, 200, 400, 4000, None]))
    moment, gone = (draw(st.none() | near(first, 0, 5, 30, 190)), draw(st.none() | st.none() | days))
    received = draw(near(first, 0, -5, 25) if is_urgent else near(first, 0, -30, 40, 300))
    sent_before = draw(st.none() | st.none() | st.integers(1, 25).map(lambda number: received - timedelta(days=number)))
    return BanOrder(
        order_id=key,
        subject_id=draw(st.sampled_from(["S-1", "S-1", "S-1", "S-2"])),
        kind=draw(st.sampled_from([OrderKind.CEGAH, OrderKind.CEGAH, OrderKind.TANGKAL])),
        requesting_agency=draw(st.sampled_from(["KPK", "kpk ", "Polri"])),
        valid_from=first,
        valid_until=date.max if length is None else first + timedelta(days=length),
        received_on=received,
        urgent_since=sent_before,
        decree_number=draw(st.sampled_from(["", "KEP-1"])),
        decree_date=draw(st.none() | near(received, 0, 0, -5, *([19, 20, 21] if is_urgent else []))),
        urgent=is_urgent,
        extends_order_id=draw(st.sampled_from(["", *(other for other in (*KEYS, "Z") if other != key)])),
        revoked_at=datetime.combine(moment, datetime.min.time(), WIB) if moment else None,
        withdrawn_at=datetime.combine(gone, datetime.min.time(), WIB) if gone else None,
    )


def near(day: date, *distances: int) -> st.SearchStrategy[date]:
    """One of the days at these distances, in days."""
    return st.sampled_from([day + timedelta(days=number) for number in distances])


lists = st.tuples(*(bans(key).filter(lambda one: not read(one, LEGAL).doubts) for key in KEYS))
moments = st.integers(0, 700 * 24).map(lambda hours: datetime(2025, 12, 1, tzinfo=WIB) + timedelta(hours=hours))
