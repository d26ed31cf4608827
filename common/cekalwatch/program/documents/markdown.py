"""Reads a document from Markdown: one heading of the first level, then sections of the second with paragraphs, lists
and at most one table each. Emphasis and links become plain words.
"""

from __future__ import annotations

from dataclasses import replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

from cekalwatch.program.documents.document import Document, Section, Table


def read_document(text: str) -> Document:
    """Return the document of a Markdown text: what stands before its first section is what it is about.

    Raises ValueError for a text of another form.
    """
    reading = _Reader()
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        reading.take(token)
    if not reading.title:
        raise ValueError("a document has a title")
    return Document(reading.title, " ".join(reading.about), "", tuple(reading.sections))


class _Reader:
    """What was read so far."""

    def __init__(self) -> None:
        self.title = ""
        self.about: list[str] = []
        self.sections: list[Section] = []
        self._tag = ""
        self._bullet = ""
        self._rows: list[tuple[str, ...]] = []
        self._cells: list[str] = []

    def take(self, token: Token) -> None:
        match token.type:
            case "heading_open" | "paragraph_open" | "th_open" | "td_open":
                self._tag = token.tag
            case "list_item_open":
                self._bullet = "• "
            case "inline":
                self._words(self._bullet + "".join(map(_word, token.children or ())))
                self._bullet = ""
            case "tr_close":
                self._rows.append(tuple(self._cells))
                self._cells = []
            case "table_close":
                self._table()
            case "fence" | "html_block" | "code_block" | "hr":
                raise ValueError(f"a document has no such part: {token.type}")

    def _words(self, words: str) -> None:
        if self._tag in {"th", "td"}:
            self._cells.append(words)
        elif self._tag == "h1" and not self.title:
            self.title = words
        elif self._tag == "h2":
            self.sections.append(Section(words))
        elif self._tag != "p":
            raise ValueError(f"a document has no such heading: {words}")
        elif self.sections:
            last = self.sections[-1]
            self.sections[-1] = replace(last, paragraphs=(*last.paragraphs, words))
        else:
            self.about.append(words)

    def _table(self) -> None:
        if not self.sections or self.sections[-1].table:
            raise ValueError("a table stands in a section of a document, and no section has two")
        self.sections[-1] = replace(self.sections[-1], table=Table(self._rows[0], tuple(self._rows[1:])))
        self._rows = []


def _word(token: Token) -> str:
    return " " if token.type in {"softbreak", "hardbreak"} else token.content
