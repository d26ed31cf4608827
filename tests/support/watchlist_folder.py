"""Writes watchlist folders for tests."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from cekalwatch.server.watchlist.folder import COLUMNS, ORDERS_FILE

Row = Mapping[str, str]


def row(order_id: str = "O-1", **cells: str) -> Row:
    """A row whose order is in force in March 2026."""
    usual = {
        "order_id": order_id,
        "subject_id": "S-1",
        "kind": "CEGAH",
        "decree_number": "KEP-1/2026",
        "decree_date": "2026-01-01",
        "requesting_agency": "Kejaksaan Agung",
        "valid_from": "2026-01-01",
        "valid_until": "2026-06-30",
        "received_on": "2026-01-01",
        "name": "Contoh Satu",
        "nationality": "IDN",
    }
    return usual | cells


def write_orders(
    folder: Path,
    rows: Sequence[Row],
    *,
    columns: Sequence[str] = COLUMNS,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> Path:
    """Write `orders.csv` with `rows` and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ORDERS_FILE).open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, columns, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return folder
