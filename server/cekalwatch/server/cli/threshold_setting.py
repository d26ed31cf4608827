"""`cekalwatch-server thresholds set | clear`: sets the decision threshold by hand, which takes two people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.database import command_database

if TYPE_CHECKING:
    pass

app = typer.Typer()

Config = Annotated[Path | None, typer.Option(help="Configuration file (TOML).")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the server's data.")]


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


def _change(value: float | None, config: Path | None, data_dir: Path | None) -> None:
    from cekalwatch.program.logs import configure_logs
    from cekalwatch.program.prompts import ask, ask_secret
    from cekalwatch.server.audit.entry import operator
    from cekalwatch.server.auth.terminal import Terminal
    from cekalwatch.server.cli.model_choice import model_in_use
    from cekalwatch.server.domain.clock import SystemClock
    from cekalwatch.server.domain.people import TwoPersonAction
    from cekalwatch.server.gallery.threshold import MAX_THRESHOLD, MIN_THRESHOLD, ThresholdSetting
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.models.store import ModelStore, ThresholdStore

    if value is not None and not MIN_THRESHOLD <= value <= MAX_THRESHOLD:
        raise ProgramError(f"A threshold is between {MIN_THRESHOLD} and {MAX_THRESHOLD}", Exit.USAGE)
    clock = SystemClock()
    settings = ServerSettings.load(config, data_dir=data_dir)
    configure_logs("error")
    with command_database(settings) as database:
        database.check_exists()
        model_version = model_in_use(settings, ModelStore(database)).model_version
        people = Terminal(database, clock, ask, ask_secret).two_people(TwoPersonAction.CHANGE_THRESHOLD)
        ThresholdSetting(ThresholdStore(database), clock, lambda: model_version).set(value, people, operator())
