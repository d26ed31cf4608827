"""When each status of an order began: always what `judge` says at that moment."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.contract.values.orders import OrderKind, OrderStatus, RevocationGround
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.orders.law import judge
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.domain.orders.status_history import status_history
from tests.support.builders.orders import bans, filed, moments
from tests.support.builders.watchlist import WIB, order

LEGAL = Law()


def told(one: BanOrder, *others: BanOrder) -> list[tuple[str, OrderStatus]]:
    turns = status_history(one, filed(one, *others), WIB, LEGAL)
    return [(str(turn.at) if turn.at else "", turn.judgement.status) for turn in turns]


def test_an_order_turns_at_midnight_by_the_checkpoints_clock() -> None:
    assert told(order()) == [
        ("", OrderStatus.NOT_YET_VALID),
        ("2026-01-01 00:00:00+07:00", OrderStatus.ACTIVE),
        ("2026-07-01 00:00:00+07:00", OrderStatus.LAPSED),
    ]


def test_an_order_that_breaks_a_rule_has_one_status_for_ever() -> None:
    assert told(order(kind=OrderKind.TANGKAL)) == [("", OrderStatus.INVALID)]


def test_an_order_without_end_does_not_end() -> None:
    endless = order(kind=OrderKind.TANGKAL, valid_until=date.max)
    turns = status_history(endless, filed(endless, nationality="DEU"), WIB, LEGAL)
    assert [turn.judgement.status for turn in turns] == [OrderStatus.NOT_YET_VALID, OrderStatus.ACTIVE]


def test_an_extension_ends_with_the_revocation_of_its_base() -> None:
    base = order(
        revoked_at=datetime(2026, 8, 1, 3, 0, tzinfo=UTC),
        revocation_ground=RevocationGround.COURT,
    )
    extension = order(
        "E-1",
        extends_order_id="O-1",
        valid_from=date(2026, 7, 1),
        valid_until=date(2026, 12, 1),
        received_on=date(2026, 6, 1),
    )
    assert told(extension, base)[-1] == ("2026-08-01 10:00:00+07:00", OrderStatus.REVOKED)


@pytest.mark.slow
@given(orders=st.tuples(*(bans(key) for key in "ABCD")), at=moments)
def test_at_any_moment_the_last_turn_is_the_judgement(orders: tuple[BanOrder, ...], at: datetime) -> None:
    for one in orders:
        file = filed(*orders, nationality="DEU")
        turns = status_history(one, file, WIB, LEGAL)
        current = [turn for turn in turns if turn.at is None or turn.at <= at][-1]
        assert current.judgement == judge(one, file, at, WIB, LEGAL)
