"""The report of an import as CSV for a spreadsheet: the same from the server's command and from the web console.

It holds keys, codes and names of files; nothing of a person but the key.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Final

from cekalwatch.contract.values.imports import PhotoReport, RecordReport
from cekalwatch.program.csv_cells import BYTE_ORDER_MARK, SafeCsvWriter

CSV_COLUMNS: Final = (
    *("order_id", "subject_id", "outcome", "reason", "field", "status", "broken_rules", "flags"),
    *("photo", "photo_outcome", "photo_reason", "photo_warnings", "also_under"),
    *("eye_distance_px", "yaw_degrees", "pitch_degrees", "sharpness", "brightness", "detector_score", "faces"),
)
_PHOTO_COLUMNS: Final = len(CSV_COLUMNS) - CSV_COLUMNS.index("photo")


def report_csv(reports: Iterable[RecordReport]) -> str:
    """Return a row for each photograph, with its order's columns repeated, and one for an order without."""
    stream = io.StringIO()
    stream.write(BYTE_ORDER_MARK)
    writer = SafeCsvWriter(stream)
    writer.row(CSV_COLUMNS)
    for report in reports:
        record = [
            *(report.order_id, report.subject_id, report.outcome or "", report.reason or "", report.field),
            *(report.status or "", " ".join(report.broken_rules), " ".join(report.flags)),
        ]
        for photo in report.photos or (None,):
            writer.row([*record, *_photo_cells(photo)])
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
    return [*found, *whole, *parts, one.faces]
