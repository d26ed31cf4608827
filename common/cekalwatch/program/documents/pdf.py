"""A document as a PDF: the same document always becomes the same bytes. It loads nothing from elsewhere.

It is written in one of the fonts that every reader has, whose signs are those of Western Europe; others become a
question mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

from cekalwatch.program.documents.document import Document, Section, Table
from cekalwatch.program.translations import Language

FONT: Final = "Helvetica"
ENCODING: Final = "cp1252"
_MARGIN_MM: Final = 18
_TEXT_PT: Final = 9.5
_LINE_MM: Final = 4.6
_HEAD_GROUND: Final = (235, 240, 245)
_HEAD: Final = FontFace(emphasis="BOLD", fill_color=_HEAD_GROUND)
_FACTS: Final = 2
"""Columns of a table of facts; others are tables of figures."""
_WIDE: Final = 4
"""Columns from which on a table is in smaller type."""


def document_pdf(document: Document, language: Language, made_at: datetime, page_words: str) -> bytes:
    """Return the document; `page_words` says of the footer which page it is, with {page} and {pages}."""
    pdf = _Pages(page_words)
    pdf.core_fonts_encoding = ENCODING
    pdf.set_lang(language)
    pdf.set_title(_plain(document.title))
    pdf.set_subject(_plain(document.about))
    pdf.set_producer("Cekalwatch")
    pdf.set_creation_date(made_at)
    pdf.set_margin(_MARGIN_MM)
    pdf.set_auto_page_break(auto=True, margin=_MARGIN_MM)
    pdf.add_page()
    pdf.paragraph(document.title, 16, bold=True)
    pdf.paragraph(document.about, _TEXT_PT)
    pdf.ln(2)
    if document.summary:
        pdf.paragraph(document.summary, 11.5)
    for section in document.sections:
        _section(pdf, section)
    return bytes(pdf.output())


class _Pages(FPDF):
    """Pages of A4 with their numbers."""

    def __init__(self, page_words: str) -> None:
        super().__init__(format="A4")
        self._page_words = page_words

    def footer(self) -> None:
        """Write which page it is; the library calls it."""
        self.set_y(-12)
        self.set_font(FONT, size=8)
        self.cell(text=_plain(self._page_words.format(page=self.page_no(), pages="{nb}")))

    def paragraph(self, text: str, size_pt: float, *, bold: bool = False) -> None:
        self.set_font(FONT, "B" if bold else "", size_pt)
        self.multi_cell(0, size_pt * _LINE_MM / _TEXT_PT, _plain(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _section(pdf: _Pages, section: Section) -> None:
    pdf.ln(3)
    if section.title:
        if pdf.will_page_break(30):
            pdf.add_page()
        pdf.start_section(_plain(section.title))
        pdf.paragraph(section.title, 12, bold=True)
    for paragraph in section.paragraphs:
        pdf.paragraph(paragraph, _TEXT_PT)
        pdf.ln(1)
    if section.table:
        _table(pdf, section.table)


def _table(pdf: _Pages, table: Table) -> None:
    columns = len(table.head)
    rows = [[_plain(cell) for cell in cells] for cells in (table.head, *table.rows)]
    align = ["RIGHT" if _figures(column[1:]) else "LEFT" for column in zip(*rows, strict=True)]
    pdf.set_font(FONT, size=_TEXT_PT if columns == _FACTS else 8.5 if columns <= _WIDE else 7.5)
    widths = _natural_widths(pdf, rows)
    if (rest := pdf.epw - sum(widths)) >= 0:
        _lines(pdf, rows, [width + rest / columns for width in widths], align)
        return
    with pdf.table(
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=_HEAD,
        line_height=_LINE_MM,
        text_align=align,
        v_align="TOP",
        col_widths=_fitted(widths, pdf.epw),
    ) as made:
        for cells in rows:
            made.row(cells)


def _figures(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return bool(filled) and not any(cell[0].isalpha() for cell in filled)


def _natural_widths(pdf: _Pages, rows: Sequence[Sequence[str]]) -> list[float]:
    """Return the width of each column without line breaks; headings are bold, and at most a tenth wider."""
    return [
        1.1 * max(pdf.get_string_width(cell) for cell in column) + 2 * pdf.c_margin
        for column in zip(*rows, strict=True)
    ]


def _fitted(widths: Sequence[float], room: float) -> list[float]:
    """Return the widths of columns that are together wider than there is room: the widest ones give way."""
    limit = room
    for place, width in enumerate(sorted(widths)):
        limit = room / (len(widths) - place)
        if width > limit:
            break
        room -= width
    return [min(width, limit) for width in widths]


def _lines(pdf: _Pages, rows: Sequence[Sequence[str]], widths: Sequence[float], align: Sequence[str]) -> None:
    """Draw a table with one line for each row; breaking lines takes the library most of a report's time."""

    def line(cells: Sequence[str], *, head: bool) -> None:
        pdf.set_font(style="B" if head else "")
        pdf.set_fill_color(_HEAD_GROUND)
        for text, width, side in zip(cells, widths, align, strict=True):
            pdf.cell(width, _LINE_MM, text, border="B", align=side, fill=head)
        pdf.ln()

    line(rows[0], head=True)
    for cells in rows[1:]:
        if pdf.will_page_break(_LINE_MM):
            pdf.add_page()
            line(rows[0], head=True)
        line(cells, head=False)


def _plain(text: str) -> str:
    return text.encode(ENCODING, "replace").decode(ENCODING)
