"""The demonstration's watchlist: a folder with `orders.csv` and photographs, as docs/watchlist-folder.md describes.

The dates are relative to today, so that the demonstration shows the same on every day.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import cv2

from cekalwatch.program.errors import ProgramError
from deploy.demo.people import Person, Role

ORDERS_FILE = "orders.csv"
COLUMNS = (
    *("order_id", "subject_id", "kind", "decree_number", "decree_date", "requesting_agency", "reason"),
    *("valid_from", "valid_until", "urgent", "received_on", "extends_order_id", "revoked_at"),
    *("ground", "person_status", "revocation_ground", "revocation_reference"),
    *("name", "aliases", "sex", "place_of_birth", "date_of_birth", "nationality", "nik"),
    *("travel_documents", "address", "occupation", "photographs"),
)


def write_watchlist(people: Sequence[Person], folder: Path, today: date) -> int:
    """Write the orders and photographs of everybody on the list; return how many orders there are."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = [person for person in people if person.role.on_list]
    with (folder / ORDERS_FILE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for person in listed:
            photo = f"{person.subject_id}.jpg"
            if not cv2.imwrite(str(folder / photo), person.list_photo.picture, [cv2.IMWRITE_JPEG_QUALITY, 92]):
                raise ProgramError(f"Cannot write {folder / photo}")
            writer.writerow(_order(person, today) | {"photographs": photo})
    return len(listed)


def _order(person: Person, today: date) -> dict[str, str]:
    number = person.subject_id.removeprefix("S-")
    order = {
        "order_id": f"O-{number}",
        "subject_id": person.subject_id,
        "kind": "CEGAH",
        "person_status": "SUSPECT",
        "decree_number": f"DEMO-{number}/{today.year}",
        "requesting_agency": "Kejaksaan Agung (demo)",
        "reason": "Demonstration data, invented",
        "urgent": "false",
        "name": person.name,
        "sex": person.sex,
        "nationality": "IDN",
    }
    match person.role:
        case Role.URGENT:
            # No decree yet: an urgent order stands for 20 days without one.
            order |= {"urgent": "true", "decree_number": ""} | _days(today, begin=-5, end=14)
        case Role.LAPSED:
            order |= _days(today, begin=-170, end=-10)
        case Role.TANGKAL:
            tangkal = {"kind": "TANGKAL", "nationality": "DEU", "ground": "IMMIGRATION", "person_status": ""}
            order |= tangkal | _days(today, begin=-30, end=100)
        case _:
            order |= _days(today, begin=-30, end=100)
    if order["decree_number"]:
        order["decree_date"] = order["valid_from"]
    return order


def _days(today: date, *, begin: int, end: int) -> dict[str, str]:
    first = (today + timedelta(days=begin)).isoformat()
    return {"valid_from": first, "received_on": first, "valid_until": (today + timedelta(days=end)).isoformat()}
