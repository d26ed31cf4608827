"""Writes an evaluation's files. They name people, so only their owner may read them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cekalwatch.evaluation.evaluation import Evaluation
from cekalwatch.evaluation.report import words
from cekalwatch.evaluation.report.document import document
from cekalwatch.evaluation.report.plots import plots
from cekalwatch.evaluation.report.template import environment
from cekalwatch.program.errors import ProgramError


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


def page(evaluation: Evaluation) -> str:
    """Return the report as one HTML page without scripts and external addresses; names are escaped."""
    from markupsafe import Markup

    return (
        environment()
        .get_template("page.html")
        .render(
            run=evaluation,
            kinds=(("Passages", "passages", evaluation.passages), ("Single images", "images", evaluation.single)),
            point=evaluation.passages.at(evaluation.plan.fpir),
            headline=words.expectation(evaluation.passages.at(evaluation.plan.fpir), "passages"),
            headline_single=words.expectation(evaluation.single.at(evaluation.plan.fpir), "single images"),
            extrapolation=evaluation.tail.extrapolation if evaluation.tail else "",
            # Our own SVG, in which matplotlib has escaped all texts.
            plots={name: Markup(svg) for name, svg in plots(evaluation).items()},  # noqa: S704
            list_sizes=(100, 400, 1_000, 4_000, 10_000),
            fpirs=(1e-2, 1e-3, 1e-4),
        )
    )
