"""Spreadsheets that are small on the disk and endless or huge in memory: each is refused, and soon."""

from __future__ import annotations

import random
import time
import zipfile
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.reader.strings import read_string_table

from cekalwatch.server.watchlist.sources.files import shared_texts, spreadsheet
from cekalwatch.server.watchlist.sources.files.sheet import LAST_ROW, SheetRequest, rows
from cekalwatch.server.watchlist.sources.files.spreadsheet import SpreadsheetSource
from cekalwatch.server.watchlist.sources.list_process import read_cells, written_row
from cekalwatch.server.watchlist.sources.mapping import RecordMapper, folded_name
from cekalwatch.server.watchlist.sources.row_reader import NoPhotographs, RowReader
from cekalwatch.server.watchlist.sources.settings import SpreadsheetSettings
from cekalwatch.server.watchlist.sources.source import (
    OfferedOrder,
    RefusedRow,
    SourceItem,
    SourceMisconfigured,
    SourceTooCostly,
    SourceUnavailable,
)
from tests.support.builders.watchlist import WIB
from tests.support.scenarios.watchlist_sources import COLUMNS, TABLE_MAPPING, facts, indonesian, items

SHEET = "xl/worksheets/sheet1.xml"
TYPES = "[Content_Types].xml"
STRINGS = "xl/sharedStrings.xml"
BOOK = "xl/workbook.xml"


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, bytes]:
    """The parts of a sound file with two orders."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(COLUMNS))
    for key in ("O-1", "O-2"):
        sheet.append(list(indonesian(facts(key)).values()))
    book.save(tmp_path / "sound.xlsx")
    with zipfile.ZipFile(tmp_path / "sound.xlsx") as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    # As Excel does, and openpyxl does not.
    found[STRINGS] = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>x</t></si></sst>'
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    shared = b'<Override PartName="/%s" ContentType="%s"/></Types>' % (STRINGS.encode(), kind)
    return found | {TYPES: found[TYPES].replace(b"</Types>", shared)}


def packed(folder: Path, parts: dict[str, bytes]) -> Path:
    file = folder / "list.xlsx"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file


def read(file: Path) -> list[SourceItem]:
    settings = SpreadsheetSettings(kind="spreadsheet", file=file, mapping=TABLE_MAPPING)
    with closing(SpreadsheetSource(settings, WIB)) as source:
        return items(source.read(""))


def read_here(file: Path) -> list[tuple[int, list[object] | None]]:
    """The rows, as this process reads them: sooner than another one is started."""
    asked = SheetRequest(file=str(file), sheet="", header_within=50, columns=tuple(COLUMNS), other_columns="ignore")
    return list(rows(asked))


def changed(parts: dict[str, bytes], name: str, old: bytes, new: bytes) -> dict[str, bytes]:
    assert old in parts[name]
    return parts | {name: parts[name].replace(old, new)}


def offered_and_refused(*rows: list[object] | None) -> list[OfferedOrder | RefusedRow]:
    """What becomes of rows that another process gave."""
    reader = RowReader(RecordMapper(TABLE_MAPPING, WIB), NoPhotographs())
    found = [read_cells(written_row(row)) for row in rows]
    names = [folded_name(column) for column in COLUMNS]
    given = [dict(zip(names, row, strict=True)) if isinstance(row, list) else None for row in found]
    return [reader.item(f"row {number}", row) for number, row in enumerate(given, 2)]


@pytest.mark.parametrize("number", [LAST_ROW + 1, 10**15, 10**400])
def test_row_beyond_the_last_one_is_refused(parts: dict[str, bytes], tmp_path: Path, number: int) -> None:
    file = packed(tmp_path, changed(parts, SHEET, b'<row r="3"', b'<row r="%d"' % number))
    with pytest.raises(SourceMisconfigured):
        read_here(file)
    assert file.stat().st_size < 10_000


def test_rows_up_to_the_last_one_cost_nothing_where_there_are_none(parts: dict[str, bytes], tmp_path: Path) -> None:
    sheet = parts[SHEET].replace(b'<row r="3"', b'<row r="%d"' % LAST_ROW)
    for column in range(26):
        letter = bytes([65 + column])
        sheet = sheet.replace(b'r="%s3"' % letter, b'r="%s%d"' % (letter, LAST_ROW))
    file, begun = packed(tmp_path, parts | {SHEET: sheet}), time.process_time()
    assert [number for number, _ in read_here(file)] == [2, LAST_ROW]
    assert time.process_time() - begun < 1


def test_a_row_number_that_comes_twice_hides_no_order(parts: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(SourceMisconfigured, match="row 2 after row 2"):
        read_here(packed(tmp_path, changed(parts, SHEET, b'<row r="3"', b'<row r="2"')))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (TYPES, b"</Types>", b'<Default Extension="x" ContentType="y"/>' * 420_000 + b"</Types>"),
        (BOOK, b"</sheets>", b'<sheet name="x" sheetId="2" r:id="rId1"/>' * 400_000 + b"</sheets>"),
        (BOOK, b'name="Sheet', b'name="' + b"x" * 2_000_000),
        ("docProps/core.xml", b"</cp:coreProperties>", b" " * 2_000_000 + b"</cp:coreProperties>"),
    ],
)
def test_each_part_has_its_bound(parts: dict[str, bytes], tmp_path: Path, name: str, old: bytes, new: bytes) -> None:
    with pytest.raises(SourceMisconfigured, match="has a part"):
        read_here(packed(tmp_path, changed(parts, name, old, new)))


def test_more_parts_than_a_file_has_are_refused(parts: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(SourceMisconfigured, match="more than 10000 parts"):
        read_here(packed(tmp_path, parts | {f"x/{number}": b"" for number in range(10_001)}))


@pytest.fixture
def _little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the attack be small, so that the test is quick."""
    monkeypatch.setattr(spreadsheet, "MEMORY_BYTES", 450_000_000)


@pytest.mark.slow
@pytest.mark.usefixtures("_little_memory")
def test_texts_that_fill_the_memory_end_the_reader_alone(parts: dict[str, bytes], tmp_path: Path) -> None:
    bomb = packed(tmp_path, {name: content for name, content in parts.items() if name != STRINGS})
    begin, end = parts[STRINGS].split(b"</sst>")
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive, archive.open(STRINGS, "w") as strings:
        strings.write(begin + b"<si><t>")
        for _ in range(200):  # else this process would have it all in memory
            strings.write(b"x" * 1_000_000)
        strings.write(b"</t></si></sst>" + end)
    assert bomb.stat().st_size < 300_000
    with pytest.raises(SourceTooCostly, match="more memory"):
        read(bomb)
    assert len(read(packed(tmp_path, parts))) == 2


@pytest.mark.slow
def test_time_has_its_bound(parts: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "PROCESSOR_S", 1)
    row = b'<row r="%d">' + b"<c><v>1</v></c>" * 10 + b"</row>"
    rows = b"".join(row % number for number in range(4, 90_000))
    file = packed(tmp_path, changed(parts, SHEET, b"</sheetData>", rows + b"</sheetData>"))
    with pytest.raises(SourceTooCostly, match="more time"):
        read(file)


SHARED = 3_000_000


@pytest.mark.slow
def test_millions_of_texts_are_read_in_seconds(parts: dict[str, bytes], tmp_path: Path) -> None:
    """An honest list may have so many. openpyxl's own reader takes 25 s for them."""
    texts = b"<si><t>x</t></si>" * SHARED
    file, begun = packed(tmp_path, changed(parts, STRINGS, b"</sst>", texts + b"</sst>")), time.process_time()
    assert file.stat().st_size < 300_000
    assert len(read_here(file)) == 2
    assert time.process_time() - begun < 12


@pytest.mark.parametrize("texts", [b"<si/>", b"<si><t/></si>", b"<si><r><t>x</t></r></si>", b"<x/>"])
def test_more_elements_of_texts_than_a_list_has_are_refused(
    parts: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: bytes
) -> None:
    monkeypatch.setattr(shared_texts, "MAX_ELEMENTS", 10_000)
    file = packed(tmp_path, changed(parts, STRINGS, b"</sst>", texts * 10_000 + b"</sst>"))
    with pytest.raises(SourceMisconfigured, match="more than 10000 elements"):
        read_here(file)


def test_texts_come_as_openpyxl_reads_them(parts: dict[str, bytes]) -> None:
    kinds = (
        b"<si><t>plain</t></si><si/><si><t/></si><si><t xml:space='preserve'> a &amp; b\r\n</t></si>"
        b"<si><r><rPr><b/></rPr><t>bold</t></r><r><t> and not</t></r></si>"
        b"<si><t>said</t><rPh sb='0' eb='1'><t>how</t></rPh><phoneticPr fontId='1'/></si><si><t>_x005F_x000D_</t></si>"
    )
    document = parts[STRINGS].replace(b"</sst>", kinds + b"</sst>")
    assert shared_texts.shared_texts(BytesIO(document)) == read_string_table(BytesIO(document))


def test_one_text_in_many_cells_does_not_become_many_in_the_server(
    parts: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheet, "MAX_ROWS_BYTES", 1_000_000)
    text = b"<si><t>" + b"x" * 9_000 + b"</t></si>"
    many = b"".join(
        b'<row r="%d">%s</row>'
        % (number, b"".join(b'<c r="%c%d" t="s"><v>0</v></c>' % (65 + at, number) for at in range(10)))
        for number in range(4, 100)
    )
    shared = parts[STRINGS].replace(b"<si>", text + b"<si>", 1)
    with pytest.raises(SourceTooCostly, match="bytes together"):
        read(packed(tmp_path, changed(parts, SHEET, b"</sheetData>", many + b"</sheetData>") | {STRINGS: shared}))


@pytest.mark.parametrize("name", [SHEET, STRINGS, BOOK, TYPES, "xl/styles.xml"])
def test_entities_are_refused_in_every_part(parts: dict[str, bytes], tmp_path: Path, name: str) -> None:
    document = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b "&a;&a;&a;">]>'
    with pytest.raises(SourceUnavailable, match="Forbidden"):
        read(packed(tmp_path, parts | {name: document + parts[name]}))


@pytest.mark.parametrize(
    "cell",
    [
        b'<c r="A3"><v>' + b"9" * 4_301 + b"</v></c>",
        b'<c r="A3"><v>1e999999999</v></c>',
        b'<c r="A3" t="s"><v>999999</v></c>',
        b'<c r="A3" t="d"><v>yesterday</v></c>',
        b'<c r="A3" t="b"><v>maybe</v></c>',
        b'<c r="A3" t="inlineStr"><is><t>' + b"x" * 40_000 + b"</t></is></c>",
        b'<c r="A3" s="x"><v>1</v></c>',
        b'<c r="3A"><v>1</v></c>',
    ],
)
def test_a_cell_that_cannot_be_read_refuses_its_row_only(parts: dict[str, bytes], tmp_path: Path, cell: bytes) -> None:
    first = parts[SHEET].index(b'<c r="A3"')
    end = parts[SHEET].index(b"</c>", first) + len(b"</c>")
    (_, sound), broken = read_here(packed(tmp_path, parts | {SHEET: parts[SHEET][:first] + cell + parts[SHEET][end:]}))
    assert [item.keyed for item in offered_and_refused(sound, broken[1]) if isinstance(item, RefusedRow)] == [False]


def test_archives_in_the_archive_are_not_opened(parts: dict[str, bytes], tmp_path: Path) -> None:
    """A bomb within the file is a part like any other: nobody unpacks it."""
    inner = packed(tmp_path, {"zeros": bytes(50_000_000)}).read_bytes()
    assert len(read_here(packed(tmp_path, parts | {"xl/media/image1.zip": inner, "orders.xlsx": inner}))) == 2


def test_whatever_is_damaged_is_refused_and_nothing_else_happens(parts: dict[str, bytes], tmp_path: Path) -> None:
    sound = packed(tmp_path, parts).read_bytes()
    chance = random.Random(14)  # noqa: S311  # the same each time
    for _ in range(50):
        damaged = bytearray(sound)
        for _ in range(20):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        (tmp_path / "list.xlsx").write_bytes(damaged)
        try:
            found = read_here(tmp_path / "list.xlsx")
        except SourceUnavailable:
            continue
        assert len(found) <= 2
