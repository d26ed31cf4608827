"""`make house`: prints how large the shipped code is and what it repeats, and writes `build/house.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.house.figures import WANTED, House
from deploy.house.source import SourceTree

ROOT = Path(__file__).parents[2]
OUT = ROOT / "build" / "house.json"


def main() -> int:
    """Count, print and write."""
    house = House(SourceTree.read(ROOT))
    figures = house.figures
    table = Table("figure", "value", "at most")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:,}", f"{WANTED[name]:,}" if name in WANTED else "")
    console = Console()
    console.print(table)
    for name, modules in house.classes_twice.items():
        console.print(f"a class twice in {name}: {', '.join(modules)}")
    for circle in house.circles(with_types=True):
        console.print(f"a circle: {', '.join(circle)}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
