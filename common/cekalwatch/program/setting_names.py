"""Reads a setting by its name of the previous release; each program has a table of old names.

A table has the old name of each renamed setting in the file's form, with its tables, and the new key:
`"watchlist.sync.period_s": "period_seconds"`. An entry of a list of tables counts as the table. The old names of a
release are read only in the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cekalwatch.program.errors import Exit, ProgramError


@dataclass(frozen=True, order=True)
class OldName:
    """A setting that a source states by its old name."""

    old: str
    """Tables and key, with dots between."""
    key: str
    """What the key is called now."""
    source: str
    """"file" or "environment"."""

    @property
    def new(self) -> str:
        table, dot, _ = self.old.rpartition(".")
        return f"{table}{dot}{self.key}"

    def __str__(self) -> str:
        return f"{self.old} ({self.source}) is {self.new} now"


def with_new_names(stated: Any, names: Mapping[str, str], source: str, found: set[OldName], place: str = "") -> Any:  # noqa: ANN401  # a settings file holds many types
    """Return the settings of a source at `place`, by the new names, and add the old names that it used to `found`.

    Raises ProgramError if it gives both names of a setting with different values.
    """
    if isinstance(stated, list):
        return [with_new_names(one, names, source, found, place) for one in stated]
    if not isinstance(stated, dict):
        return stated
    values = {}
    for key, value in stated.items():
        path = f"{place}.{key}" if place else key
        if path in names:
            name = OldName(path, names[path], source)
            if stated.get(name.key, value) != value:
                raise ProgramError(f"Wrong settings:\n  {name}, and they differ: remove {path}", Exit.CONFIG)
            found.add(name)
        values[names.get(path, key)] = with_new_names(value, names, source, found, path)
    return values
