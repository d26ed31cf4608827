"""The figures of the field as people take them away: words, PDF, CSV and plots of a report whose numbers are known."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from pypdf import PdfReader

from cekalwatch.console.locale.texts import ConsoleTexts
from cekalwatch.console.pages.plots import Bar, bar_plot
from cekalwatch.console.pages.statistics import charts
from cekalwatch.console.reporting.report_document import figures_csv, report_document
from cekalwatch.contract.values.reports import (
    NOT_MEASURED,
    FieldReport,
    GroupFigures,
    GroupPair,
    MeasuredGroups,
    Rate,
    ThresholdWhatIf,
    Waits,
)
from cekalwatch.program.documents.pdf import document_pdf
from cekalwatch.program.translations import Language
from tests.support.builders.field_report import RATE, line
from tests.support.builders.field_report import REPORT as WHOLE_REPORT
from tests.support.builders.watchlist import WIB

REPORT = replace(
    WHOLE_REPORT,
    agencies=(line("Kejaksaan Agung – 東京", "CEGAH"), line("", "CEGAH"), line("=HYPERLINK(1)", "TANGKAL")),
    what_ifs=(*WHOLE_REPORT.what_ifs, ThresholdWhatIf("standard-2", 0.48, 0.6, 3, 1, 0, 0)),
    groups=None,
)
SMALL = Rate(0.001, 0.0005, 0.002)
GROUPS = MeasuredGroups(
    "volunteers",
    "standard-1",
    1_050,
    (GroupFigures("women", RATE, NOT_MEASURED), GroupFigures("men", RATE, RATE)),
    (
        GroupPair("", "", SMALL),
        GroupPair("women", "men", Rate(0.0001, 0.0, 0.0004)),
        GroupPair("women", "women", Rate(0.02, 0.015, 0.03)),
        GroupPair("men", "men", Rate(0.001, 0.0, 0.01)),
        GroupPair("men", "women", NOT_MEASURED),
    ),
)


def texts(language: Language) -> ConsoleTexts:
    return ConsoleTexts(language, WIB)


def pdf(report: FieldReport, language: Language = Language.EN) -> bytes:
    words = texts(language).say("PAGE_OF", page="{page}", pages="{pages}")
    return document_pdf(report_document(report, texts(language)), language, report.made_at, words)


def test_in_the_first_minutes_of_a_day_no_camera_has_a_bar() -> None:
    report = replace(REPORT, hours=(), cameras=(line("dep-2", rate=NOT_MEASURED),))
    assert charts(report, texts(Language.EN)) == []


def text_of(data: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages).split())


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            Language.EN,
            (
                "Faces seen: 15,000. Alerts: ",
                "median 12 s, 95 % within 65 s (6 alerts)",
                "not measured",
                "1 in 5,000",
                "0.450 – 0.480",
                "moved the threshold from 0.500",
                "Not counted: dep-9, because their scores stand out.",
                "too few passages",
                "0 of 1 confirmed alerts would have been missed",
                "No alert was confirmed",
                "The agency is no longer known",
            ),
        ),
        (
            Language.ID,
            (
                "Wajah terlihat: 15.000. Peringatan: ",
                "1 dari 5.000",
                "1.234",
                "tidak diukur",
                "Halaman 1 dari",
            ),
        ),
    ],
)
def test_the_pdf_says_what_the_document_says(language: Language, said: tuple[str, ...]):
    data = pdf(REPORT, language)
    shown = text_of(data)
    for words in said:
        assert words in shown, (words, shown)
    reader = PdfReader(io.BytesIO(data))
    assert str(reader.root_object["/Lang"]) == language
    assert reader.metadata is not None
    assert reader.metadata.title == report_document(REPORT, texts(language)).title
    assert reader.metadata.creation_date == REPORT.made_at


def test_one_alert_is_one_alert() -> None:
    one = Waits(1, 9.0, 9.0)
    assert [texts(language).waits(one) for language in Language] == ["9 detik (1 peringatan)", "9 s (1 alert)"]


def test_shares_and_thresholds_have_the_marks_of_the_language() -> None:
    assert [texts(language).share(0.25) for language in Language] == ["0,25", "0.25"]
    assert "0,450 – 0,480" in text_of(pdf(REPORT, Language.ID))


def test_groups_of_volunteers_are_told_where_they_were_measured():
    shown = text_of(pdf(replace(REPORT, groups=GROUPS)))
    assert "measured on 1,050 volunteers (volunteers, standard-1)" in shown
    assert "women, mistaken for women 1 in 50 1 in 67 – 1 in 33 more often than average" in shown
    assert "women, mistaken for men 1 in 10,000 0 – 1 in 2,500 less often than average" in shown
    assert "men, mistaken for men 1 in 1,000 0 – 1 in 100 too few to tell" in shown
    assert "men, mistaken for women not measured – too few to tell" in shown
    assert "women 1 in 5,000 1 in 10,000 – 1 in 2,000 not measured –" in shown
    assert "the group of a traveller is not recorded. It can be measured" in text_of(pdf(REPORT))


def test_the_same_report_always_becomes_the_same_bytes():
    assert pdf(REPORT) == pdf(REPORT)
    assert pdf(REPORT) != pdf(replace(REPORT, listed=1))


def test_signs_that_the_font_has_not_become_question_marks():
    assert "Kejaksaan Agung – ?? (" in text_of(pdf(REPORT))


def test_many_lines_go_over_several_pages_with_their_numbers():
    many = replace(REPORT, cameras=tuple(line(f"dep-{number}") for number in range(150)))
    shown = text_of(pdf(many))
    assert "dep-149" in shown
    assert "Page 1 of 5" in shown or "Page 1 of 6" in shown or "Page 1 of 4" in shown


def test_a_spreadsheet_finds_every_figure_and_no_formula():
    rows = list(csv.DictReader(io.StringIO(figures_csv(REPORT).removeprefix("\ufeff"))))
    assert {row["figure"] for row in rows} >= {
        "site",
        "claim_p95_s",
        "most_in_ten_minutes",
        "camera",
        "agency",
        "hour",
        "list",
        "all",
    }
    (camera, unmeasured) = (row for row in rows if row["figure"] == "camera")
    assert (camera["passages"], camera["alerts"], float(camera["high"])) == ("15000", "6", 0.0005)
    assert unmeasured["false_rate"] == ""
    assert [row["key"] for row in rows if row["figure"] == "agency"][2] == "'=HYPERLINK(1)"
    assert not any(row["figure"].startswith("decision_p") for row in rows)


@pytest.mark.parametrize("values", [[0.0], [0.001], [1.0, 0.0, 10_000.0], [3e-5, 7e-5], [2.0] * 24])
def test_bars_stay_within_their_drawing_and_ticks_are_round(values: list[float]):
    drawn = bar_plot([Bar(str(value), value, value / 2, value * 3 + 1e-6) for value in values])
    for bar in drawn.bars:
        assert drawn.left <= bar.low <= bar.end <= bar.high <= drawn.right
        assert 0 < bar.middle < drawn.bottom < drawn.height
    assert 2 <= len(drawn.across) <= 12
    assert [tick.place for tick in drawn.across] == sorted({tick.place for tick in drawn.across})
    assert all(len(tick.words) <= 7 for tick in drawn.across)


def test_the_longest_interval_does_not_flatten_all_bars():
    drawn = bar_plot([Bar("a", 2.0, 1.0, 4.0), Bar("b", 2.0, 1.0, 4.0), Bar("few passages", 0.0, 0.0, 5_000.0)])
    assert drawn.bars[0].end - drawn.left > 100
