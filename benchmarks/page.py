"""Writes `benchmarks/README.md` from the results and from what the benchmarks say of themselves.

python -m benchmarks.page
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import Final

from benchmarks.catalogue import FOLDERS, method
from benchmarks.results import Figure, Results

PAGE: Final = Path(__file__).with_name("README.md")
MAX_TOGETHER: Final = 8
"""Figures in one row."""
MIN_FAMILY: Final = 14
"""Characters that their names have in common."""
HEAD: Final = """# Measurements

<!-- Written by `make bench` from results.json and the benchmarks' own descriptions; do not edit it by hand. -->

`make bench` measures everything, `make bench ARGS="alerts.paint camera.load"` a part. What was measured is put into
`benchmarks/results.json` with the machine, the commit and the date, and this page is written anew. All other figures
stay as they are. `python -m benchmarks.page` writes the page alone.

A row has one figure, or several of a family, as they were measured last. *Measured* names the commit, or the date where
no commit was written down. A figure that is "before" a commit says nothing sure of the present code. Since then:

"""
TAIL: Final = """
`make chaos` breaks a running port in every way, and gives no figures: [chaos](chaos/README.md). What measurements have
taught, and what was tried without use, is in [ADR 68](../docs/adr/0068-figures-are-rows-with-their-commit.md).
"""


def page(results: Results) -> str:
    """Return the page."""
    changes = "".join(f"- `{commit}`: {what}\n" for commit, what in results.changes.items())
    parts = [HEAD + changes + TAIL]
    for folder, names in FOLDERS.items():
        parts.append(f"\n## {folder.capitalize()}\n")
        for name in names:
            module = f"{folder}.{name}"
            own = [figure for figure in results.figures if figure.benchmark == module]
            parts.append(f"\n### `{module}`\n\n{method(module)}\n\n{_table(own)}")
    return "".join(parts)


def _table(figures: Sequence[Figure]) -> str:
    if not figures:
        return "No figure of it is kept here.\n"
    rows = list[list[Figure]]()
    for figure in figures:
        if rows and _stand_together([*rows[-1], figure]):
            rows[-1].append(figure)
        else:
            rows.append([figure])
    head = ["| figure | value | wanted | measured | machine |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *map(_row, rows)]) + "\n"


def _stand_together(figures: Sequence[Figure]) -> bool:
    """Whether figures have one row: few of one family, of which the same is to be said."""
    alike = {replace(one, name="", value=0.0) for one in figures}
    return (
        len(alike) == 1
        and not figures[0].remark
        and len(figures) <= MAX_TOGETHER
        and len(_family(figures)) >= MIN_FAMILY
    )


def _family(figures: Sequence[Figure]) -> str:
    """Return what the names of several figures begin with, up to the end of a word."""
    letters = takewhile(lambda same: len(set(same)) == 1, zip(*(one.name for one in figures), strict=False))
    common = "".join(letter for letter, *_ in letters)
    return common[: max(common.rfind("_"), common.rfind(".")) + 1]


def _row(figures: Sequence[Figure]) -> str:
    first = figures[0]
    name = f"`{first.name}`"
    if len(figures) > 1:
        family = _family(figures)
        name = f"`{family}…`: {', '.join(one.name.removeprefix(family) for one in figures)}"
    name += f", {first.conditions}" if first.conditions else ""
    value = "; ".join(f"{one.value:,.6g}" for one in figures) + (f" {first.unit}" if first.unit else "")
    value += f" ({first.remark})" if first.remark else ""
    when = f"`{first.commit}`" if first.commit else _day(first.date)
    when += f", before `{first.stale_since}`" if first.stale_since else ""
    return f"| {name} | {value} | {first.wanted} | {when} | {first.machine} |"


def _day(text: str) -> str:
    try:
        return f"{date.fromisoformat(text):%-d %B %Y}"
    except ValueError:
        return text


if __name__ == "__main__":
    PAGE.write_text(page(Results.read()), "utf-8")
