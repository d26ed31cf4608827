"""Lists that people made: days as they write them, all faults of a row at once, and corrected cells."""

from __future__ import annotations

import io
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from cekalwatch.contract.values.imports import (
    EXAMPLE_ORDER_ID,
    LIST_COLUMNS,
    CellCorrection,
    DayOrder,
    FieldFault,
    RecordReport,
)
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.watchlist.imports.records import FIELD_FORMS, RecordError
from cekalwatch.server.watchlist.sources.files.upload import UploadedSource
from cekalwatch.server.watchlist.sources.list_process import Content
from cekalwatch.server.watchlist.sources.source import OfferedOrder, RefusedRow
from cekalwatch.server.watchlist.sources.written_days import WrittenDays
from tests.support.builders.watchlist import WIB
from tests.support.builders.watchlist_folder import COLUMNS, Row, row, write_orders

EVERY_DAY = st.dates(date(1900, 1, 1), date(2099, 12, 31))


def read(
    content: bytes, *corrections: CellCorrection, name: str = "list.csv"
) -> tuple[dict[str, date], list[RecordReport]]:
    """The first day of each order that a sent list has, and the reports on its other rows."""
    with closing(UploadedSource(Content(name, content), "utf-8", WIB, corrections)) as source:
        items = [item for page in source.read().pages for item in page.items]
        orders = [item.load().order for item in items if isinstance(item, OfferedOrder)]
        refused = [item.report for item in items if isinstance(item, RefusedRow)]
    return {order.order_id: order.valid_from for order in orders}, refused


def table(folder: Path, *rows: Row) -> bytes:
    write_orders(folder, rows)
    return (folder / "orders.csv").read_bytes()


def days(*written: str) -> list[Row]:
    """Rows whose first days are written so."""
    return [row(f"O-{number}", valid_from=one, valid_until="9999-12-31") for number, one in enumerate(written, 1)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-01", date(2026, 11, 1)),
        ("2026/11/1", date(2026, 11, 1)),
        ("1 November 2026", date(2026, 11, 1)),
        ("1 Nov 2026", date(2026, 11, 1)),
        ("November 1, 2026", date(2026, 11, 1)),
        ("1 Agustus 2026", date(2026, 8, 1)),
        ("01-Agt-2026", date(2026, 8, 1)),
        ("17 MEI 2026", date(2026, 5, 17)),
        ("31/12/2026", date(2026, 12, 31)),
        ("12/31/2026", date(2026, 12, 31)),
        ("31.12.2026", date(2026, 12, 31)),
        ("05/05/2026", date(2026, 5, 5)),
    ],
)
def test_a_day_is_read_as_people_write_it(tmp_path: Path, written: str, meant: date) -> None:
    assert read(table(tmp_path, *days(written))) == ({"O-1": meant}, [])


@pytest.mark.parametrize(
    "written", ["31/02/2026", "1/11/26", "01/11", "1-11/2026", "besok", "November 2026", "١/١١/٢٠٢٦", "x" * 9_000]
)
def test_what_is_no_day_is_refused_without_readings(tmp_path: Path, written: str) -> None:
    found, (report,) = read(table(tmp_path, *days(written)))
    assert found == {}
    assert [(fault.field, fault.readings) for fault in report.faults] == [("valid_from", ())]
    assert len(report.faults[0].value) <= 200


def test_a_column_shows_what_comes_first_wherever_in_it_that_is(tmp_path: Path) -> None:
    found, refused = read(table(tmp_path, *days("01/11/2026", "13/11/2026")))
    assert (found, refused) == ({"O-1": date(2026, 11, 1), "O-2": date(2026, 11, 13)}, [])
    found, refused = read(table(tmp_path, *days("11/13/2026", "01/11/2026")))
    assert (found["O-2"], refused) == (date(2026, 1, 11), [])


@pytest.mark.parametrize("others", [[], ["13/11/2026", "11/13/2026"]], ids=["nothing shows it", "both are shown"])
def test_an_ambiguous_day_is_refused_with_both_readings(tmp_path: Path, others: list[str]) -> None:
    found, (report,) = read(table(tmp_path, *days("01/11/2026", *others)))
    assert len(found) == len(others)
    assert report.faults == (FieldFault("valid_from", "01/11/2026", ("2026-11-01", "2026-01-11")),)


def test_another_column_shows_nothing(tmp_path: Path) -> None:
    _, (report,) = read(table(tmp_path, row(valid_from="01/11/2026", received_on="13/11/2026")))
    assert [fault.field for fault in report.faults] == ["valid_from"]


def test_a_person_says_what_comes_first_in_a_column(tmp_path: Path) -> None:
    rows = days("01/11/2026", "02/11/2026")
    for order, first in ((DayOrder.DAY_FIRST, date(2026, 11, 1)), (DayOrder.MONTH_FIRST, date(2026, 1, 11))):
        found, refused = read(table(tmp_path, *rows), CellCorrection("", "valid_from", order))
        assert (found["O-1"], refused) == (first, [])


@given(EVERY_DAY, EVERY_DAY, st.sampled_from(["%d/%m/%Y", "%m/%d/%Y"]))
def test_a_day_is_never_read_as_another_than_its_column_allows(one: date, other: date, form: str) -> None:
    column = WrittenDays()
    for day in (one, other):
        column.see("valid_from", day.strftime(form))
    written = one.strftime(form)
    if max(one.day, other.day) > 12 or one.day == one.month:
        assert column.read("valid_from", written) == one
    else:
        with pytest.raises(RecordError) as caught:
            column.read("valid_from", written)
        assert one.isoformat() in caught.value.readings


def test_orders_are_taken_by_the_day_of_receipt_that_the_column_shows(tmp_path: Path) -> None:
    """The index of rows is made before the column's end shows its order."""
    received = {"O-1": "02/01/2026", "O-2": "01/02/2026", "O-3": "31/12/2025"}
    content = table(tmp_path, *(row(key, received_on=day) for key, day in received.items()))
    assert list(read(content)[0]) == ["O-3", "O-1", "O-2"]


def test_all_faults_of_a_row_are_told_with_their_values(tmp_path: Path) -> None:
    bad = row(kind="CEKAL", valid_from="kemarin", sex="L", nik="317", requesting_agency="", travel_documents="x")
    _, (report,) = read(table(tmp_path, bad))
    assert {fault.field: fault.value for fault in report.faults} == {
        "kind": "CEKAL",
        "valid_from": "kemarin",
        "sex": "L",
        "nik": "317",
        "requesting_agency": "",
        "travel_documents": "x",
    }
    assert (report.place, report.order_id) == ("line 2", "O-1")
    assert "317" not in repr(report), "logs and tracebacks show a report as it is written"


def test_a_key_that_comes_twice_is_told_with_its_value(tmp_path: Path) -> None:
    _, (report,) = read(table(tmp_path, row("O-1"), row("O-1")))
    assert (report.place, report.faults) == ("line 3", (FieldFault("order_id", "O-1"),))


def spreadsheet(*rows: Row) -> bytes:
    book, content = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(COLUMNS))
    for one in rows:
        sheet.append([one.get(name, "") for name in COLUMNS])
    book.save(content)
    return content.getvalue()


@pytest.mark.parametrize("kind", ["table", "spreadsheet"])
def test_corrected_cells_take_the_place_of_the_files(tmp_path: Path, kind: str) -> None:
    rows = (row("O-1", kind="CEKAL"), row("O-1", sex="L"), row("O-3"))
    content, place = (table(tmp_path, *rows), "line") if kind == "table" else (spreadsheet(*rows), "row")
    found, refused = read(content)
    assert (list(found), len(refused)) == (["O-3"], 2)
    corrections = [
        CellCorrection(f"{place} 2", "kind", "cegah"),
        CellCorrection(f"{place} 3", "order_id", "O-2"),
        CellCorrection(f"{place} 3", "sex", "M"),
        CellCorrection(f"{place} 99", "sex", "M"),
    ]
    assert list(read(content, *corrections)[0]) == ["O-1", "O-2", "O-3"]


def test_a_correction_is_checked_like_the_file(tmp_path: Path) -> None:
    _, (report,) = read(table(tmp_path, row(sex="L")), CellCorrection("line 2", "sex", "?"))
    assert report.faults == (FieldFault("sex", "?"),)


def test_the_example_of_the_template_is_not_imported(tmp_path: Path) -> None:
    found, (report,) = read(table(tmp_path, row(EXAMPLE_ORDER_ID)))
    assert (found, report.faults) == ({}, (FieldFault("order_id", EXAMPLE_ORDER_ID),))


def test_a_list_has_a_column_for_each_fact_of_a_person() -> None:
    assert set(Subject.__dataclass_fields__) < set(LIST_COLUMNS)
    assert set(LIST_COLUMNS) | {"row", "package"} == set(FIELD_FORMS)
