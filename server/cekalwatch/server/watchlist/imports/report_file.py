"""Writes the report of an import as a file that only its owner can read: CSV for a spreadsheet, or JSON.

It holds keys, codes and names of files; nothing of a person but the key.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.import_report import report_csv
from cekalwatch.server.watchlist.imports.reports import Summary, summarise

_OF_PREVIEWS = {"added", "ends"}


def check_report_file(file: Path) -> None:
    """Raise ProgramError when a report cannot be written to `file`; asked before an import begins."""
    if file.suffix.lower() not in {".csv", ".json"}:
        raise ProgramError(f"The report {file} must end in .csv or .json", Exit.USAGE)
    if not os.access(file.parent, os.W_OK | os.X_OK) or file.is_dir():
        raise ProgramError(f"Cannot write the report {file}: its folder does not exist or is not writable", Exit.USAGE)


def write_report(file: Path, reports: Sequence[RecordReport]) -> None:
    """Write the reports, replacing a file of that name in one step. Raises ProgramError."""
    text = report_csv(reports) if file.suffix.lower() == ".csv" else _json(reports, summarise(reports))
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
    document = {"summary": asdict(summary), "records": records}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
