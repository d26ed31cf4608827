"""The mutants: for each row of docs/threat-model.md the defences that are code, and how each is taken out of it.

They are written in `defences/*.toml`, a file for each part of the page, and one for the rules on which these rest.
A mutant replaces a text that stands exactly once in a file; a test of `make test` holds that it still does.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "defences"
THREAT_MODEL: Final = "docs/threat-model.md"
DEPENDENCIES: Final = "Dependencies"
"""The first part of the threat model that has no rows of attacks."""


class MutantError(ValueError):
    """A mutant does not fit the code any more; the message says what to renew."""


@dataclass(frozen=True)
class Mutant:
    """A defence, and the change of a file that takes it out."""

    name: str
    without: str
    """What the program no longer does."""
    file: str
    """Of the repository."""
    old: str
    """Stands in it once."""
    new: str
    killed_by: tuple[str, ...]
    """Tests that fail then, as pytest names them below `tests`, of all parameters or of one."""
    by_timeout: bool = False
    """Whether a test that does not end counts: what is taken out is a limit of time."""

    def applied_to(self, text: str) -> str:
        """Return the file's text without the defence. Raises MutantError."""
        if self.old == self.new:
            raise MutantError(f"{self.name}: it changes nothing")
        if (found := text.count(self.old)) != 1:
            raise MutantError(f"{self.name}: its `old` stands {found} times in {self.file}, and has to stand once")
        changed = text.replace(self.old, self.new)
        if self.file.endswith(".py"):
            try:
                ast.parse(changed)
            except SyntaxError as error:
                raise MutantError(f"{self.name}: {self.file} is no Python then: {error}") from None
        return changed


@dataclass(frozen=True)
class Row:
    """A row of the threat model."""

    part: str
    """The heading above it."""
    attack: str
    """How its first column begins."""
    mutants: tuple[Mutant, ...]
    none: str = ""
    """Why it has no mutant, or what of it has none."""


def load(folder: Path = FOLDER) -> list[Row]:
    """Return all rows in the order of the files. Raises MutantError for a row that says nothing."""
    return [row for file in sorted(folder.glob("*.toml")) for row in _rows(tomllib.loads(file.read_text("utf-8")))]


def _rows(document: Mapping[str, Any]) -> Iterator[Row]:
    for one in document["row"]:
        mutants = tuple(Mutant(**{**told, "killed_by": tuple(told["killed_by"])}) for told in one.get("mutant", ()))
        row = Row(document["part"], one["attack"], mutants, one.get("none", ""))
        if not mutants and not row.none:
            raise MutantError(f"{row.attack}: it has neither a mutant nor a reason")
        yield row


def attacks(page: str) -> list[tuple[str, str]]:
    """Return part and first column of each row of the threat model."""
    found, part = [], ""
    for line in page.partition(f"\n## {DEPENDENCIES}\n")[0].splitlines():
        if line.startswith("### "):
            part = line.removeprefix("### ")
        elif part and (cells := re.match(r"\| (.+?) \|", line)) and cells[1] not in {"attack", "---"}:
            found.append((part, cells[1]))
    return found


def has_test(tests: Path, name: str) -> bool:
    """Whether a test of that name is written in a file below `tests`; nothing is imported."""
    path, *names = re.sub(r"\[.*\]$", "", name, flags=re.DOTALL).split("::")
    file = tests / path
    if not file.is_file():
        return False
    body: Sequence[ast.stmt] = ast.parse(file.read_text("utf-8")).body
    for one in names:
        found = next((stated for stated in body if one in _stated(stated)), None)
        if found is None:
            return False
        if not isinstance(found, ast.ClassDef):  # a function, or a class that a library makes
            return True
        body = found.body
    return True


def _stated(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {one.id for one in targets if isinstance(one, ast.Name)}
    return set()
