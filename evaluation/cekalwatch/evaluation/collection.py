"""The photographs of an evaluation: the person on each, and the passage to which it belongs. It opens no picture.

A folder has one sub-folder for each person. Photographs directly in the latter are single images, and the first by name
is the reference; a sub-folder of it is one passage, with its photographs sorted by name. A file `groups.csv` in the
folder may give each person's group. Instead of a folder, a CSV file can list the photographs, one per line.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cekalwatch.program.errors import Exit, ProgramError

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
GROUPS_FILE: Final = "groups.csv"
GROUPS_COLUMNS: Final = ("person", "group")
COLUMNS: Final = ("image", "person", "passage", "group")
_MAX_CSV_LINES: Final = 1_000_000


@dataclass(frozen=True)
class LabelledPhotograph:
    """One photograph of a person."""

    path: Path
    name: str
    """Its name in reports: its path within the folder, or the path in the CSV."""
    person: str
    passage: str | None = None
    """Key of its passage among the person's; None for a single image."""
    group: str = ""
    """Group of people with separate figures; empty for none."""


@dataclass(frozen=True)
class Collection:
    """All photographs, grouped by person."""

    source: str
    photographs: tuple[LabelledPhotograph, ...]

    @property
    def people(self) -> int:
        return len({photograph.person for photograph in self.photographs})

    def without(self, people: frozenset[str]) -> Collection:
        """Return the collection without `people`; raises ProgramError for a person who is not in it."""
        unknown = people - {photograph.person for photograph in self.photographs}
        if unknown:
            raise ProgramError(f"Nobody in {self.source} is called {', '.join(sorted(unknown))}", Exit.USAGE)
        return Collection(self.source, tuple(one for one in self.photographs if one.person not in people))


def read_collection(source: Path) -> Collection:
    """Return the photographs of a folder or of a CSV file. Raises ProgramError."""
    if source.is_dir():
        found = tuple(_of_folder(source))
    elif source.is_file():
        found = tuple(_of_csv(source))
    else:
        raise ProgramError(f"There is neither a folder nor a file {source}", Exit.NO_INPUT)
    if not found:
        raise ProgramError(
            f"{source} has no photographs of people. Wanted: one sub-folder a person with photographs in it, or a CSV "
            f"file with the columns {', '.join(COLUMNS)}.",
            Exit.NO_INPUT,
        )
    return Collection(source.name or str(source), found)


def _of_folder(folder: Path) -> Iterator[LabelledPhotograph]:
    people = [entry for entry in _entries(folder) if entry.is_dir()]
    groups = _groups_of(folder, {person.name for person in people})
    for person in people:
        group = groups.get(person.name, "")
        inside = _entries(person)
        for path in inside:
            if path.is_dir():
                for file in filter(_is_photograph, _entries(path)):
                    yield LabelledPhotograph(file, str(file.relative_to(folder)), person.name, path.name, group)
            elif _is_photograph(path):
                yield LabelledPhotograph(path, str(path.relative_to(folder)), person.name, group=group)


def _groups_of(folder: Path, people: set[str]) -> dict[str, str]:
    """Return the group of each person whom the folder's `groups.csv` names. Raises ProgramError."""
    file = folder / GROUPS_FILE
    if not file.exists():
        return {}
    groups: dict[str, str] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if tuple(reader.fieldnames or ()) != GROUPS_COLUMNS:
                raise ProgramError(f"{file} must have the columns {' and '.join(GROUPS_COLUMNS)}", Exit.NO_INPUT)
            for number, row in enumerate(reader, 2):
                person, group = (row["person"] or "").strip(), (row["group"] or "").strip()
                if person not in people or person in groups or not group or None in row:
                    raise ProgramError(
                        f"{file}, line {number}: the name of a sub-folder, once, and a group are wanted", Exit.NO_INPUT
                    )
                groups[person] = group
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ProgramError(f"{file} cannot be read as CSV in UTF-8: {error}", Exit.NO_INPUT) from None
    return groups


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise ProgramError(f"Cannot read {folder}: {error.strerror}", Exit.NO_INPUT) from None


def _is_photograph(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _of_csv(file: Path) -> list[LabelledPhotograph]:
    found: dict[str, list[LabelledPhotograph]] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            fields = set(reader.fieldnames or ())
            if not {"image", "person"} <= fields or not fields <= set(COLUMNS):
                raise ProgramError(
                    f"{file} must have the columns image and person, and may have passage and group; it has "
                    f"{', '.join(reader.fieldnames or ()) or 'none'}",
                    Exit.NO_INPUT,
                )
            for number, row in enumerate(reader, 2):
                if number > _MAX_CSV_LINES:
                    raise ProgramError(f"{file} has more than {_MAX_CSV_LINES} lines", Exit.NO_INPUT)
                image, person = (row["image"] or "").strip(), (row["person"] or "").strip()
                if not image or not person or None in row:
                    raise ProgramError(f"{file}, line {number}: an image and a person are wanted", Exit.NO_INPUT)
                photograph = LabelledPhotograph(
                    Path(os.path.normpath(file.parent / image)),
                    image,
                    person,
                    (row.get("passage") or "").strip() or None,
                    (row.get("group") or "").strip(),
                )
                found.setdefault(person, []).append(photograph)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ProgramError(f"{file} cannot be read as CSV in UTF-8: {error}", Exit.NO_INPUT) from None
    return [photograph for photographs in found.values() for photograph in photographs]
