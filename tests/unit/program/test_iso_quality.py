"""Components of ISO/IEC 29794-5: values that OFIQ 1.1 gives for the same measurements, and the report that has them."""

from __future__ import annotations

import csv
import io

import pytest

from cekalwatch.contract.values.imports import PhotoReport, RecordReport
from cekalwatch.contract.values.iso_quality import IsoQuality, iso_quality
from cekalwatch.contract.values.subjects import FaceFigures
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.program.csv_files import report_csv
from cekalwatch.server.cli.watchlist.importing import face_words

GOOD = FaceFigures(90, 0, 0, 0.5, 0.5, 0.9, 1)


@pytest.mark.parametrize(
    ("figures", "parts"),
    [
        (FaceFigures(90, 0, 0, 0.5, 0.5, 0.9, 1), (73, 100, 100, 100)),
        (FaceFigures(70, 0, 0, 0.5, 0.2, 0.9, 1), (50, 100, 100, 50)),
        (FaceFigures(32, 0, 0, 0.5, 0.85, 0.9, 1), (13, 100, 100, 27)),
        (FaceFigures(100, 25, -15, 0.5, 0.1, 0.9, 1), (88, 82, 93, 12)),
        (FaceFigures(100, -25, 15, 0.5, 0.1, 0.9, 1), (88, 82, 93, 12)),
        (FaceFigures(0, 90, -90, 0, 0, 0, 0), (3, 0, 0, 2)),
        (FaceFigures(100_000, 89, 0, 1, 1, 1, 1), (100, 0, 100, 2)),
    ],
)
def test_components_are_those_of_the_standards_formulas(figures: FaceFigures, parts: tuple[int, int, int, int]) -> None:
    assert iso_quality(figures) == IsoQuality(*parts)


def test_the_reports_of_an_import_have_them() -> None:
    photo = PhotoReport("a.jpg", PhotoOutcome.ENROLLED, figures=GOOD)
    report = RecordReport("O-1", "S-1", ImportOutcome.STORED, photos=(photo,))
    (row,) = csv.DictReader(io.StringIO(report_csv([report], lambda _: "", lambda _: "").removeprefix("\ufeff")))
    names = ("iso_eye_distance", "iso_yaw", "iso_pitch", "iso_luminance")
    assert [row[name] for name in names] == ["73", "100", "100", "100"]
    assert "ISO/IEC 29794-5: eyes 73, yaw 100, pitch 100, light 100" in face_words(GOOD)
