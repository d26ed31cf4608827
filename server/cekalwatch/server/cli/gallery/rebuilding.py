"""`gallery rebuild`: makes the templates of another model from the stored photographs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.gallery.opening import PackName, audit_entry, opened
from cekalwatch.server.cli.options import Config, DataDir
from cekalwatch.server.cli.output import counting_progress, whole_table

if TYPE_CHECKING:
    from cekalwatch.server.gallery.rebuilding import Rebuilder
    from cekalwatch.server.storage.models.store import TemplateRefusal
    from cekalwatch.server.wiring.storage import Context

EPILOG = (
    "Examples:\n\n"
    "  cekalwatch-server gallery rebuild --pack buffalo_l --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server gallery rebuild --pack buffalo_l --threads 4 --report refused.json\n\n"
    "Servers go on with the model in use meanwhile. When this is interrupted, run it again: it goes on where it "
    "was.\n\n"
    "Exit code 0: every reference face has a template of the other model. 65: all but some, of whose photographs the "
    "other model makes none; they are listed. 69: the database cannot be used. 78: the pack cannot be used."
)


def rebuild(
    pack: PackName,
    threads: Annotated[int, typer.Option(min=1, max=256, help="Photographs that are looked at together.")] = 1,
    report: Annotated[
        Path | None, typer.Option(help="Write the reference faces without template to this file, as JSON.")
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Make templates of another model from all stored photographs, at low priority, beside the running servers."""
    from concurrent.futures import ThreadPoolExecutor

    from cekalwatch.server.concurrency.priorities import Priority
    from cekalwatch.server.gallery.model_follower import open_pack
    from cekalwatch.server.gallery.rebuilding import Rebuilder
    from cekalwatch.server.recognition.enrolment import Enroller
    from cekalwatch.server.recognition.packs.installed import load_named, open_detector
    from cekalwatch.server.recognition.photograph_decoder import PhotographDecoder
    from cekalwatch.vision.runtime import limit_native_threads

    Priority.BACKGROUND.take()  # before there are other threads, which take it over
    limit_native_threads(1)
    with opened(config, data_dir) as context, ThreadPoolExecutor(threads, "rebuild") as workers:
        chosen = load_named(context.settings.models_path, pack)
        engine = open_pack(context.settings, chosen)
        more = [open_detector(chosen, threads=1) for _ in range(threads - 1)]
        decoder = PhotographDecoder(threads)
        context.stack.callback(decoder.close)
        enroller = Enroller(engine.detector, engine.recogniser, decode=decoder.decode, more_detectors=more)
        _run(context, chosen.model_version, Rebuilder(context.stores.photographs, enroller, workers))
        coverage = context.stores.models.coverage(chosen.model_version)
        refused = context.stores.models.refusals(chosen.model_version)
    typer.echo(f"{chosen.model_version}: {coverage.templates} templates, {coverage.refused} refused.")
    if report:
        _write(report, refused)
    if refused:
        _show(refused)
        raise typer.Exit(Exit.DATA_PROBLEMS)


def _run(context: Context, model_version: str, rebuilder: Rebuilder) -> None:
    from cekalwatch.server.audit.entry import OK, Action
    from cekalwatch.server.domain.errors import CekalwatchError

    missing = context.stores.models.coverage(model_version).missing
    context.stores.audit.append(
        audit_entry(context, Action.GALLERY_REBUILD_BEGUN, model=model_version, missing=missing)
    )
    embedded, refused, outcome = 0, 0, "INTERRUPTED"
    try:
        with counting_progress() as progress:
            task = progress.add_task("Embedding", total=missing)
            for step in rebuilder.steps():
                embedded, refused = embedded + step.embedded, refused + step.refused
                done = embedded + refused
                progress.update(task, completed=done, total=max(missing, done))  # more may have come meanwhile
            progress.update(task, completed=max(missing, embedded + refused))  # another program may have done a part
        outcome = OK
    except CekalwatchError as error:
        raise ProgramError(
            f"{error.public_message} Run this again; what is done already stays done.", Exit.UNAVAILABLE
        ) from error
    finally:
        context.stores.audit.append(
            audit_entry(
                context, Action.GALLERY_REBUILT, outcome, model=model_version, embedded=embedded, refused=refused
            )
        )


def _write(report: Path, refused: list[TemplateRefusal]) -> None:
    from dataclasses import asdict

    try:
        report.write_text(json.dumps([asdict(one) for one in refused], indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ProgramError(f"Cannot write {report}: {error.strerror}", Exit.NO_INPUT) from None


def _show(refused: list[TemplateRefusal]) -> None:
    rows = ((one.subject_id, one.reference_id, one.reason) for one in refused)
    Console().print(whole_table(("Subject", "Reference face", "Reason"), rows, "Without a template of this model"))
