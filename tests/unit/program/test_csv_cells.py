"""What others wrote becomes no formula in a spreadsheet that opens our CSV."""

from __future__ import annotations

import csv
import io
import re

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
    "text", ['=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "\ta", "\ra", "\na", "＝1＋1", "＠A"]
)
def test_a_text_that_a_spreadsheet_would_run_stands_after_an_apostrophe(text: str) -> None:
    assert read_back(text) == [f"'{text}"]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ('Budi;=HYPERLINK("http://x")', 'Budi;\'=HYPERLINK("http://x")'),
        ("a; +1;-2", "a; '+1;'-2"),
        ('a;"=1', "a;\"'=1"),
        ("a\n@SUM(A1)", "a\n'@SUM(A1)"),
        ("a\t=1", "a\t'=1"),
        ("\r=1", "'\r'=1"),
        ("a;＝1", "a;'＝1"),
    ],
)
def test_nor_where_the_spreadsheet_of_another_country_begins_a_cell_within_it(text: str, safe: str) -> None:
    """Excel in Indonesian separates by semicolons, and what stands in the middle of a cell is not quoted for it."""
    assert read_back(text) == [safe]


def test_numbers_and_plain_texts_stay_as_they_are() -> None:
    assert read_back(-1.5, 7, "C-1", "a=b", "", 'say "x"; y') == ["-1.5", "7", "C-1", "a=b", "", 'say "x"; y']
    assert safe_cell(-3) == -3


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2))
def test_no_text_begins_a_formula_and_none_is_lost(texts: list[str]) -> None:
    for text, cell in zip(texts, read_back(*texts), strict=True):
        assert cell.replace("'", "") == text.replace("'", "")
        for part in re.split("[;\t\r\n]", cell):
            assert not part.lstrip(' "').startswith(("=", "+", "-", "@"))
