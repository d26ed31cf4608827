"""Counts of records and photographs of an import by result, and the report as a file.

The file is CSV for a spreadsheet, or JSON, and only its owner can read it. It contains keys, codes and names of files;
of a person, only the key, and the values that must be corrected.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from cekalwatch.contract.values.imports import FieldFault, RecordReport
from cekalwatch.contract.values.iso_quality import iso_quality
from cekalwatch.contract.values.orders import DateDoubt, DateOddity, OrderStatus
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.program.csv_files import report_csv
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.watchlist.imports.records import FIELD_FORMS


@dataclass(frozen=True)
class Summary:
    """Numbers of records and photographs by result."""

    records: int
    stored: int
    unchanged: int
    refused: int
    flagged: int
    to_check: int
    """Orders in force that are flagged."""
    photos: int
    photos_enrolled: int
    photos_unchanged: int
    photos_refused: int
    photos_with_warnings: int


def summarise(reports: Sequence[RecordReport]) -> Summary:
    """Count."""
    records = Counter(report.outcome for report in reports)
    photos = [photo for report in reports for photo in report.photos]
    outcomes = Counter(photo.outcome for photo in photos)
    return Summary(
        records=len(reports),
        stored=records[ImportOutcome.STORED],
        unchanged=records[ImportOutcome.UNCHANGED],
        refused=records[ImportOutcome.REFUSED],
        flagged=sum(report.status is OrderStatus.INVALID for report in reports),
        to_check=sum(bool(report.flags) for report in reports),
        photos=len(photos),
        photos_enrolled=outcomes[PhotoOutcome.ENROLLED],
        photos_unchanged=outcomes[PhotoOutcome.UNCHANGED],
        photos_refused=outcomes[PhotoOutcome.REFUSED],
        photos_with_warnings=sum(bool(photo.warnings) for photo in photos),
    )


def fault_words(fault: FieldFault) -> str:
    """Return a field's wrong value, and what would be right."""
    value = repr(fault.value) if fault.value else "nothing that can be read"
    if fault.readings:
        return f"{value} can be {' or '.join(fault.readings)}: write the one that is meant"
    return f"{value}; must be {FIELD_FORMS[fault.field]}"


_ODDITIES: Final = {
    DateOddity.AFTER: "lies after {}",
    DateOddity.BEFORE: "lies before {}",
    DateOddity.LONG_BEFORE: "lies too long before {}",
    DateOddity.LONG_AFTER: "lies too long after {}",
    DateOddity.FUTURE: "lies in the future",
    DateOddity.ENDED: "begins a term that the law had ended before it was received",
}


def doubt_words(doubt: DateDoubt) -> str:
    """Return what is odd about a date, to be read after its field, and what was probably meant."""
    odd = _ODDITIES[DateOddity(doubt.oddity)].format(doubt.other) if doubt.oddity in _ODDITIES else doubt.oddity
    return odd + (f": probably {doubt.meant}" if doubt.meant else "")


_OF_PREVIEWS = {"added", "ends", "silences", "unrecognisable"}


def check_report_file(file: Path) -> None:
    """Raise ProgramError when a report cannot be written to `file`; asked before an import begins."""
    if file.suffix.lower() not in {".csv", ".json"}:
        raise ProgramError(f"The report {file} must end in .csv or .json", Exit.USAGE)
    if not os.access(file.parent, os.W_OK | os.X_OK) or file.is_dir():
        raise ProgramError(f"Cannot write the report {file}: its folder does not exist or is not writable", Exit.USAGE)


def write_report(file: Path, reports: Sequence[RecordReport]) -> None:
    """Write the reports, replacing a file of that name in one step. Raises ProgramError."""
    text = (
        report_csv(reports, fault_words, doubt_words)
        if file.suffix.lower() == ".csv"
        else _json(reports, summarise(reports))
    )
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
    records = [{name: held for name, held in asdict(one).items() if name not in _OF_PREVIEWS} for one in reports]
    for one, record in zip(reports, records, strict=True):
        for photo, held in zip(one.photos, record["photos"], strict=True):
            held["iso_29794_5"] = asdict(iso_quality(photo.figures)) if photo.figures else None
        record["faults"] = [{**asdict(fault), "what_is_right": fault_words(fault)} for fault in one.faults]
    document = {"summary": asdict(summary), "records": records}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
