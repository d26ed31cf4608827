"""The demonstration's watchlist says what its roles promise, by the law of the day."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest

from cekalwatch.contract.values.orders import OrderKind, OrderStatus
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.domain.orders.ban_order import BanOrder, SubjectFile
from cekalwatch.server.domain.orders.law import alerts_on, judge
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.vision.faces import Picture
from deploy.demo.people import Person, Photo, Role
from deploy.demo.watchlist import COLUMNS, ORDERS_FILE, write_watchlist

LANDMARKS = np.array([[40, 50], [80, 50], [60, 72], [45, 92], [75, 92]], np.float32)
PICTURE: Picture = np.full((150, 120, 3), 128, np.uint8)


def person(number: int, role: Role) -> Person:
    photo = Photo(PICTURE, LANDMARKS)
    return Person(f"S-{number:03d}", f"Person {number}", "F", role, photo, (photo,))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / ORDERS_FILE).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def optional_day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def status(row: dict[str, str], now: datetime) -> OrderStatus:
    order = BanOrder(
        order_id=row["order_id"],
        subject_id=row["subject_id"],
        kind=OrderKind(row["kind"]),
        requesting_agency=row["requesting_agency"],
        valid_from=date.fromisoformat(row["valid_from"]),
        valid_until=date.fromisoformat(row["valid_until"]),
        received_on=date.fromisoformat(row["received_on"]),
        decree_number=row["decree_number"],
        decree_date=optional_day(row["decree_date"]),
        urgent=row["urgent"] == "true",
    )
    subject = Subject(subject_id=row["subject_id"], name=row["name"], nationality=row["nationality"])
    return judge(order, SubjectFile(subject, (order,), ()), now, ZoneInfo("Asia/Jakarta"), Law()).status


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (Role.LISTED, OrderStatus.ACTIVE),
        (Role.URGENT, OrderStatus.ACTIVE),
        (Role.LAPSED, OrderStatus.LAPSED),
        (Role.TANGKAL, OrderStatus.ACTIVE),
    ],
)
@pytest.mark.parametrize("today", [date(2026, 1, 31), date(2026, 3, 1), date(2028, 2, 29), date(2026, 8, 31)])
def test_each_order_has_the_status_of_its_role_on_any_day(
    tmp_path: Path, role: Role, expected: OrderStatus, today: date
) -> None:
    assert write_watchlist([person(1, role)], tmp_path, today) == 1
    assert status(rows(tmp_path)[0], datetime(today.year, today.month, today.day, 5, tzinfo=UTC)) is expected


@pytest.mark.parametrize("role", [role for role in Role if role.on_list])
def test_only_a_kind_that_departures_watch_must_alert(tmp_path: Path, role: Role) -> None:
    write_watchlist([person(1, role)], tmp_path, date(2026, 5, 5))
    departure = alerts_on(OrderKind(rows(tmp_path)[0]["kind"])).value == "DEPARTURE"
    assert role.alerts_on_departure == (departure and role is not Role.LAPSED)


def test_people_who_are_not_listed_leave_nothing_in_the_folder(tmp_path: Path) -> None:
    write_watchlist([person(1, Role.UNLISTED), person(2, Role.LISTED)], tmp_path, date(2026, 5, 5))
    (row,) = rows(tmp_path)
    assert tuple(row) == COLUMNS
    assert row["subject_id"] == "S-002"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["S-002.jpg", ORDERS_FILE]
    assert cv2.imread(str(tmp_path / row["photographs"])) is not None
