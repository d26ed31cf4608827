"""Reads and writes `budgets.toml`: what each capability of the software may take, and which files are its."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

FILE: Final = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class Size:
    """How large a capability is, or may be."""

    shipped: int = 0
    """Lines of shipped code."""
    tests: int = 0
    """Lines of tests and their support."""
    words: int = 0
    """Words of documents, which have no budget of their own."""

    def __add__(self, other: Size) -> Size:
        return Size(self.shipped + other.shipped, self.tests + other.tests, self.words + other.words)


@dataclass(frozen=True)
class Capability:
    """What the software can do."""

    name: str
    budget: Size
    files: str
    """Patterns of paths, separated by spaces."""
    extension: bool
    """Whether an office may do without it."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What a path of one of its files looks like."""
        return re.compile("|".join(map(translate, self.files.split())))


@dataclass(frozen=True)
class Budgets:
    """The content of the file."""

    figures: Mapping[str, int]
    """How large some figures may be."""
    capabilities: tuple[Capability, ...]

    @classmethod
    def read(cls) -> Self:
        """Read the file."""
        content: dict[str, Any] = tomllib.loads(FILE.read_text("utf-8"))
        named = content["capabilities"].items()
        return cls(
            content["figures"],
            tuple(
                Capability(name, Size(one["shipped"], one["tests"]), one["files"], one.get("extension", False))
                for name, one in named
            ),
        )

    def capability(self, path: Path) -> str:
        """Return the name of the first capability that has a file; a new extension is one by its folder.

        Raises LookupError if there is none: the file needs a pattern.
        """
        if folder := extension_folder(path):
            return folder.name
        for one in self.capabilities:
            if one.pattern.match(path.as_posix()):
                return one.name
        raise LookupError(path)


def extension_folder(path: Path) -> Path | None:
    """Return the folder of the extension that a file belongs to, of its code or its tests; None for the core."""
    match path.parts:
        case ("extensions", "cekalwatch", "extensions", _, _, *_):
            return Path(*path.parts[:4])
        case ("extensions", "cekalwatch", _, _, *_) | ("tests", "extensions", _, _, *_):
            return Path(*path.parts[:3])
    return None


def renewed(text: str, figures: Mapping[str, int], sizes: Mapping[str, Size]) -> str:
    """Return the text of the file with what there is now in place of each budget."""
    for name, value in figures.items():
        text = re.sub(rf"^{name} = \d+$", f"{name} = {value}", text, flags=re.MULTILINE)
    for name, size in sizes.items():
        table = rf'(\[capabilities\."?{re.escape(name)}"?\]\n(?:extension = true\n)?)shipped = \d+\ntests = \d+\n'
        text = re.sub(table, rf"\g<1>shipped = {size.shipped}\ntests = {size.tests}\n", text)
    return text
