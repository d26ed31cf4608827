"""Spreadsheets as agencies send them, and as nobody should."""

from __future__ import annotations

import zipfile
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from cekalwatch.server.watchlist.imports.records import OPTIONAL_COLUMNS
from cekalwatch.server.watchlist.sources.files import sheet
from cekalwatch.server.watchlist.sources.files.spreadsheet import SpreadsheetSource
from cekalwatch.server.watchlist.sources.mapping_settings import FIELDS, MappingSettings
from cekalwatch.server.watchlist.sources.settings import SpreadsheetSettings
from cekalwatch.server.watchlist.sources.source import (
    OfferedOrder,
    RefusedRow,
    SourceItem,
    SourceMisconfigured,
    SourceUnavailable,
)
from tests.support.builders.watchlist import WIB
from tests.support.builders.watchlist_folder import row as folder_row
from tests.support.scenarios.watchlist_sources import COLUMNS, TABLE_MAPPING, facts, indonesian, items


def write(file: Path, *rows: dict[str, Any], above: tuple[list[Any], ...] = ()) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for line in above:
        sheet.append(line)
    sheet.append(list(COLUMNS))
    for row in rows:
        sheet.append([row[column] for column in COLUMNS])
    book.save(file)
    return file


def read(file: Path, **settings: Any) -> list[SourceItem]:
    entry = SpreadsheetSettings(kind="spreadsheet", file=file, **{"mapping": TABLE_MAPPING} | settings)
    with closing(SpreadsheetSource(entry, WIB)) as source:
        return items(source.read(""))


def read_here(file: Path) -> list[Any]:
    """The rows as this process reads them, whose bounds a test can lower."""
    asked = sheet.SheetRequest(
        file=str(file), sheet="", header_within=50, columns=tuple(COLUMNS), other_columns="ignore"
    )
    return list(sheet.rows(asked))


def refusal(file: Path) -> tuple[str, str]:
    (item,) = read(file)
    assert isinstance(item, RefusedRow)
    return item.report.order_id, item.report.field


def row(order_id: str = "O-1", **cells: Any) -> dict[str, Any]:
    return dict(indonesian(facts(order_id))) | cells


def test_titles_above_the_header_are_passed_over(tmp_path: Path) -> None:
    file = write(tmp_path / "a.xlsx", row(), above=(["DAFTAR"], [], ["per", datetime(2026, 1, 1)]))  # noqa: DTZ001  # Excel
    (item,) = read(file)
    assert isinstance(item, OfferedOrder)


def test_numbers_that_excel_has_cut_are_refused(tmp_path: Path) -> None:
    """It keeps fifteen digits; the sixteenth of a NIK is a zero then, and another person's."""
    assert refusal(write(tmp_path / "a.xlsx", row(NIK=3171013101800001))) == ("O-1", "nik")
    (item,) = read(write(tmp_path / "b.xlsx", row(NIK="3171013101800001")))
    assert isinstance(item, OfferedOrder)
    assert item.load().subject.nik == "3171013101800001"


def test_a_formulas_error_is_refused_and_its_value_is_read(tmp_path: Path) -> None:
    assert refusal(write(tmp_path / "a.xlsx", row(**{"Nama Lengkap": "#N/A"}))) == ("O-1", "name")


def test_a_whole_number_is_its_digits(tmp_path: Path) -> None:
    (item,) = read(write(tmp_path / "a.xlsx", row() | {"No. Cekal": 101, "No. Paspor": 7.0}))
    assert isinstance(item, OfferedOrder)
    assert item.order_id == "101"
    assert item.load().subject.travel_documents[0].number == "7"


def test_empty_rows_and_short_rows_do_no_harm(tmp_path: Path) -> None:
    empty = dict.fromkeys(COLUMNS)
    found = read(write(tmp_path / "a.xlsx", empty, row("O-1"), empty, empty, row("O-2", Foto=None)))
    assert [item.order_id for item in found if isinstance(item, OfferedOrder)] == ["O-1", "O-2"]


def test_the_same_order_twice_is_refused_the_second_time(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.xlsx", row(), row()))
    assert [type(item) for item in found] == [OfferedOrder, RefusedRow]


def test_missing_columns_and_sheets_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "a.xlsx", row())
    with pytest.raises(SourceMisconfigured, match="no sheet 'Daftar'; it has Sheet"):
        read(file, sheet="Daftar")
    other = MappingSettings(fields=dict(TABLE_MAPPING.fields) | {"address": "Alamat"})
    with pytest.raises(SourceMisconfigured, match="missing: Alamat"):
        read(file, mapping=other)
    with pytest.raises(SourceMisconfigured, match=r"unknown: no\. paspor"):
        read(file, mapping=MappingSettings(fields=TABLE_MAPPING.fields), other_columns="refuse")


def test_what_is_no_spreadsheet_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    with pytest.raises(SourceUnavailable, match="Cannot read"):
        read(file)
    for content in (b"", b"No. Cekal;Nama", b"PK\x03\x04 broken"):
        file.write_bytes(content)
        with pytest.raises(SourceMisconfigured, match="no XLSX file"):
            read(file)
    with zipfile.ZipFile(file, "w") as parts:
        parts.writestr("hello.txt", "hello")
    with pytest.raises(SourceMisconfigured, match="no XLSX file"):
        read(file)


def test_a_file_with_a_password_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    file.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(4096))
    with pytest.raises(SourceMisconfigured, match="without a password"):
        read(file)


def test_a_hidden_sheet_is_not_taken_for_the_first(tmp_path: Path) -> None:
    file = write(tmp_path / "a.xlsx", row())
    book = load_workbook(file)
    book.create_sheet("Arsip", 0).sheet_state = "hidden"
    book.save(file)
    assert len(read(file)) == 1


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "a.xlsx", row())
    monkeypatch.setattr(sheet, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(SourceMisconfigured, match="unpacks to more"):
        read_here(file)


def test_too_many_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "MAX_ROWS", 2)
    with pytest.raises(SourceMisconfigured, match="more than 2 rows"):
        read_here(write(tmp_path / "a.xlsx", row("O-1"), row("O-2"), row("O-3")))


def test_entities_in_its_xml_are_not_expanded(tmp_path: Path) -> None:
    """A "billion laughs" in the sheet ends as a file that cannot be read."""
    file = write(tmp_path / "a.xlsx", row())
    with zipfile.ZipFile(file) as parts:
        content = {name: parts.read(name) for name in parts.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    laughs = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    content[sheet] = laughs + content[sheet].removeprefix(b'<?xml version="1.0"?>')
    with zipfile.ZipFile(file, "w") as parts:
        for name, data in content.items():
            parts.writestr(name, data)
    with pytest.raises(SourceMisconfigured, match=r"EntitiesForbidden"):
        read(file)


def test_a_spreadsheet_for_0_2_has_fewer_columns_and_is_read_as_before(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    columns = [name for name in FIELDS if name not in OPTIONAL_COLUMNS]
    sheet.append(columns)
    sheet.append([folder_row("O-1").get(name, "") for name in columns])
    book.save(tmp_path / "a.xlsx")
    (item,) = read(tmp_path / "a.xlsx", mapping=MappingSettings(), other_columns="refuse")
    assert isinstance(item, OfferedOrder)
    assert item.load().order.person_status is None
