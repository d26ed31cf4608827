"""`cekalwatch-camera survey`: how good is this camera where it hangs?"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cekalwatch.camera.cli.options import chosen_camera
from cekalwatch.camera.survey.words import Language, Words
from cekalwatch.program.errors import Exit, ProgramError


def survey(
    source: Annotated[str | None, typer.Option(help="What to look at, as with `run`.")] = None,
    minutes: Annotated[float, typer.Option(min=0.05, max=24 * 60, help="For how long.")] = 10.0,
    report: Annotated[Path, typer.Option(metavar="FILE", help="Where the report goes.")] = Path("survey.html"),
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the figures as JSON too; - for standard output."),
    ] = None,
    language: Annotated[Language, typer.Option(help="Of the report and of the advice.")] = Language.ENGLISH,
    show_faces: Annotated[
        bool, typer.Option("--show-faces", help="Do not blur faces in the report's pictures.")
    ] = False,
    detector: Annotated[Path | None, typer.Option(help="As with `run`.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings, as `run` takes it.")] = None,
    camera_id: Annotated[str | None, typer.Option(help="Which camera of it.")] = None,
) -> None:
    """Watch a camera for a while and say how good it is where it hangs, and what to change.

    Counts the passages with a face fit for an alert: at least 60 pixels between
    the eyes, turned or nodding at most 30 degrees, sharp, evenly lit.
    Writes one HTML file with blurred examples; nothing else is kept, and nothing
    is sent. Ctrl-C ends it early, with a report on what was seen. Exit code 0;
    65 when nobody passed.

    \b
    Examples:
      cekalwatch-camera survey --source rtsp://10.0.0.7/1 --minutes 10
      cekalwatch-camera survey --config camera.toml --camera-id gate-1 --language id
    """
    settings, one = chosen_camera(config, camera_id, source, detector)
    words = Words(language)
    from cekalwatch.camera.survey.report import document, page
    from cekalwatch.camera.survey.watching import watched

    found = watched(settings, one, seconds=60 * minutes, show_faces=show_faces)
    now = datetime.now().astimezone()
    figures = json.dumps(document(found.findings, now), indent=2, ensure_ascii=False)
    _write(report, page(found, words, now, show_faces=show_faces))
    if as_json and str(as_json) != "-":
        _write(as_json, figures + "\n")
    said = [
        words.grade(found.findings.grade),
        *words.summary(found.findings),
        *(f"- {words.advice(advice, found.findings)}" for advice in found.findings.advice),
        str(report),
    ]
    to_errors = as_json is not None and str(as_json) == "-"
    for line in said:
        typer.echo(line, err=to_errors)
    if to_errors:
        typer.echo(figures)
    if not found.findings.passages:
        raise typer.Exit(Exit.DATA_PROBLEMS)


def _write(file: Path, text: str) -> None:
    from cekalwatch.program.secret_files import write_private

    if not file.absolute().parent.is_dir():
        raise ProgramError(f"There is no folder {file.absolute().parent}", Exit.NO_INPUT)
    write_private(file, text.encode())
