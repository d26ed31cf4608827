"""`gallery rebuild`, `status`, `switch`, `back` and `drop`: which model all servers use, and the other templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import audit_entry, with_quiet_context
from cekalwatch.server.cli.output import counting_progress, whole_table

if TYPE_CHECKING:
    from cekalwatch.server.audit.entry import AuditEntry
    from cekalwatch.server.gallery.rebuilding import Rebuilder
    from cekalwatch.server.storage.models.store import ModelChoice, TemplateRefusal
    from cekalwatch.server.wiring.storage import Context
    from cekalwatch.vision.manifest import Pack


PackName = Annotated[str, typer.Option("--pack", help="Name of the other model pack; see: models list.")]


def model_of(pack: Pack) -> ModelChoice:
    """Return what choosing this pack means."""
    from cekalwatch.server.storage.models.store import ModelChoice

    return ModelChoice(pack.name, pack.model_version)


def model_in_use(context: Context) -> ModelChoice:
    """Return the pack that was switched to, or else that of the settings; loads no network. Raises PackError."""
    from cekalwatch.vision.manifest import read_manifest

    settings, chosen = context.settings, context.stores.models.chosen()
    return chosen.current if chosen else model_of(read_manifest(settings.models_path / settings.model_pack))


def scores_in_use(context: Context) -> str:
    """Return what thresholds are bound to; loads no network. Raises PackError."""
    from cekalwatch.vision.manifest import read_manifest

    return read_manifest(context.settings.models_path / model_in_use(context).pack).score_version


AcceptRefused = Annotated[
    bool,
    typer.Option(
        "--accept-refused", help="Switch although some reference faces have no template; these are not searched."
    ),
]

SWITCH_EPILOG = (
    "Example:\n\n  cekalwatch-server gallery switch --pack buffalo_l --config /etc/cekalwatch/server.toml\n\n"
    "The pack must be installed on every server of the database. Exit code 1: it is not complete, and nothing was "
    "changed. 78: the pack cannot be used."
)
STATUS_EPILOG = "Example:\n\n  cekalwatch-server gallery status --config /etc/cekalwatch/server.toml"
BACK_EPILOG = "Example:\n\n  cekalwatch-server gallery back --config /etc/cekalwatch/server.toml"
DROP_EPILOG = (
    "Examples:\n\n"
    "  cekalwatch-server gallery drop --pack light\n\n"
    "  cekalwatch-server gallery drop --pack light --yes\n\n"
    "Afterwards there is no going back to it, except by: gallery rebuild."
)


@with_quiet_context
def status(context: Context) -> None:
    """Show each model's templates: how many there are, are missing, and cannot be made; and which model is in use."""
    in_use, chosen = model_in_use(context), context.stores.models.chosen()
    coverages = context.stores.models.coverages()
    if in_use.model_version not in {one.model_version for one in coverages}:
        coverages.append(context.stores.models.coverage(in_use.model_version))
    table = Table("Model", "Templates", "Missing", "Refused", "State")
    for one in coverages:
        state = ""
        if one.model_version == in_use.model_version:
            state = "in use"
        elif chosen and one.model_version == chosen.previous.model_version:
            state = "in use before"
        table.add_row(one.model_version, str(one.templates), str(one.missing), str(one.refused), state)
    Console().print(table)


@with_quiet_context
def switch(context: Context, pack: PackName, accept_refused: AcceptRefused = False) -> None:
    """Let all servers use another model, once it has templates of all reference faces. They need no restart."""
    from cekalwatch.server.recognition.packs.installed import load_named

    _change(context, model_of(load_named(context.settings.models_path, pack)), accept_refused=accept_refused)


@with_quiet_context
def back(context: Context, accept_refused: AcceptRefused = False) -> None:
    """Let all servers use the model again that was in use before the last switch."""
    chosen = context.stores.models.chosen()
    if chosen is None:
        raise ProgramError("No model was switched to, so there is none to go back to.", Exit.FAILED)
    _change(context, chosen.previous, accept_refused=accept_refused)


@with_quiet_context
def drop(
    context: Context, pack: PackName, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
) -> None:
    """Remove the templates of a model pack that is not in use. The photographs stay."""
    in_use = model_in_use(context).model_version
    found = [one.model_version for one in context.stores.models.coverages() if _pack_of(one.model_version) == pack]
    if not found:
        raise ProgramError(f"There are no templates of the pack {pack!r}. See: gallery status", Exit.NO_INPUT)
    unused = [model_version for model_version in found if model_version != in_use]
    if not unused:
        raise ProgramError(f"{in_use} is in use; its templates are not removed.", Exit.FAILED)
    if not yes:
        typer.confirm(f"Remove all templates of {', '.join(unused)}?", abort=True)
    for model_version in unused:
        typer.echo(f"{model_version}: {_drop(context, model_version)} templates removed.")


def _drop(context: Context, model_version: str) -> int:
    from cekalwatch.server.audit.entry import Action

    def note(templates: int) -> AuditEntry:
        return audit_entry(context, Action.GALLERY_DROPPED, model=model_version, templates=templates)

    return context.stores.models.drop(model_version, note)


def _change(context: Context, wanted: ModelChoice, *, accept_refused: bool) -> None:
    from cekalwatch.server.audit.entry import Action
    from cekalwatch.server.storage.models.store import IncompleteModelError

    present = model_in_use(context)
    if present == wanted:
        typer.echo(f"{wanted.model_version} is in use already.")
        return
    coverage = context.stores.models.coverage(wanted.model_version)
    if coverage.missing:
        raise _incomplete(wanted, coverage.missing)
    if coverage.refused and not accept_refused:
        raise ProgramError(
            f"{coverage.refused} reference faces have no template of {wanted.model_version}, which makes none of their "
            f"photographs; gallery rebuild --pack {wanted.pack} lists them. Import better ones, or add "
            "--accept-refused. Nothing was changed.",
            Exit.FAILED,
        )
    try:
        coverage = context.stores.models.switch(
            wanted,
            present,
            lambda found: audit_entry(
                context,
                Action.GALLERY_SWITCHED,
                model=wanted.model_version,
                before=present.model_version,
                templates=found.templates,
                refused=found.refused,
            ),
        )
    except IncompleteModelError as error:
        raise _incomplete(wanted, error.missing) from None
    typer.echo(f"{wanted.model_version} is in use, with {coverage.templates} templates. Servers follow within seconds.")
    typer.echo(f"To go back to {present.model_version}: cekalwatch-server gallery back")


def _incomplete(wanted: ModelChoice, missing: int) -> ProgramError:
    return ProgramError(
        f"{missing} reference faces have no template of {wanted.model_version} yet. Run: cekalwatch-server gallery "
        f"rebuild --pack {wanted.pack}. Nothing was changed.",
        Exit.FAILED,
    )


def _pack_of(model_version: str) -> str:
    return model_version.rpartition("-")[0]


REBUILD_EPILOG = (
    "Examples:\n\n"
    "  cekalwatch-server gallery rebuild --pack buffalo_l --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server gallery rebuild --pack buffalo_l --threads 4 --report refused.json\n\n"
    "Servers go on with the model in use meanwhile. When this is interrupted, run it again: it goes on where it "
    "was.\n\n"
    "Exit code 0: every reference face has a template of the other model. 65: all but some, of whose photographs the "
    "other model makes none; they are listed. 69: the database cannot be used. 78: the pack cannot be used."
)


@with_quiet_context
def rebuild(
    context: Context,
    pack: PackName,
    threads: Annotated[int, typer.Option(min=1, max=256, help="Photographs that are processed together.")] = 1,
    report: Annotated[
        Path | None, typer.Option(help="Write the reference faces without template to this file, as JSON.")
    ] = None,
) -> None:
    """Make templates of another model from all stored photographs, at low priority, while servers run."""
    from concurrent.futures import ThreadPoolExecutor

    from cekalwatch.server.concurrency.priorities import Priority
    from cekalwatch.server.gallery.model_follower import open_pack
    from cekalwatch.server.gallery.rebuilding import Rebuilder
    from cekalwatch.server.recognition.enrolment import Enroller
    from cekalwatch.server.recognition.packs.installed import load_named, open_detector
    from cekalwatch.server.recognition.photographs import PhotographDecoder
    from cekalwatch.vision.runtime import limit_native_threads

    Priority.BACKGROUND.take()  # before there are other threads, which take it over
    limit_native_threads(1)
    with ThreadPoolExecutor(threads, "rebuild") as workers:
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
    from cekalwatch.server.foundation.errors import CekalwatchError

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
                progress.update(task, completed=done, total=max(missing, done))  # more may have come in the meantime
            progress.update(task, completed=max(missing, embedded + refused))  # another program may have done a part
        outcome = OK
    except CekalwatchError as error:
        raise ProgramError(
            f"{error.public_message} Run this again; what is done already stays done.", Exit.UNAVAILABLE
        ) from error
    finally:
        context.stores.audit.append(
            audit_entry(
                context, Action.GALLERY_REBUILT, (), outcome, model=model_version, embedded=embedded, refused=refused
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
