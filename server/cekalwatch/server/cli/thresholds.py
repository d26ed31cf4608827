"""`cekalwatch-server thresholds`: shows and fits the threshold model of a pack, and sets the threshold by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cekalwatch.program.cli.shared_options import with_options
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import (
    Config,
    DataDir,
    ModelPack,
    command_context,
    command_settings,
    signed_by_two,
    with_quiet_context,
    with_quiet_settings,
)

if TYPE_CHECKING:
    from cekalwatch.program.translations import Texts
    from cekalwatch.server.domain.people import TwoPeople
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.wiring.storage import Context
    from cekalwatch.vision.manifest import Pack
    from cekalwatch.vision.thresholds import ThresholdModel

app = typer.Typer(help="Decision thresholds: those of a model pack, or one set by hand.", no_args_is_help=True)

LIST_SIZES = (100, 400, 1_000, 4_000, 10_000, 100_000)
FPIRS = (1e-2, 1e-3, 1e-4, 1e-5)


def _pack(config: Path | None, data_dir: Path | None, model_pack: str | None) -> Pack:
    from cekalwatch.server.recognition.packs.installed import load_named

    settings = command_settings(config, data_dir, model_pack=model_pack)
    return load_named(settings.models_path, settings.model_pack)


_with_pack = with_options(_pack, config=Config, data_dir=DataDir, model_pack=ModelPack)


@app.command(epilog="Example:\n\n  cekalwatch-server thresholds show")
@_with_pack
def show(pack: Pack) -> None:
    """Show the thresholds for list sizes and wanted FPIRs, and where they come from."""
    _print(pack.decision_thresholds, f"{pack.name} ({pack.score_version})")


@app.command(
    epilog="Examples:\n\n"
    "  cekalwatch-server evaluate faces --out evaluation\n\n"
    "  cekalwatch-server thresholds fit evaluation/evaluation.json"
)
@_with_pack
def fit(
    pack: Pack, run: Annotated[Path, typer.Argument(help="evaluation.json of `cekalwatch-server evaluate`.")]
) -> None:
    """Write the threshold model of an evaluation into the model pack. A server uses it from its next start.

    It says how the model's promises compare with what was counted. The audit trail records the change at the
    next start.
    """
    from cekalwatch.server.alerts.evaluation_file import read_models
    from cekalwatch.vision.manifest import write_manifest

    fitted = read_models(run)
    model = fitted.decisions
    if model.provenance.model_version != pack.score_version:
        raise ProgramError(
            f"{run} was measured with {model.provenance.model_version}, and the pack {pack.name} is "
            f"{pack.score_version}: thresholds hold for the model they were measured with. Evaluate this pack.",
            Exit.CONFIG,
        )
    for check in fitted.checks:
        typer.echo(
            f"list of {check.list_size}: threshold {check.threshold:.3f}, FPIR promised {check.promised:g}, "
            f"counted {check.counted.value:.4f} ({check.counted.low:.4f} to {check.counted.high:.4f})"
        )
    if pack.cohort:
        cohort = replace(pack.cohort, thresholds=model)
        write_manifest(replace(pack, thresholds=fitted.plain or pack.thresholds, cohort=cohort))
    else:
        write_manifest(replace(pack, thresholds=model))
    _print(model, f"written into {pack.folder}")


@app.command("set", epilog="Example:\n\n  cekalwatch-server thresholds set 0.55")
@with_quiet_settings
def set_(
    settings: ServerSettings,
    value: Annotated[float, typer.Argument(help="Comparison score, 0.2 to 0.8: the lower, the more false alerts.")],
) -> None:
    """Set the threshold. It asks for the names and passwords of both people."""
    _change(settings, value)
    typer.echo(f"The threshold is {value:.4f}")


@app.command(epilog="Example:\n\n  cekalwatch-server thresholds clear")
@with_quiet_settings
def clear(settings: ServerSettings) -> None:
    """Go back to the threshold of the settings, or of the model pack. It asks for both people."""
    _change(settings, None)
    typer.echo("The threshold is that of the settings, or of the model pack")


@app.command(epilog="Example:\n\n  cekalwatch-server thresholds learned")
@with_quiet_context
def learned(context: Context) -> None:
    """Show what the server learned from the passages of this site, and the distance of its threshold from the
    pack's."""
    from cekalwatch.server.cli.gallery.switching import scores_in_use

    model_version = scores_in_use(context)
    found = context.stores.thresholds.learned(model_version)
    if found is None:
        typer.echo(f"Nothing was learned yet for {model_version}: the promise is that of the model pack")
        return
    findings = found.findings
    typer.echo(f"{model_version}: {findings.passages} passages counted, {findings.weight:.0f} of them by weight")
    if findings.tail is None:
        typer.echo("Too few for a threshold of this site: the promise is that of the model pack")
    else:
        typer.echo(
            f"for FPIR {context.settings.target_fpir:g} the threshold is {findings.low:+.4f} to {findings.high:+.4f} "
            f"from the pack's; it stands at {found.offset.value:+.4f}"
        )
    if found.waiting is not None:
        typer.echo(f"{found.waiting:.4f} waits for two people: cekalwatch-server thresholds accept")
    for one in findings.standing_out:
        typer.echo(f"{one.camera_id} at {one.site} stands out: high scores {one.factor:.2g} times those of the others")


@app.command(epilog="Example:\n\n  cekalwatch-server thresholds accept")
@with_quiet_context
def accept(context: Context) -> None:
    """Move the threshold to the learned one that waits for two people. It asks for both of them."""
    from cekalwatch.server.cli.gallery.switching import scores_in_use
    from cekalwatch.server.gallery.threshold import ThresholdSetting

    model_version = scores_in_use(context)
    learned = context.stores.thresholds.learned(model_version)
    if learned is None or learned.waiting is None:
        raise ProgramError("No learned threshold waits for two people", Exit.USAGE)
    value = learned.waiting
    people = _sign(context, "SIGN_THRESHOLD_SET", model_version, value)
    setting = ThresholdSetting(context.stores.thresholds, context.clock, lambda: model_version)
    setting.accept_learned(value, people, context.actor)
    typer.echo(f"The threshold is {value:.4f}, and learning goes on from there")


@app.command(epilog="Example:\n\n  cekalwatch-server thresholds forget")
@with_quiet_context
def forget(context: Context) -> None:
    """Forget what was learned until today, and return to the pack's threshold. It asks two people to sign."""
    from cekalwatch.server.cli.gallery.switching import scores_in_use
    from cekalwatch.server.gallery.threshold import ThresholdSetting

    model_version = scores_in_use(context)
    people = _sign(context, "SIGN_LEARNING_FORGET", model_version)
    today = context.checkpoints.day(context.clock.now(), context.settings.home.site).isoformat()
    setting = ThresholdSetting(context.stores.thresholds, context.clock, lambda: model_version)
    setting.forget_learned(model_version, today, people, context.actor)
    typer.echo("The threshold is that of the settings, or of the model pack; passages count again from tomorrow")


def _change(settings: ServerSettings, value: float | None) -> None:
    from cekalwatch.server.cli.gallery.switching import scores_in_use
    from cekalwatch.server.gallery.threshold import MAX_THRESHOLD, MIN_THRESHOLD, ThresholdSetting

    if value is not None and not MIN_THRESHOLD <= value <= MAX_THRESHOLD:
        raise ProgramError(f"A threshold is between {MIN_THRESHOLD} and {MAX_THRESHOLD}", Exit.USAGE)
    with command_context(settings) as context:
        model_version = scores_in_use(context)
        message = "SIGN_THRESHOLD_CLEAR" if value is None else "SIGN_THRESHOLD_SET"
        people = _sign(context, message, model_version, value)
        ThresholdSetting(context.stores.thresholds, context.clock, lambda: model_version).set(
            value, people, context.actor
        )


def _sign(context: Context, message: str, model_version: str, value: float | None = None) -> TwoPeople:
    from cekalwatch.contract.values.people import TwoPersonAction

    def threshold(texts: Texts) -> str:
        return "" if value is None else texts.number(value, ".4f")

    return signed_by_two(context, TwoPersonAction.CHANGE_THRESHOLD, message, model=model_version, threshold=threshold)


def _print(model: ThresholdModel, title: str) -> None:
    table = Table("templates", *(f"FPIR {fpir:g}" for fpir in FPIRS), title=escape(title))
    for size in LIST_SIZES:
        table.add_row(f"{size:,}", *(_cell(model, size, fpir) for fpir in FPIRS))
    console = Console()
    console.print(table)
    origin = model.provenance
    console.print(f"Below each threshold: its 95 % interval. * extrapolated. {model.extrapolation}")
    console.print(
        escape(f"{origin.data}; {origin.passages} passages of up to {origin.crops} crops; {origin.measured_on}")
    )


def _cell(model: ThresholdModel, templates: int, fpir: float) -> str:
    """Return two short lines, so that the table is not wider than a terminal."""
    interval = model.threshold_interval(templates, fpir)
    uncertain = f"\n{interval[0]:.3f}-{interval[1]:.3f}" if interval else ""
    extrapolated = "" if model.is_measured(templates, fpir) else " *"
    return f"{model.threshold(templates, fpir):.3f}{extrapolated}{uncertain}"
