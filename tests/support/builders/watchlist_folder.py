"""Writes watchlist folders for tests, and reads them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import tzinfo
from pathlib import Path

from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.server.watchlist.imports.records import ImportRecord
from cekalwatch.server.watchlist.sources.files.folder import FolderSource
from cekalwatch.server.watchlist.sources.mapping_settings import FIELDS
from cekalwatch.server.watchlist.sources.settings import FolderSettings
from cekalwatch.server.watchlist.sources.source import OfferedOrder, RefusedRow

COLUMNS = FIELDS
ORDERS_FILE = "orders.csv"

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


class WatchlistFolder:
    """All of a folder, with the usual columns; raises what reading it raises."""

    def __init__(self, folder: Path, zone: tzinfo) -> None:
        with closing(FolderSource(FolderSettings(path=folder), zone)) as source:
            reading = source.read("")
            items = [item for page in reading.pages for item in page.items]
        self._offered = [item for item in items if isinstance(item, OfferedOrder)]
        self.refused: list[RecordReport] = [item.report for item in items if isinstance(item, RefusedRow)]
        assert reading.whole
        assert reading.expected == len(items) == len(self._offered) + len(self.refused)

    def __len__(self) -> int:
        return len(self._offered)

    def records(self) -> Iterator[ImportRecord]:
        return (item.load() for item in self._offered)
