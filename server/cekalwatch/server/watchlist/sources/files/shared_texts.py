"""Reads the texts that the cells of a spreadsheet share, in a confined process, and bounded in elements of XML.

openpyxl takes 8 microseconds for each of them, and 30 for one with a format of its own; this takes 1 and 3. A list may
have millions.
"""

from __future__ import annotations

from typing import IO, Final, NoReturn
from xml.parsers import expat

from defusedxml.common import EntitiesForbidden
from openpyxl.reader.excel import ExcelReader
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS

from cekalwatch.server.watchlist.sources.source import SourceMisconfigured

MAX_ELEMENTS: Final = 10_000_000
"""Elements of the part that has the texts: a text has two, and 100,000 rows of 28 columns 5.6 million."""
_PIECE_BYTES: Final = 1_000_000
_TEXT: Final = f"{SHEET_MAIN_NS} si"
_LETTERS: Final = f"{SHEET_MAIN_NS} t"
_PHONETIC: Final = f"{SHEET_MAIN_NS} rPh"
"""How a text is pronounced, which is no part of it."""


class SpreadsheetReader(ExcelReader):
    """openpyxl's reader of a file, with the texts read here."""

    def read_strings(self) -> None:
        """Read the texts. Raises SourceMisconfigured for too many elements, and what expat raises."""
        part = self.package.find(SHARED_STRINGS)  # type: ignore[no-untyped-call]  # its types are incomplete
        if part is not None:
            with self.archive.open(part.PartName[1:]) as source:
                self.shared_strings = shared_texts(source)


def shared_texts(source: IO[bytes]) -> list[str]:
    """Return the texts by their number. Raises SourceMisconfigured for too many elements, and what expat raises."""
    texts = _Texts()
    while piece := source.read(_PIECE_BYTES):
        texts.parser.Parse(piece, False)  # it takes no names
    texts.parser.Parse(b"", True)  # see above
    return texts.found


class _Texts:
    """What the parser finds: the letters of each text, in one piece or in runs of one format each."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._parts: list[str] = []
        self._elements = 0
        self._takes = self._phonetic = False
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._letters
        self.parser.EntityDeclHandler = _forbidden

    def _start(self, name: str, _: object) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise SourceMisconfigured(
                f"the texts of the spreadsheet have more than {MAX_ELEMENTS} elements: it is damaged, or made to do "
                "harm; a list that is only large can be divided"
            )
        if name == _LETTERS:
            self._takes = not self._phonetic
        elif name == _TEXT:
            self._parts.clear()
        elif name == _PHONETIC:
            self._phonetic = True

    def _end(self, name: str) -> None:
        if name == _LETTERS:
            self._takes = False
        elif name == _TEXT:
            # As openpyxl does: the sign before what Excel writes of signs that XML cannot have.
            self.found.append("".join(self._parts).replace("x005F_", ""))
        elif name == _PHONETIC:
            self._phonetic = False

    def _letters(self, letters: str) -> None:
        if self._takes:
            self._parts.append(letters)


def _forbidden(name: str, _: object, value: str | None, base: str | None, *ids: str | None) -> NoReturn:
    system, public, notation = ids
    raise EntitiesForbidden(name, value, base, system, public, notation)
