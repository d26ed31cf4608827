"""Writes the page of figures, `README.md`, from the results.

python -m benchmarks.page
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from string import ascii_uppercase
from typing import Final

from benchmarks.catalogue import FOLDERS
from benchmarks.results import Figure, Results

PAGE: Final = Path(__file__).with_name("README.md")
COLUMNS: Final = ("figure", "value", "wanted")
HEAD: Final = """# Measurements

<!-- Written by `make bench` from results.json; do not edit it by hand. -->

`make bench` measures everything, `make bench ARGS="alerts.paint camera.load"` a part, and writes the figures into
`benchmarks/results.json` with machine, commit and date. This page has those of which something is wanted. The first
lines of `benchmarks/FOLDER/BENCHMARK.py` say how it measures, and how to run it with other arguments.

Figures that were taken together stand below their benchmark, with its conditions, the commit (or the date if none is
known) and the machine by its letter. A figure that is "before" a commit is stale: the code that it measures has
changed. The changes:

"""
TAIL: Final = """
What measurements taught, and what was tried in vain: [ADR 68](../docs/adr/0068-figures-are-rows-with-their-commit.md).
`make chaos` breaks a running port in every way, and gives no figures: [chaos](chaos/README.md).
"""


def page(results: Results) -> str:
    """Return the page."""
    wanted = [one for one in results.figures if one.wanted]
    changes = "".join(f"- `{commit}`: {what}\n" for commit, what in results.changes.items())
    machines = dict(zip(sorted({one.machine for one in wanted}), ascii_uppercase, strict=False))
    named = "".join(f"- {letter}: {machine}\n" for machine, letter in machines.items())
    text = f"{HEAD}{changes}\nMachines:\n\n{named}{TAIL}"
    for folder, names in FOLDERS.items():
        rows = list(_rows((one for name in names for one in wanted if one.benchmark == f"{folder}.{name}"), machines))
        if rows:
            head = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
            text += "\n".join([f"\n## {folder.capitalize()}\n", *head, *rows]) + "\n"
    return text


def write_page(results: Results) -> None:
    """Write the page."""
    PAGE.write_text(page(results), "utf-8")


def _rows(figures: Iterable[Figure], machines: Mapping[str, str]) -> Iterator[str]:
    """Yield a row for each figure, and before those that were taken together one that says where and when."""
    groups: dict[str, list[Figure]] = {}
    for one in figures:
        groups.setdefault(_taken(one, machines), []).append(one)
    for taken, together in groups.items():
        yield f"| {taken} | | |"
        yield from (f"| `{one.name}` | {_value(one)} | {one.wanted} |" for one in together)


def _taken(one: Figure, machines: Mapping[str, str]) -> str:
    when = f"`{one.commit}`" if one.commit else _day(one.date)
    when += f", before `{one.stale_since}`" if one.stale_since else ""
    conditions = f", {one.conditions}" if one.conditions else ""
    return f"**{one.benchmark.partition('.')[2]}**{conditions}: {when} on {machines[one.machine]}"


def _value(one: Figure) -> str:
    return f"{one.value:,.6g}" + (f" {one.unit}" if one.unit else "") + (f" ({one.remark})" if one.remark else "")


def _day(text: str) -> str:
    try:
        return f"{date.fromisoformat(text):%-d %B %Y}"
    except ValueError:
        return text


if __name__ == "__main__":
    write_page(Results.read())
