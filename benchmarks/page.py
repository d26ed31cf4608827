"""Writes the pages of figures, `README.md` and `other_conditions.md`, from results and the documentation of benchmarks.

python -m benchmarks.page
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import takewhile
from pathlib import Path
from string import ascii_uppercase
from typing import Final

from benchmarks.catalogue import FOLDERS, method
from benchmarks.results import Figure, Results

PAGE: Final = Path(__file__).with_name("README.md")
OTHER_CONDITIONS: Final = Path(__file__).with_name("other_conditions.md")
MAX_TOGETHER: Final = 8
"""Figures in one row."""
MIN_FAMILY: Final = 14
"""Characters that their names have in common."""
COLUMNS: Final = ("benchmark", "figure", "value", "wanted", "measured", "on")
GENERATED: Final = (
    "<!-- Written by `make bench` from results.json and the benchmarks' documentation; do not edit it by hand. -->"
)
HEAD: Final = f"""# Measurements

{GENERATED}

`make bench` measures everything, `make bench ARGS="alerts.paint camera.load"` a part. It puts what it measures into
`benchmarks/results.json` with machine, commit and date, writes this page, and leaves all other figures as they are.
`python -m benchmarks.page` writes the pages alone. The first lines of a benchmark's module say how to run it with other
arguments.

A row has one figure, or several with the same beginning. *Measured* names the commit, or the date if none is known, and
*on* a machine by its letter. A figure that is "before" a commit is stale: the code that it measures has
changed. The changes:

"""
TAIL: Final = """
Figures of other packs, machines and conditions: [other_conditions.md](other_conditions.md). What measurements taught,
and what was tried in vain: [ADR 68](../docs/adr/0068-figures-are-rows-with-their-commit.md). `make chaos` breaks a
running port in every way, and gives no figures: [chaos](chaos/README.md).
"""
OTHER_HEAD: Final = f"""# Measurements under other conditions

{GENERATED}

Figures of another pack, of another machine or of a loaded one. [README.md](README.md) has those of usual conditions,
the methods, the machines, and what "before" a commit means.
"""


def pages(results: Results) -> dict[Path, str]:
    """Return the pages by their files."""
    changes = "".join(f"- `{commit}`: {what}\n" for commit, what in results.changes.items())
    machines = dict(zip(sorted({one.machine for one in results.figures}), ascii_uppercase, strict=False))
    named = "".join(f"- {letter}: {machine}\n" for machine, letter in machines.items())
    usual, other = f"{HEAD}{changes}\nMachines:\n\n{named}{TAIL}", OTHER_HEAD
    for folder, names in FOLDERS.items():
        title = f"\n## {folder.capitalize()}\n\n"
        methods = "".join(_method(folder, name) for name in names)
        of_folder = [figure for figure in results.figures if figure.benchmark in {f"{folder}.{name}" for name in names}]
        of_folder.sort(key=lambda figure: names.index(figure.benchmark.removeprefix(f"{folder}.")))
        usual += title + _table([figure for figure in of_folder if not figure.conditions], machines) + methods
        if conditional := [figure for figure in of_folder if figure.conditions]:
            other += title + _table(conditional, machines)
    return {PAGE: usual, OTHER_CONDITIONS: other}


def write_pages(results: Results) -> None:
    """Write the pages."""
    for file, text in pages(results).items():
        file.write_text(text, "utf-8")


def _method(folder: str, name: str) -> str:
    """Return what the documentation of a benchmark says, without its command."""
    paragraphs = method(f"{folder}.{name}").split("\n\n")
    text = "\n".join(one for one in paragraphs if not one.lstrip().startswith("python -m "))
    return f"\n**{name}.** {text}\n"


def _table(figures: Sequence[Figure], machines: Mapping[str, str]) -> str:
    rows = list[list[Figure]]()
    for figure in figures:
        if rows and _stand_together([*rows[-1], figure]):
            rows[-1].append(figure)
        else:
            rows.append([figure])
    head = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    return "\n".join([*head, *(f"{_row(row)} {machines[row[0].machine]} |" for row in rows)]) + "\n"


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
    _, _, benchmark = first.benchmark.partition(".")
    return f"| {benchmark} | {name} | {value} | {first.wanted} | {when} |"


def _day(text: str) -> str:
    try:
        return f"{date.fromisoformat(text):%-d %B %Y}"
    except ValueError:
        return text


if __name__ == "__main__":
    write_pages(Results.read())
