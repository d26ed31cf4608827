"""The template of a list: a sheet with the columns and an example, and a sheet that explains each column.

The example is refused by its key, so that nobody imports it by mistake.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from cekalwatch.console.locale.texts import ConsoleTexts
from cekalwatch.contract.values.imports import EXAMPLE_ORDER_ID, LIST_COLUMNS, REQUIRED_COLUMNS
from cekalwatch.contract.values.orders import OrderGround, OrderKind, PersonStatus, RevocationGround
from cekalwatch.program.csv_files import BYTE_ORDER_MARK
from cekalwatch.program.translations import Language

TEMPLATE_NAME: Final = "cekalwatch-template"
ROWS: Final = 2000
"""Rows of the sheet that are prepared for input."""
_DAYS: Final = frozenset({"decree_date", "valid_from", "valid_until", "received_on"})
_CHOICES: Final = MappingProxyType(
    {
        "kind": tuple(OrderKind),
        "urgent": ("ya", "tidak"),
        "ground": tuple(OrderGround),
        "person_status": tuple(PersonStatus),
        "revocation_ground": tuple(RevocationGround),
        "sex": ("M", "F", "X"),
    }
)
_HEAD: Final = PatternFill("solid", fgColor="1B3A57")
_WIDTH: Final = 22
_EXPLANATION_WIDTHS: Final = (24, 14, 70, 70)
_TEXT: Final = "@"
_DAY: Final = "yyyy-mm-dd"


def example(today: date) -> dict[str, str | date]:
    """Return the example row: an order in force on `today`, about nobody."""
    return {
        "order_id": EXAMPLE_ORDER_ID,
        "subject_id": "S-001",
        "kind": OrderKind.CEGAH,
        "decree_number": f"KEP-101/{today.year}",
        "decree_date": today,
        "requesting_agency": "Kejaksaan Agung",
        "reason": "penyidikan",
        "valid_from": today,
        "valid_until": today + timedelta(days=180),
        "urgent": "tidak",
        "received_on": today,
        "person_status": PersonStatus.SUSPECT,
        "name": "Contoh Satu",
        "aliases": "Si Contoh|Contoh S.",
        "sex": "M",
        "place_of_birth": "Batam",
        "date_of_birth": "1980-01-31",
        "nationality": "IDN",
        "nik": "2171013101800001",
        "travel_documents": "passport:X0000001:IDN",
        "photographs": "photos/S-001.jpg",
    }


def written_table(today: date) -> bytes:
    """Return the template as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(LIST_COLUMNS)
    writer.writerow([str(example(today).get(name, "")) for name in LIST_COLUMNS])
    return (BYTE_ORDER_MARK + stream.getvalue()).encode()


@lru_cache(maxsize=1)
def written_spreadsheet(today: date) -> bytes:
    """Return the template as XLSX."""
    book, stream = Workbook(), io.BytesIO()
    sheet = book.active
    if not isinstance(sheet, Worksheet):
        raise TypeError("a new workbook has a sheet")
    texts = {language: ConsoleTexts(language) for language in (Language.ID, Language.EN)}
    sheet.title = "orders"
    _fill(sheet, today)
    _explain(book.create_sheet(texts[Language.ID].say("TEMPLATE_SHEET")), texts)
    book.save(stream)
    return stream.getvalue()


def _fill(sheet: Worksheet, today: date) -> None:
    row = example(today)
    _head(sheet, LIST_COLUMNS)
    for number, name in enumerate(LIST_COLUMNS, start=1):
        letter = get_column_letter(number)
        sheet.column_dimensions[letter].width = _WIDTH
        # Otherwise Excel turns a NIK into 2.17E+15.
        sheet.column_dimensions[letter].number_format = _DAY if name in _DAYS else _TEXT
        cell = sheet.cell(2, number, row.get(name, ""))
        cell.number_format = _DAY if name in _DAYS else _TEXT
        if name in _CHOICES:
            allowed = DataValidation("list", formula1=f'"{",".join(_CHOICES[name])}"', allow_blank=True)
            allowed.add(f"{letter}2:{letter}{ROWS}")
            sheet.add_data_validation(allowed)
    sheet.freeze_panes = "C2"


def _explain(sheet: Worksheet, texts: dict[Language, ConsoleTexts]) -> None:
    column = " / ".join(one.say("TEMPLATE_COLUMN") for one in texts.values())
    needed = " / ".join(one.say("TEMPLATE_NEEDED") for one in texts.values())
    _head(sheet, (column, needed, "Bahasa Indonesia", "English"))
    yes = " / ".join(one.say("TEMPLATE_YES") for one in texts.values())
    for letter, width in zip("ABCD", _EXPLANATION_WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    for name in LIST_COLUMNS:
        sheet.append([name, yes if name in REQUIRED_COLUMNS else "", *(one.column(name) for one in texts.values())])
    for cells in sheet.iter_rows(min_row=2):
        for cell in cells:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = "A2"


def _head(sheet: Worksheet, names: tuple[str, ...]) -> None:
    sheet.append(names)
    for cell in sheet[1]:
        cell.font, cell.fill = Font(bold=True, color="FFFFFF"), _HEAD


TEMPLATES: Final = MappingProxyType[str, tuple[str, Callable[[date], bytes]]](
    {
        "csv": ("text/csv; charset=utf-8", written_table),
        "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", written_spreadsheet),
    }
)
"""The kinds of template, each with its media type."""
