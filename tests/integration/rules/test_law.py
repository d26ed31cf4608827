"""Drawn people with orders, at drawn moments: the product says of each whether it is in force as the law does.

`law.py` has the law in plain words.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from cekalwatch.server.domain.orders.ban_order import SubjectFile
from cekalwatch.server.domain.orders.dates import read
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law as ProductLaw
from tests.integration.rules.drawing import AGENCIES
from tests.integration.rules.law import Law
from tests.integration.rules.office import ban_order, listed_person
from tests.integration.rules.values import WIB, Order

KEYS = ["S-1", "S-1", "S-1b", "S-4"]
BEGINNINGS = [date(2024, 10, 10), date(2025, 12, 10), date(2026, 3, 1)]
CHECKPOINTS = Checkpoints(ProductLaw(), {"batam-center": WIB})


def draw(number: int) -> list[Order]:
    """Draw the orders on a list, with dates that can be true; a number gives the same ones everywhere."""
    random = Random(number)  # noqa: S311  # nothing secret
    begin, orders, wanted = random.choice(BEGINNINGS), list[Order](), random.randrange(1, 5)
    while len(orders) < wanted:
        first = begin + timedelta(days=random.choice([0, 0, 5, 19, 20, 21, 180, 184]))
        received = first - timedelta(days=random.choice([0, 0, 1, 3, 4, 20]))
        decided = received + timedelta(days=random.choice([-5, 0, 0, 5, 19, 20, 21, 25]))
        order = Order(
            f"O-{len(orders) + 1}",
            random.choice(KEYS),
            random.choice(["CEGAH", "CEGAH", "TANGKAL"]),
            first,
            first + timedelta(days=random.choice([0, 10, 30, 181, 184, 400, 4000])),
            received,
            random.choice(AGENCIES[:4]),
            decided if random.randrange(2) else None,
            urgent=random.randrange(2) == 0,
            extends=random.choice(["", "", *(one.key for one in orders), "O-9"]),
        )
        if random.randrange(5) == 0:
            day = first + timedelta(days=random.choice([-1, 0, 10, 30]))
            order.revoked_at = datetime(day.year, day.month, day.day, 12, tzinfo=WIB)
        if order.urgent:
            order.urgent_since = received
            if random.randrange(4) == 0:  # sent again, as if it were not
                order.urgent, order.received = False, received + timedelta(days=random.choice([1, 15, 30]))
        if not read(replace(ban_order(order), urgent_since=order.urgent_since), ProductLaw()).doubts:
            orders.append(order)
    return orders


def test_an_order_is_in_force_as_the_law_says() -> None:
    _play(range(400))


@pytest.mark.exhaustive
def test_more_orders_are_in_force_as_the_law_says() -> None:
    _play(range(400, 4000))


def _play(numbers: range) -> None:
    for number in numbers:
        orders = draw(number)
        law = Law(orders)
        days = {one.first for one in orders} | {law.last_day(one) for one in orders}
        for now in sorted({_noon(day + timedelta(days=some)) for day in days for some in (-1, 0, 1)}):
            for key in {one.subject for one in orders}:
                _compare(number, law, key, now)


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=WIB).astimezone(UTC)


def _compare(number: int, law: Law, key: str, now: datetime) -> None:
    stated = {one.key: replace(ban_order(one), urgent_since=one.urgent_since) for one in law.orders}
    own = tuple(stated[one.key] for one in law.orders if one.subject == key)
    person = next(one.person for one in law.orders if one.subject == key)
    elsewhere = tuple(stated[one.key] for one in law.orders if one.person == person and one.subject != key)
    file = SubjectFile(listed_person(key), own, (), elsewhere=elsewhere)
    for judged in CHECKPOINTS.judged(file, now, "batam-center"):
        order = next(one for one in law.orders if one.key == judged.order.order_id)
        assert judged.in_force == law.in_force(order, now), (number, now, order, judged.judgement, law.orders)
