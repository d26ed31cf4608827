"""`cekalwatch-server thresholds`: shows and fits the threshold model of a pack, and sets the threshold by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import Config, DataDir, ModelPack, at_terminal, command_settings, opened

if TYPE_CHECKING:
    from cekalwatch.program.translations import Texts
    from cekalwatch.vision.manifest import Pack
    from cekalwatch.vision.thresholds import ThresholdModel

app = typer.Typer(help="Decision thresholds: those of a model pack, or one set by hand.", no_args_is_help=True)

LIST_SIZES = (100, 400, 1_000, 4_000, 10_000, 100_000)
FPIRS = (1e-2, 1e-3, 1e-4, 1e-5)


@app.command(epilog="Example:\n\n  cekalwatch-server thresholds show")
def show(config: Config = None, data_dir: DataDir = None, model_pack: ModelPack = None) -> None:
    """Show the thresholds for list sizes and wanted FPIRs, and where they come from."""
    pack = _pack(config, data_dir, model_pack)
    _print(pack.decision_thresholds, f"{pack.name} ({pack.score_version})")


@app.command(
    epilog="Examples:\n\n"
    "  cekalwatch-server evaluate faces --out evaluation\n\n"
    "  cekalwatch-server thresholds fit evaluation/evaluation.json"
)
def fit(
    run: Annotated[Path, typer.Argument(help="evaluation.json of `cekalwatch-server evaluate`.")],
    config: Config = None,
    data_dir: DataDir = None,
    model_pack: ModelPack = None,
) -> None:
    """Write the threshold model of an evaluation into the model pack. A server uses it from its next start.

    It says how the model's promises compare with what was counted. The audit trail records the change at the
    next start.
    """
    from cekalwatch.server.alerts.evaluation_file import read_models
    from cekalwatch.vision.manifest import write_manifest

    pack = _pack(config, data_dir, model_pack)
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
def set_(
    value: Annotated[float, typer.Argument(help="Comparison score, 0.2 to 0.8: the lower, the more false alerts.")],
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Set the threshold. It asks for the names and passwords of both people."""
    _change(value, config, data_dir)
    typer.echo(f"The threshold is {value:.4f}")


@app.command(epilog="Example:\n\n  cekalwatch-server thresholds clear")
def clear(config: Config = None, data_dir: DataDir = None) -> None:
    """Go back to the threshold of the settings, or of the model pack. It asks for both people."""
    _change(None, config, data_dir)
    typer.echo("The threshold is that of the settings, or of the model pack")


@app.command(epilog="Example:\n\n  cekalwatch-server thresholds learned")
def learned(config: Config = None, data_dir: DataDir = None) -> None:
    """Show what the server learned from the passages of this site, and the distance of its threshold from the
    pack's."""
    from cekalwatch.server.cli.gallery.switching import scores_in_use

    with opened(config, data_dir) as context:
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
def accept(config: Config = None, data_dir: DataDir = None) -> None:
    """Move the threshold to the learned one that waits for two people. It asks for both of them."""
    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.server.cli.gallery.switching import scores_in_use
    from cekalwatch.server.gallery.threshold import ThresholdSetting

    with opened(config, data_dir) as context:
        model_version = scores_in_use(context)
        learned = context.stores.thresholds.learned(model_version)
        if learned is None or learned.waiting is None:
            raise ProgramError("No learned threshold waits for two people", Exit.USAGE)
        value = learned.waiting
        people = at_terminal(context).two_people(
            TwoPersonAction.CHANGE_THRESHOLD,
            lambda texts: texts.say("SIGN_THRESHOLD_SET", model=model_version, threshold=texts.number(value, ".4f")),
        )
        setting = ThresholdSetting(context.stores.thresholds, context.clock, lambda: model_version)
        setting.accept_learned(value, people, context.actor)
    typer.echo(f"The threshold is {value:.4f}, and learning goes on from there")


@app.command(epilog="Example:\n\n  cekalwatch-server thresholds forget")
def forget(config: Config = None, data_dir: DataDir = None) -> None:
    """Forget what was learned until today, and return to the pack's threshold. It asks two people to sign."""
    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.server.cli.gallery.switching import scores_in_use
    from cekalwatch.server.gallery.threshold import ThresholdSetting

    with opened(config, data_dir) as context:
        model_version = scores_in_use(context)
        people = at_terminal(context).two_people(
            TwoPersonAction.CHANGE_THRESHOLD, lambda texts: texts.say("SIGN_LEARNING_FORGET", model=model_version)
        )
        today = context.checkpoints.day(context.clock.now(), context.settings.home.site).isoformat()
        setting = ThresholdSetting(context.stores.thresholds, context.clock, lambda: model_version)
        setting.forget_learned(model_version, today, people, context.actor)
    typer.echo("The threshold is that of the settings, or of the model pack; passages count again from tomorrow")


def _change(value: float | None, config: Path | None, data_dir: Path | None) -> None:
    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.server.cli.gallery.switching import scores_in_use
    from cekalwatch.server.gallery.threshold import MAX_THRESHOLD, MIN_THRESHOLD, ThresholdSetting

    if value is not None and not MIN_THRESHOLD <= value <= MAX_THRESHOLD:
        raise ProgramError(f"A threshold is between {MIN_THRESHOLD} and {MAX_THRESHOLD}", Exit.USAGE)
    with opened(config, data_dir) as context:
        model_version = scores_in_use(context)

        def words(texts: Texts) -> str:
            if value is None:
                return texts.say("SIGN_THRESHOLD_CLEAR", model=model_version)
            return texts.say("SIGN_THRESHOLD_SET", model=model_version, threshold=texts.number(value, ".4f"))

        people = at_terminal(context).two_people(TwoPersonAction.CHANGE_THRESHOLD, words)
        ThresholdSetting(context.stores.thresholds, context.clock, lambda: model_version).set(
            value, people, context.actor
        )


def _pack(config: Path | None, data_dir: Path | None, model_pack: str | None) -> Pack:
    from cekalwatch.server.recognition.packs.installed import load_named

    settings = command_settings(config, data_dir=data_dir, model_pack=model_pack)
    return load_named(settings.models_path, settings.model_pack)


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
