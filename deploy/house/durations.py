"""How long each test took when it last ran: kept in `build/durations.json`; `make durations` prints the dearest."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

ROOT: Final = Path(__file__).parents[2]
FILE: Final = ROOT / "build" / "durations.json"
DEAREST: Final = 50


def keep(durations: Mapping[str, float], file: Path = FILE) -> None:
    """Replace what is known of these tests, by their ids, in seconds; forget those whose files are gone."""
    present = {test: seconds for test, seconds in kept(file).items() if (ROOT / test.partition("::")[0]).exists()}
    file.parent.mkdir(exist_ok=True)
    written = file.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps({**present, **durations}, indent=1, sort_keys=True) + "\n", "utf-8")
    written.replace(file)


def kept(file: Path = FILE) -> dict[str, float]:
    """Return the seconds of each test, by its id; none if no run has written them."""
    return dict(json.loads(file.read_text("utf-8"))) if file.exists() else {}


def show(console: Console, durations: Mapping[str, float]) -> None:
    """Print the DEAREST tests, and the seconds of each folder."""
    folders = defaultdict[str, float](float)
    for test, seconds in durations.items():
        folders[Path(test.split("::")[0]).parent.as_posix()] += seconds
    for title, rows in (("test", durations), ("folder", folders)):
        table = Table(title, "seconds")
        for name, seconds in sorted(rows.items(), key=lambda row: -row[1])[:DEAREST]:
            table.add_row(name, f"{seconds:,.1f}")
        console.print(table)
    console.print(f"{len(durations):,} tests, {sum(durations.values()):,.0f} seconds")


if __name__ == "__main__":
    show(Console(), kept())
