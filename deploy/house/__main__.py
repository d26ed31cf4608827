"""`make house`: prints how large the code is and what it repeats, and writes `build/house.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.house import budgets
from deploy.house.budgets import Budgets, Size
from deploy.house.figures import WANTED, House
from deploy.house.source import SourceTree

ROOT = Path(__file__).parents[2]
OUT = ROOT / "build" / "house.json"


def main() -> int:
    """Count, print and write; with `--budgets`, write what there is now as budgets, too."""
    house = House(SourceTree.read(ROOT), Budgets.read())
    figures = house.figures
    console = Console()
    console.print(_figures(house, figures))
    console.print(_capabilities(house))
    for one, other in house.alike:
        console.print(f"alike: {one}, {other}")
    for name, modules in house.classes_twice.items():
        console.print(f"a class twice in {name}: {', '.join(modules)}")
    for circle in house.circles(with_types=True):
        console.print(f"a circle: {', '.join(circle)}")
    for (room, other), count in house.rooms.arrows_back_up.items():
        console.print(f"back up: {room} imports {count} modules of {other}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    if "--budgets" in sys.argv:
        budgets.FILE.write_text(budgets.renewed(budgets.FILE.read_text("utf-8"), figures, house.sizes), "utf-8")
    return 0


def _figures(house: House, figures: dict[str, int]) -> Table:
    table = Table("figure", "value", "at most", "wanted")
    for name, value in figures.items():
        limits = (f"{limit[name]:,}" if name in limit else "" for limit in (house.budgets.figures, WANTED))
        table.add_row(name.replace("_", " "), f"{value:,}", *limits)
    return table


def _capabilities(house: House) -> Table:
    table = Table("capability", "shipped", "at most", "tests", "at most", "words")
    budget = {one.name: one.budget for one in house.budgets.capabilities}
    for name in sorted(budget.keys() | house.sizes.keys()):
        size, most = house.sizes.get(name, Size()), budget.get(name, Size())
        numbers = (size.shipped, most.shipped, size.tests, most.tests, size.words)
        table.add_row(name, *(f"{number:,}" for number in numbers))
    return table


if __name__ == "__main__":
    sys.exit(main())
