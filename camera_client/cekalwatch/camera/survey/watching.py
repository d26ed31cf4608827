"""Opens what a survey is about, and shows on a terminal how far it is."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.settings import CameraSettings, OneCamera
from cekalwatch.camera.sources.frames import SourceError
from cekalwatch.camera.sources.opening import OpeningPolicy, open_source
from cekalwatch.camera.survey.surveyor import Survey, Surveyor
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.vision.runtime import limit_native_threads


def watched(settings: CameraSettings, one: OneCamera, *, seconds: float, show_faces: bool) -> Survey:
    """Watch the camera for so long; raises ProgramError."""
    limit_native_threads(settings.threads)
    detector = open_detector(one.detector, settings.threads)
    try:
        unpaced = one.model_copy(update={"realtime": False})
        source = open_source(one.source, unpaced, SystemClock(), OpeningPolicy.MUST_OPEN)
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
            surveyor = Surveyor(source, detector, seconds=seconds, show_faces=show_faces)
            try:
                return surveyor.run(
                    lambda passed_s, passages: progress.update(task, completed=passed_s, passages=f"{passages} ☺")
                )
            finally:
                source.close()
    except SourceError as error:
        raise ProgramError(str(error), Exit.UNAVAILABLE) from None
