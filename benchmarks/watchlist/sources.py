"""What it takes to read a list of 100,000 orders: memory compared with a list of 1,000, and processor time.

    python -m benchmarks.watchlist.sources

Each reading is a process of its own, which maps each row and forgets it; its memory is its peak.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from pydantic import TypeAdapter

from cekalwatch.extensions.sql_source.source_settings import SqlSettings
from cekalwatch.server.watchlist.sources.mapping_settings import FIELDS
from cekalwatch.server.watchlist.sources.opening import SourceSettings, open_source
from cekalwatch.server.watchlist.sources.settings import FolderSettings, SpreadsheetSettings

FEW, MANY = 1_000, 100_000
WIB = ZoneInfo("Asia/Jakarta")


def rows(count: int) -> Iterator[list[str]]:
    """Give rows that can be read, a tenth of them extensions."""
    for number in range(count):
        base = f"C-{number - 1:07}" if number % 10 == 9 else ""
        order = [
            f"C-{number:07}",
            f"S-{number // 2:07}",
            "CEGAH",
            f"KEP-{number}/2026",
            "2026-01-02",
            "Kejaksaan Agung",
        ]
        times = ["penyidikan", "2026-01-01", "2026-06-30", "no", f"2026-01-{1 + number % 28:02}", base, ""]
        person = [f"Contoh {number}", f"Si {number}|Umpama {number}", "M", "Batam", "1980-01-31", "IDN", ""]
        yield [*order, *times, *person, f"passport:X{number:07}:IDN", "Jalan Contoh 1, Batam", "pedagang", ""]


def write(folder: Path, count: int) -> dict[str, SourceSettings]:
    """Write the list in each form."""
    with (folder / "orders.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([FIELDS, *rows(count)])
    with closing(sqlite3.connect(folder / "orders.sqlite3")) as database, database:
        database.execute(f"CREATE TABLE orders ({', '.join(FIELDS)})")
        database.executemany(f"INSERT INTO orders VALUES ({', '.join('?' * len(FIELDS))})", rows(count))  # noqa: S608
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Daftar")
    for line in (FIELDS, *rows(count)):
        sheet.append(line)
    book.save(folder / "orders.xlsx")
    return {
        "csv": FolderSettings(path=folder),
        "sql": SqlSettings(kind="sql", address=f"sqlite:///{folder / 'orders.sqlite3'}", query="orders"),
        "xlsx": SpreadsheetSettings(kind="spreadsheet", file=folder / "orders.xlsx"),
    }


def read(entry: SourceSettings) -> dict[str, float]:
    """Read a list in a process of its own, and return what that took."""
    written = TypeAdapter(SourceSettings).dump_json(entry).decode()
    command = [sys.executable, "-m", "benchmarks.watchlist.sources", written]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def reading(settings: str) -> None:
    """Read a list here, and print what it took."""
    entry: SourceSettings = TypeAdapter(SourceSettings).validate_json(settings)
    with closing(open_source(entry, WIB)) as source:
        count = sum(len(page.items) for page in source.read("").pages)
    print(json.dumps({"count": count, "rss_mb": peak_mb(), "cpu_s": time.process_time()}))


def peak_mb() -> float:
    """Return the most memory that this process had. What `getrusage` tells begins with that of whoever started it."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))


def measure() -> dict[str, float]:
    """Read few and many rows in each form."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in (FEW, MANY):
            place = Path(folder, str(count))
            place.mkdir()
            for name, entry in write(place, count).items():
                found = read(entry)
                assert found["count"] == count
                figures[f"watchlist.{name}_{count // 1000}k_rss_mb"] = round(found["rss_mb"], 1)
                figures[f"watchlist.{name}_{count // 1000}k_cpu_s"] = round(found["cpu_s"], 1)
    return figures


if __name__ == "__main__":
    if len(sys.argv) > 1:
        reading(sys.argv[1])
    else:
        print(json.dumps(measure(), indent=2))
