"""CSV that a spreadsheet opens safely: no text becomes a formula (OWASP, "CSV Injection"); and the report of an import.

The report is the same from the server's command and from the web console. It contains keys, codes and names of files;
of a person, only the key, and the values that must be corrected.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import astuple
from typing import Final, TextIO

from cekalwatch.contract.values.imports import FieldFault, PhotoReport, RecordReport
from cekalwatch.contract.values.iso_quality import iso_quality
from cekalwatch.contract.values.orders import DateDoubt

BYTE_ORDER_MARK: Final = "\ufeff"
"""At the start of a file; tells Excel that the text is UTF-8."""
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Characters that a spreadsheet takes for the start of a formula, or skips before one."""
_FORMULA_WITHIN: Final = re.compile(r"""([;\t\r\n][ "]*)(?=[=+\-@＝＋－＠])""")
"""One where a cell begins in countries whose spreadsheets separate by semicolons, Indonesia among them."""


def safe_cell(cell: object) -> object:
    """Return `cell`, with an apostrophe before each text that a spreadsheet would run as a formula."""
    if not isinstance(cell, str):
        return cell
    return ("'" if cell.startswith(_FORMULA_STARTS) else "") + _FORMULA_WITHIN.sub(r"\1'", cell)


class SafeCsvWriter:
    """Writes rows with texts from outside."""

    def __init__(self, stream: TextIO) -> None:
        self._writer = csv.writer(stream)

    def row(self, cells: Iterable[object]) -> None:
        self._writer.writerow([safe_cell(cell) for cell in cells])

    def rows(self, rows: Iterable[Iterable[object]]) -> None:
        for cells in rows:
            self.row(cells)


CSV_COLUMNS: Final = (
    *("order_id", "subject_id", "outcome", "reason", "field", "status", "broken_rules", "flags"),
    *("revocation_ground", "revocation_reference"),
    *("photo", "photo_outcome", "photo_reason", "photo_warnings", "also_under"),
    *("eye_distance_px", "yaw_degrees", "pitch_degrees", "sharpness", "brightness", "detector_score", "faces"),
    *("iso_eye_distance", "iso_yaw", "iso_pitch", "iso_luminance"),
    *("place", "value", "what_is_right"),
)
_PHOTO_COLUMNS: Final = CSV_COLUMNS.index("place") - CSV_COLUMNS.index("photo")


def report_csv(
    reports: Iterable[RecordReport], right: Callable[[FieldFault], str], odd: Callable[[DateDoubt], str]
) -> str:
    """Return a row for each photograph, with its order's columns repeated, one for an order without, and one for each
    wrong field of a refused order, for which `right` says what would be right, as `odd` does for doubtful dates.
    """
    stream = io.StringIO()
    stream.write(BYTE_ORDER_MARK)
    writer = SafeCsvWriter(stream)
    writer.row(CSV_COLUMNS)
    for report in reports:
        known = [report.order_id, report.subject_id, report.outcome or "", report.reason or ""]
        for fault in report.faults:
            told = (report.place, fault.value, right(fault))
            writer.row([*known, fault.field, *[""] * (len(CSV_COLUMNS) - len(known) - 1 - len(told)), *told])
        if report.faults:
            continue
        record = [
            *(*known, report.field),
            *(report.status or "", " ".join(report.broken_rules), " ".join(report.flags)),
            *(report.revocation_ground or "", report.revocation_reference),
        ]
        doubts = "; ".join(f"{doubt.field} {odd(doubt)}" for doubt in report.doubts)
        for photo in report.photos or (None,):
            writer.row([*record, *_photo_cells(photo), report.place, "", doubts])
    return stream.getvalue()


def _photo_cells(photo: PhotoReport | None) -> list[str | float]:
    if photo is None:
        return [""] * _PHOTO_COLUMNS
    found = [
        photo.name,
        photo.outcome or "",
        photo.reason or "",
        " ".join(photo.warnings),
        " | ".join(photo.also_under),
    ]
    if (one := photo.figures) is None:
        return [*found, *[""] * (_PHOTO_COLUMNS - len(found))]
    whole = (round(one.eye_distance_px), round(one.yaw_degrees), round(one.pitch_degrees))
    parts = (round(one.sharpness, 2), round(one.brightness, 2), round(one.detector_score, 2))
    return [*found, *whole, *parts, one.faces, *astuple(iso_quality(one))]
