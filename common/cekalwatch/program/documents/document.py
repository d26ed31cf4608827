"""A document as people read it: a title, and sections with paragraphs and tables. It knows no language and no form."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row says what the row is about."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A part of a document."""

    title: str
    paragraphs: tuple[str, ...] = ()
    table: Table | None = None


@dataclass(frozen=True)
class Document:
    """A document."""

    title: str
    about: str
    """What it is about and when it was made, in small type below the title."""
    summary: str
    """What matters most, in larger type; may be empty."""
    sections: tuple[Section, ...]
