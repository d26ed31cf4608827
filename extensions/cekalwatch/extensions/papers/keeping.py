"""Puts papers into a folder, as text and as PDF."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from cekalwatch.extensions.papers.writing import paper_texts
from cekalwatch.program.documents.markdown import read_document
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.translations import Language


def keep(folder: Path, texts: Mapping[str, str], made_at: datetime) -> Iterator[Path]:
    """Write each text into `folder`, made if it is missing, and yield its PDF; files of that name are replaced.

    `texts`: Markdown by the file's name without its end, which ends in the language: `retention-schedule.id`. Raises
    ProgramError, also where the library for PDF is not installed.
    """
    try:
        from cekalwatch.program.documents.pdf import document_pdf
    except ModuleNotFoundError:
        raise ProgramError(
            "The papers need a library that is not installed. Install with: pip install --no-index "
            "--find-links wheels 'cekalwatch[papers]'",
            Exit.MISSING_EXTRA,
        ) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            language = Language(name.rpartition(".")[2])
            page = paper_texts(language).say("PAPER_PAGE", page="{page}", pages="{pages}")
            (folder / f"{name}.md").write_text(text, encoding="utf-8")
            file = folder / f"{name}.pdf"
            file.write_bytes(document_pdf(read_document(text), language, made_at, page))
            yield file
    except OSError as error:
        raise ProgramError(f"Cannot write to {folder}: {error.strerror}", Exit.UNAVAILABLE) from None
