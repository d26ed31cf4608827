"""`cekalwatch-server first-looks`: whether people must look at the two faces of an alert before they see the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cekalwatch.server.cli.options import signed_by_two, with_quiet_context

if TYPE_CHECKING:
    from cekalwatch.server.wiring.storage import Context

app = typer.Typer(
    help="First looks: two faces, before name, order and similarity are shown (rule 15).", no_args_is_help=True
)


@app.command(epilog="Example:\n\n  cekalwatch-server first-looks show")
@with_quiet_context
def show(context: Context) -> None:
    """Show whether first looks are asked for."""
    asked = context.stores.look_setting.get().asked
    typer.echo("First looks are asked for" if asked else "First looks are not asked for: two people turned them off")


@app.command(epilog="Example:\n\n  cekalwatch-server first-looks off")
@with_quiet_context
def off(context: Context) -> None:
    """Ask for no first looks: alerts are shown whole at once. It asks for the names and passwords of both people."""
    _set(context, asked=False)
    typer.echo("First looks are not asked for any more")


@app.command(epilog="Example:\n\n  cekalwatch-server first-looks on")
@with_quiet_context
def on(context: Context) -> None:
    """Ask for first looks again. It asks for the names and passwords of both people."""
    _set(context, asked=True)
    typer.echo("First looks are asked for")


def _set(context: Context, *, asked: bool) -> None:
    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.server.alerts.first_looks import FirstLooks

    message = "SIGN_FIRST_LOOKS_ON" if asked else "SIGN_FIRST_LOOKS_OFF"
    people = signed_by_two(context, TwoPersonAction.CHANGE_FIRST_LOOKS, message)
    FirstLooks(context.stores.look_setting, context.clock).set(people, context.actor, asked=asked)
