"""The lines of figures of *Statistics* with their trends, and the curves and cards that show them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from markupsafe import Markup

from cekalwatch.console.locale.texts import ConsoleTexts
from cekalwatch.console.pages.plots import SPARK_HEIGHT, sparkline
from cekalwatch.console.reporting.figure_lines import LINES, period_name, shown_lines
from cekalwatch.console.table_cells import with_heads
from cekalwatch.contract.values.reports import (
    NOT_MEASURED,
    ExerciseFigures,
    FieldPeriod,
    LookFigures,
    PeriodLength,
    Waits,
)
from cekalwatch.program.translations import Language
from tests.support.builders.field_report import REPORT, line
from tests.support.builders.watchlist import WIB

MIDNIGHT = datetime(2026, 3, 2, tzinfo=WIB)
DAY = timedelta(days=1)


def period(number: int, passages: int) -> FieldPeriod:
    whole = line("") if passages else replace(line("", rate=NOT_MEASURED), passages=0)
    since = MIDNIGHT + number * DAY
    waits = Waits(2, 9.0, 30.0) if passages else Waits(0, 0.0, 0.0)
    return FieldPeriod(since, since + DAY, replace(whole, passages=passages), waits, waits, 1, number)


PERIODS = [period(0, 1200), period(1, 0), period(2, 15_000)]


@pytest.mark.parametrize(
    ("language", "passages", "share", "claims"),
    [
        (Language.EN, "0 to 15,000, last 15,000", "1 in 5,000 (1 in 10,000 – 1 in 2,000)", "9 s"),
        (
            Language.ID,
            "0 sampai 15.000, terakhir 15.000",
            "1 dari 5.000 (1 dari 10.000 – 1 dari 2.000)",
            "9 detik",
        ),
    ],
)
def test_each_line_has_its_figure_its_trend_and_the_same_in_words(
    language: Language, passages: str, share: str, claims: str
) -> None:
    texts = ConsoleTexts(language, WIB)
    found = {one.name: shown for one, shown in zip(LINES, shown_lines(REPORT, PERIODS, texts), strict=True)}
    assert found["PASSAGES"].trend.means == passages
    assert found["PASSAGES"].trend.values == (1200, 0, 15_000)
    assert found["FALSE_RATE"].words == share
    assert found["FALSE_RATE"].trend.cells == (share, "–", share)
    assert found["CLAIMS"].trend.means == claims
    assert found["UNUSABLE"].trend.means == ""
    assert "95 %" in found["FALSE_RATE"].title


@pytest.mark.parametrize(
    ("language", "looks", "few", "told"),
    [
        (
            Language.EN,
            "37 of 40, 3 changed; half of the looks within 6 s",
            "4 (3 on a screen, 1 stopped before)",
            "4 (3 on a screen, 1 stopped before); 9 recognised, 0 not decided, 1 taken for another person",
        ),
        (
            Language.ID,
            "37 dari 40, 3 berubah; separuh pandangan dalam 6 detik",
            "4 (3 tampil di layar, 1 terhenti sebelumnya)",
            "4 (3 tampil di layar, 1 terhenti sebelumnya); 9 dikenali, 0 tidak dapat ditentukan, 1 dianggap orang lain",
        ),
    ],
)
def test_looks_and_exercises_are_told_as_numbers(language: Language, looks: str, few: str, told: str) -> None:
    texts = ConsoleTexts(language, WIB)
    lines = {one.name: one for one in LINES}
    seen = replace(PERIODS[0], looks=LookFigures(40, 37, 6.0), exercises=ExerciseFigures(4, 3, 3))
    assert lines["LOOKS"].words(seen, texts) == looks
    shown = shown_lines(REPORT, [PERIODS[1], seen], texts)[list(lines).index("LOOKS")]
    assert shown.trend.cells == ("–", "92 %")
    assert lines["EXERCISES"].words(seen, texts) == few
    assert lines["EXERCISES"].words(replace(seen, exercises=ExerciseFigures(4, 3, 10, 9, 0, 1)), texts) == told
    assert lines["EXERCISES"].words(REPORT, texts) == "0"


@pytest.mark.parametrize(("most", "load"), [(1, "acceptable"), (2, "manageable"), (10, "demanding"), (11, "a flood")])
def test_the_load_of_an_officer_is_told_beside_eemua_191(most: int, load: str) -> None:
    texts = ConsoleTexts(Language.EN, WIB)
    (words,) = (one.words(replace(REPORT, busiest=most), texts) for one in LINES if one.name == "BUSIEST")
    assert words == f"{most} ({load} by EEMUA 191)"


def test_a_period_is_named_by_its_days() -> None:
    texts = ConsoleTexts(Language.ID, WIB)
    assert period_name(PERIODS[0], PeriodLength.DAY, texts) == "2 Maret 2026"
    week = replace(PERIODS[0], until=MIDNIGHT + 7 * DAY)
    assert period_name(week, PeriodLength.WEEK, texts) == "2 Maret 2026 – 8 Maret 2026"


def test_a_curve_is_broken_where_nothing_was_measured_and_ends_at_the_newest_value() -> None:
    curve = sparkline([1.0, 2.0, None, 4.0, None])
    assert [len(part.split()) for part in curve.lines] == [2, 1]
    assert curve.last == (118.0, 4.0), "the fourth of five places, at the top"
    assert sparkline([0.0, 0.0]).last == (156.0, SPARK_HEIGHT - 4.0), "zero is at the foot"
    assert sparkline([None]).last is None
    banded = sparkline([0.5, 0.5], [(0.25, 0.75), (0.5, 0.5)])
    assert banded.bands == ["4.0,10.0 156.0,16.0 156.0,16.0 4.0,22.0"]


def test_each_cell_of_a_row_has_its_heading_but_the_one_that_names_the_row() -> None:
    row = Markup('<tr><th scope="row">x</th><td class="whole">1</td>\n<td>2</td><td>3</td></tr>')
    assert with_heads(row, ["Camera", 'Faces "seen"', "A < B", ""]) == (
        '<tr><th scope="row">x</th><td data-head="Faces &#34;seen&#34;" class="whole">1</td>\n'
        '<td data-head="A &lt; B">2</td><td>3</td></tr>'
    )
