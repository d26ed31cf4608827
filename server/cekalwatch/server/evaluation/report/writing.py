"""Writes an evaluation's files. They name people, so that only their owner may read them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cekalwatch.program.errors import ProgramError
from cekalwatch.server.evaluation.evaluation import Evaluation
from cekalwatch.server.evaluation.report.document import document
from cekalwatch.server.evaluation.report.page import page


def write_report(evaluation: Evaluation, folder: Path) -> tuple[Path, Path]:
    """Write `evaluation.html` and `evaluation.json` into `folder`, replacing older ones; return where they are.

    Raises ProgramError when they cannot be written.
    """
    html, figures = folder / "evaluation.html", folder / "evaluation.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(html, page(evaluation))
        _write(figures, json.dumps(document(evaluation), indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise ProgramError(f"Cannot write into {folder}: {error.strerror}") from None
    return html, figures


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
