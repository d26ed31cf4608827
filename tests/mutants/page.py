"""Writes README.md beside it: each row of the threat model, what is taken out of the code, and tests that notice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from tests.mutants.catalogue import Row

HEAD = """# Tests that would notice

<!-- Written by `make mutants ARGS=--page` from tests/mutants/defences; do not edit it by hand. -->

`make mutants` takes each defence of the [threat model](../../docs/threat-model.md) out of a copy of the code, one at a
time, and runs the tests that have to fail then. It fails if one of them passes. A row without a mutant says what it
rests on instead: on settings, on other programs, on people, or on nothing.
"""


def page(rows: Iterable[Row]) -> str:
    """Return the page."""
    parts = [HEAD]
    for part, of_part in groupby(rows, key=lambda row: row.part):
        lines = ["| attack | without this | these tests have to fail |", "| --- | --- | --- |"]
        lines += [line for row in of_part for line in _lines(row)]
        parts.append(f"## {part}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _lines(row: Row) -> Iterator[str]:
    attack = f"{row.attack} …"
    for one in row.mutants:
        tests = ", ".join(f"`{test}`" for test in one.killed_by)
        yield f"| {attack} | {one.without} (`{one.name}`) | {tests} |"
        attack = ""
    if row.none:
        yield f"| {attack} | no mutant: {row.none} | |"
