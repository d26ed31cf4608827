"""`cekalwatch-camera survey` and `preview`: how good is a camera where it hangs, and what does it see?"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.camera.cli.options import UNNAMED, Config, Detector, Source, WhichCamera, chosen_camera
from cekalwatch.camera.settings import CameraSettings, OneCamera
from cekalwatch.program.cli.shared_options import with_options
from cekalwatch.program.connection import open_dialer
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.translations import Language

if TYPE_CHECKING:
    from cekalwatch.camera.settings import OneCamera
    from cekalwatch.camera.survey.surveyor import Survey


_with_camera = with_options(chosen_camera, source=Source, detector=Detector, config=Config, camera_id=WhichCamera)
Chosen = tuple[CameraSettings, OneCamera]


@_with_camera
def survey(
    chosen: Chosen,
    minutes: Annotated[float, typer.Option(min=0.05, max=24 * 60, help="How long to watch.")] = 10.0,
    report: Annotated[Path, typer.Option(metavar="FILE", help="Where the report is written.")] = Path("survey.html"),
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the numbers as JSON too; - for standard output."),
    ] = None,
    language: Annotated[Language, typer.Option(help="Language of the report and of the advice.")] = Language.EN,
    send: Annotated[
        bool, typer.Option("--send", help="Report the numbers, no pictures, to the server: the web console shows them.")
    ] = False,
) -> None:
    """Watch a camera for a while and say how good it is where it hangs, and what to change.

    Counts the passages with a face fit for an alert: at least 60 pixels between
    the eyes, turned or nodding at most 30 degrees, sharp, evenly lit.
    Writes one HTML file with blurred examples; nothing else is kept, and nothing
    is sent, but the numbers with --send: then the configuration names the server
    and the camera, whose certificate is used. Ctrl-C ends it early, with a report on what was seen. Exit code 0;
    65 when nobody passed.

    \b
    Examples:
      cekalwatch-camera survey --source rtsp://10.0.0.7/1 --minutes 10
      cekalwatch-camera survey --config camera.toml --camera-id gate-1 --language id
      cekalwatch-camera survey --camera-id gate-1 --send
    """
    settings, one = chosen
    if send and one.camera_id == UNNAMED:
        raise ProgramError("Say with --camera-id as which camera the survey is sent", Exit.USAGE)
    dialer = open_dialer(settings.servers(one.camera_id), one.tls_dir) if send else None
    from cekalwatch.camera.survey.findings import figures
    from cekalwatch.camera.survey.report import SurveyTexts, document, page
    from cekalwatch.camera.survey.report import report as send_report

    texts = SurveyTexts(language)
    found = _watch(one, settings.threads, seconds=60 * minutes)
    result, now = found.findings, datetime.now().astimezone()
    numbers = json.dumps(document(result, now), indent=2, ensure_ascii=False)
    _write(report, page(found, texts, now))
    json_on_output = as_json is not None and str(as_json) == "-"
    if as_json and not json_on_output:
        _write(as_json, numbers + "\n")
    for line in (
        texts.say(f"GRADE_{result.grade.name}"),
        *texts.summary(result),
        *(f"- {texts.advice(advice, result)}" for advice in result.advice),
        str(report),
    ):
        typer.echo(line, err=json_on_output)
    if json_on_output:
        typer.echo(numbers)
    if dialer:
        send_report(dialer, one.camera_id, figures(result))
        typer.echo(texts.say("SURVEY_SENT", servers=", ".join(dialer.servers.addresses)), err=json_on_output)
    if not result.passages:
        raise typer.Exit(Exit.DATA_PROBLEMS)


@_with_camera
def preview(chosen: Chosen) -> None:
    """Show the live picture in a window, with a frame around each face.

    Green: fit for an alert. Amber: would be sent. Red: too small. The figure is
    the distance between the eyes in pixels; 60 or more are wanted. Q, Esc or the
    window's button ends it. Nothing is sent or kept. Needs a screen: 69 without.

    \b
    Examples:
      cekalwatch-camera preview --source rtsp://10.0.0.7/1
      cekalwatch-camera preview --config camera.toml --camera-id gate-1
    """
    settings, one = chosen
    from cekalwatch.camera.survey.pictures import show

    show(one, settings.threads)


def _watch(one: OneCamera, threads: int, *, seconds: float) -> Survey:
    """Watch the camera, and show the progress on the terminal. Raises ProgramError."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from cekalwatch.camera.clock import SystemClock
    from cekalwatch.camera.sources.files import FramePace
    from cekalwatch.camera.sources.opening import open_source
    from cekalwatch.camera.survey.surveyor import Surveyor
    from cekalwatch.vision.detectors.factory import open_detector
    from cekalwatch.vision.runtime import limit_native_threads

    limit_native_threads(threads)
    detector = open_detector(one.detector, threads)
    source = open_source(one, SystemClock(), pace=FramePace.UNPACED)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[passages]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with progress:
        task = progress.add_task(source.name, total=seconds, passages="")
        surveyor = Surveyor(source, detector, seconds=seconds)
        try:
            return surveyor.run(
                lambda passed_s, passages: progress.update(task, completed=passed_s, passages=f"{passages} ☺")
            )
        finally:
            source.close()


def _write(file: Path, text: str) -> None:
    from cekalwatch.program.secret_files import write_private

    if not file.absolute().parent.is_dir():
        raise ProgramError(f"There is no folder {file.absolute().parent}", Exit.NO_INPUT)
    write_private(file, text.encode())
