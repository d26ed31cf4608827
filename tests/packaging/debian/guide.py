"""A page of docs/ that a technician follows: its chapters, with the files to write and the commands to type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_CHAPTER = re.compile(r"^## (\d+)\. (.+)\n((?:(?!^## ).*\n)*)", re.MULTILINE)
_FILE = re.compile(r"^Write `(/[^`]+)`:\n\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^ {4}(\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Chapter:
    """One numbered chapter of the page."""

    number: int
    title: str
    files: tuple[tuple[str, str], ...]
    """Path and content of each, in the order in which they are written."""
    commands: tuple[str, ...]
    """Lines for the shell; those of the super-user begin with sudo."""


def chapters(page: Path) -> dict[int, Chapter]:
    """Return the chapters of a page by their numbers."""
    found = {}
    for number, title, text in _CHAPTER.findall(page.read_text(encoding="utf-8")):
        files = tuple(_FILE.findall(text))
        commands = tuple(_COMMAND.findall(_FILE.sub("", text)))
        found[int(number)] = Chapter(int(number), title, files, commands)
    return found
