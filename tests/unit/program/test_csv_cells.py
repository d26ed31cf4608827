"""What others wrote becomes no formula in a spreadsheet that opens our CSV."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.program.csv_files import SafeCsvWriter, safe_cell


def read_back(*cells: object) -> list[str]:
    stream = io.StringIO()
    SafeCsvWriter(stream).row(cells)
    (row,) = csv.reader(io.StringIO(stream.getvalue(), newline=""))
    return row


@pytest.mark.parametrize(
    "text", ['=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1＋1", "＠A"]
)
def test_a_text_that_a_spreadsheet_would_run_stands_after_an_apostrophe(text: str) -> None:
    assert read_back(text) == [f"'{text}"]


def test_numbers_and_plain_texts_stay_as_they_are() -> None:
    assert read_back(-1.5, 7, "C-1", "a=b", "", 'say "x"; y') == ["-1.5", "7", "C-1", "a=b", "", 'say "x"; y']
    assert safe_cell(-3) == -3


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2))
def test_no_text_begins_a_formula_and_none_is_lost(texts: list[str]) -> None:
    for text, cell in zip(texts, read_back(*texts), strict=True):
        assert cell.removeprefix("'") == text.removeprefix("'") or cell == f"'{text}"
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
