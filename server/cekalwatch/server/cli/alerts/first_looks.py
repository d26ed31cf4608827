"""`cekalwatch-server first-looks`: whether people must look at the two faces of an alert before they see the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cekalwatch.server.cli.options import Config, DataDir, at_terminal, opened

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(
    help="First looks: two faces, before name, order and similarity are shown (rule 15).", no_args_is_help=True
)


@app.command(epilog="Example:\n\n  cekalwatch-server first-looks show")
def show(config: Config = None, data_dir: DataDir = None) -> None:
    """Show whether first looks are asked for."""
    with opened(config, data_dir) as context:
        asked = context.stores.look_setting.asked()
    typer.echo("First looks are asked for" if asked else "First looks are not asked for: two people turned them off")


@app.command(epilog="Example:\n\n  cekalwatch-server first-looks off")
def off(config: Config = None, data_dir: DataDir = None) -> None:
    """Ask for no first looks: alerts are shown whole at once. It asks for the names and passwords of both people."""
    _set(config, data_dir, asked=False)
    typer.echo("First looks are not asked for any more")


@app.command(epilog="Example:\n\n  cekalwatch-server first-looks on")
def on(config: Config = None, data_dir: DataDir = None) -> None:
    """Ask for first looks again. It asks for the names and passwords of both people."""
    _set(config, data_dir, asked=True)
    typer.echo("First looks are asked for")


def _set(config: Path | None, data_dir: Path | None, *, asked: bool) -> None:
    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.server.alerts.first_looks import FirstLooks

    with opened(config, data_dir) as context:
        people = at_terminal(context).two_people(
            TwoPersonAction.CHANGE_FIRST_LOOKS,
            lambda texts: texts.say("SIGN_FIRST_LOOKS_ON" if asked else "SIGN_FIRST_LOOKS_OFF"),
        )
        FirstLooks(context.stores.look_setting, context.clock).set(people, context.actor, asked=asked)
