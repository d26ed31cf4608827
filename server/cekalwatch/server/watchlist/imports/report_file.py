"""Writes the report of an import as a file that only its owner can read: CSV for a spreadsheet, or JSON.

It holds keys, codes and names of files; nothing of a person but the key.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cekalwatch.program.csv_cells import BYTE_ORDER_MARK, SafeCsvWriter
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.watchlist.imports.reports import PhotoReport, RecordReport, Summary, summarise

CSV_COLUMNS = (
    *("order_id", "subject_id", "outcome", "reason", "field", "status", "broken_rules", "flags"),
    *("photo", "photo_outcome", "photo_reason", "photo_warnings", "also_under"),
    *("eye_distance_px", "yaw_degrees", "pitch_degrees", "sharpness", "brightness", "detector_score", "faces"),
)
_PHOTO_COLUMNS = len(CSV_COLUMNS) - CSV_COLUMNS.index("photo")


def check_report_file(file: Path) -> None:
    """Raise ProgramError when a report cannot be written to `file`; asked before an import begins."""
    if file.suffix.lower() not in {".csv", ".json"}:
        raise ProgramError(f"The report {file} must end in .csv or .json", Exit.USAGE)
    if not os.access(file.parent, os.W_OK | os.X_OK) or file.is_dir():
        raise ProgramError(f"Cannot write the report {file}: its folder does not exist or is not writable", Exit.USAGE)


def write_report(file: Path, reports: Sequence[RecordReport]) -> None:
    """Write the reports, replacing a file of that name in one step. Raises ProgramError."""
    text = _csv(reports) if file.suffix.lower() == ".csv" else _json(reports, summarise(reports))
    try:
        # mkstemp makes the file with mode 0600.
        handle, temporary = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
                stream.write(text)
            Path(temporary).replace(file)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise ProgramError(f"The import is done, but the report {file} cannot be written: {error.strerror}") from None


def _json(reports: Sequence[RecordReport], summary: Summary) -> str:
    document = {"summary": asdict(summary), "records": [asdict(report) for report in reports]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _csv(reports: Sequence[RecordReport]) -> str:
    """Return a row for each photograph, with its order's columns repeated, and one for an order without."""
    stream = io.StringIO()
    stream.write(BYTE_ORDER_MARK)
    writer = SafeCsvWriter(stream)
    writer.row(CSV_COLUMNS)
    for report in reports:
        record = [
            *(report.order_id, report.subject_id, report.outcome, report.reason or "", report.field),
            *(report.status or "", " ".join(report.broken_rules), " ".join(report.flags)),
        ]
        for photo in report.photos or (None,):
            writer.row([*record, *_photo_cells(photo)])
    return stream.getvalue()


def _photo_cells(photo: PhotoReport | None) -> list[str | float]:
    if photo is None:
        return [""] * _PHOTO_COLUMNS
    found = [photo.name, photo.outcome, photo.reason or "", " ".join(photo.warnings), " | ".join(photo.also_under)]
    if (one := photo.figures) is None:
        return [*found, *[""] * (_PHOTO_COLUMNS - len(found))]
    whole = (round(one.eye_distance_px), round(one.yaw_degrees), round(one.pitch_degrees))
    parts = (round(one.sharpness, 2), round(one.brightness, 2), round(one.detector_score, 2))
    return [*found, *whole, *parts, one.faces]
