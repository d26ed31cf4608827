"""A CSV table is read as it is, whatever program wrote it, or refused by name; its size takes no memory."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cekalwatch.server.watchlist.sources.files import csv_table
from cekalwatch.server.watchlist.sources.files.csv_table import CsvTable
from cekalwatch.server.watchlist.sources.source import SourceMisconfigured

COLUMNS = ("No. Cekal", "Nama", "Alasan")
CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=12)
ROWS = st.lists(st.tuples(CELL, CELL, CELL).filter(lambda row: any(cell.strip() for cell in row)), max_size=8)


def table(folder: Path, content: bytes, encoding: str = "utf-8") -> CsvTable:
    file = folder / "daftar.csv"
    file.write_bytes(content)
    return CsvTable(file, COLUMNS, encoding)


def cells(opened: CsvTable) -> list[tuple[str, ...] | None]:
    with opened:
        return [tuple(row.cells.values()) if row.cells is not None else None for row in opened.rows()]


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.sampled_from(",;\t"), st.sampled_from(["\r\n", "\n"]), st.booleans())
def test_what_was_written_is_read_from_the_top_and_from_any_place(
    tmp_path: Path, rows: list[tuple[str, str, str]], delimiter: str, end: str, mark: bool
) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([COLUMNS, *rows])
    with table(tmp_path, stream.getvalue().encode("utf-8-sig" if mark else "utf-8")) as opened:
        found = list(opened.rows())
        assert [tuple((row.cells or {}).values()) for row in found] == [tuple(map(str.strip, row)) for row in rows]
        for row in reversed(found):
            assert opened.row_at(row.place) == row.cells


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_whatever_it_is_it_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    try:
        found = cells(table(tmp_path, ";".join(COLUMNS).encode() + b"\n" + content))
    except SourceMisconfigured as error:
        assert "daftar.csv" in str(error)  # noqa: PT017  # either is right
    else:
        assert all(row is None or len(row) == 3 for row in found)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_as_on_any_system(tmp_path: Path, end: bytes) -> None:
    assert cells(table(tmp_path, end.join([b"No. Cekal;Nama;Alasan", b"1;A;x", b"2;B;y"]))) == [
        ("1", "A", "x"),
        ("2", "B", "y"),
    ]


def test_windows_1252_is_read_when_that_is_said(tmp_path: Path) -> None:
    content = "no. cekal;nama;alasan\r\n1;Müller – “M”;x".encode("cp1252")
    assert cells(table(tmp_path, content, "windows-1252")) == [("1", "Müller – “M”", "x")]
    with pytest.raises(SourceMisconfigured, match=r"line 2 could be Windows-1252.* set encoding"):
        cells(table(tmp_path, content))


def test_utf_8_is_not_read_as_windows_1252(tmp_path: Path) -> None:
    """It would be read without an error, and every name wrongly."""
    with pytest.raises(SourceMisconfigured, match="is UTF-8 text"):
        cells(table(tmp_path, "No. Cekal;Nama;Alasan\n1;Müller;x".encode(), "windows-1252"))
    with pytest.raises(SourceMisconfigured, match='line 2 could be UTF-8; if all of it is, set encoding to "utf-8"'):
        cells(table(tmp_path, "No. Cekal;Nama;Alasan\n1;Álvarez;x".encode(), "windows-1252"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("No. Cekal;Nama;Alasan\n1;A;x".encode("utf-16"), "it is UTF-16"),
        (b"No. Cekal;Nama;Alasan\n1;\xff\x81;x", "line 2 is neither UTF-8 nor Windows-1252"),
        (b"No. Cekal;Nama;Alasan\0\n1;A;x", "line 1 has NUL"),
    ],
)
def test_other_encodings_are_refused_by_name(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(SourceMisconfigured, match=said):
        cells(table(tmp_path, content))


def test_a_nul_in_a_later_line_refuses_its_row_only(tmp_path: Path) -> None:
    assert cells(table(tmp_path, b"No. Cekal;Nama;Alasan\n1;\0;x\n2;B;y")) == [None, ("2", "B", "y")]


def test_a_table_that_is_one_endless_line_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_table, "MAX_LINE_BYTES", 1000)
    with pytest.raises(SourceMisconfigured, match="more than 1000 bytes"):
        cells(table(tmp_path, b"No. Cekal;Nama;Alasan\n" + b"x" * 2000))


def test_other_columns_can_be_ignored(tmp_path: Path) -> None:
    file = tmp_path / "daftar.csv"
    file.write_text("No;NO.  CEKAL;Nama;Alasan;No\n1;C-1;A;x;9\n")
    with CsvTable(file, COLUMNS, others="ignore") as opened:
        (row,) = opened.rows()
        assert row.cells
        assert (row.cells["no. cekal"], row.cells["nama"]) == ("C-1", "A")
    with pytest.raises(SourceMisconfigured, match="unknown: no"):
        CsvTable(file, COLUMNS)
