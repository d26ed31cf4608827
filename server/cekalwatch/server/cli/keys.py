"""`cekalwatch-server keys`: the data keys that seal the database, and the master key that wraps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import command_context, with_context, with_settings
from cekalwatch.server.cli.output import counting_progress

if TYPE_CHECKING:
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.keys.resealing import Resealer
    from cekalwatch.server.wiring.storage import Context


app = typer.Typer(
    help="The keys that seal photographs, templates and personal facts in the database.", no_args_is_help=True
)


@app.command("list", epilog="Example:\n\n  cekalwatch-server keys list --config /etc/cekalwatch/server.toml")
@with_context
def list_(context: Context) -> None:
    """Show the data keys, how many values each has sealed, and which master key wraps it. Shows no key itself."""
    counts, entries = _resealer(context).counts(), context.keys.entries()
    current = context.keys.keyring.current_id
    table = Table("Key", "Purpose", "Made", "Master key", "Values", "State")
    for entry in entries:
        sealing = entry.purpose == "SEALING"
        state = "in use" if entry.key_id == current or not sealing else "replaced"
        values = str(counts[entry.key_id]) if sealing else ""
        made = entry.made_at.isoformat(sep=" ", timespec="minutes")
        table.add_row(str(entry.key_id), entry.purpose, made, entry.master_key_id, values, state)
    Console().print(table)


@app.command(
    epilog="Example:\n\n  cekalwatch-server keys rotate --config /etc/cekalwatch/server.toml\n\n"
    "The server may run meanwhile. If this is interrupted, the server continues it; so does: keys reseal."
)
@with_context
def rotate(context: Context) -> None:
    """Make a new data key, seal everything again with it, and remove the old one."""
    typer.echo(f"Data key {context.keys.rotate()} seals from now on.")
    _reseal(context)


@app.command(epilog="Example:\n\n  cekalwatch-server keys reseal --config /etc/cekalwatch/server.toml")
@with_context
def reseal(context: Context) -> None:
    """Seal again with the newest data key what older ones sealed: continues an interrupted `keys rotate`.

    Older keys that no value needs are removed at the end.
    """
    _reseal(context)


@app.command(
    epilog="Examples:\n\n"
    "  cekalwatch-server keys rewrap file:/etc/cekalwatch/master-2027.key\n\n"
    "  cekalwatch-server keys rewrap 'pkcs11:token=cekalwatch;object=master?module-path=/usr/lib/softhsm/libsofthsm2.so"
    "&pin-source=file:/etc/cekalwatch/pin'\n\n"
    "  cekalwatch-server keys rewrap 'command:vault kv get -field=key secret/cekalwatch'\n\n"
    "Then set master_key_from to the same, restart the servers, and destroy the old master key."
)
@with_settings
def rewrap(
    settings: ServerSettings,
    source: Annotated[
        str,
        typer.Argument(help="Where the new master key is: file:PATH or pkcs11:… (made if missing), env:…, command:…."),
    ],
) -> None:
    """Wrap the data keys with another master key. Nothing is sealed again: this takes a moment."""
    from cekalwatch.server.encryption.master_key_source import parse_source

    try:
        fresh = parse_source(source)
    except ValueError as error:
        raise ProgramError(f"The new master key: {error}", Exit.USAGE) from None
    with command_context(settings) as context:
        master = fresh.read_or_make()
        count = context.keys.rewrap(master)
    typer.echo(f"{count} data keys are wrapped with master key {master.key_id}, from {fresh.name}.")
    typer.echo("Set master_key_from to it now, and restart the servers: they no longer start with the old one.")


def _reseal(context: Context) -> None:
    resealer, key_id = _resealer(context), context.keys.keyring.current_id
    counts = resealer.counts()
    total = counts.total() - counts[key_id]
    damaged = 0
    with counting_progress() as progress:
        task = progress.add_task("Sealing", total=total)
        for step in resealer.steps():
            damaged += step.damaged
            progress.advance(task, step.resealed + step.damaged)
        progress.update(task, completed=total)  # a running server may have done a part
    if damaged:
        typer.echo(f"{damaged} values are damaged and stay as they are, with their keys; the log names their rows.")
        raise typer.Exit(Exit.DATA_PROBLEMS)
    typer.echo(f"Everything is sealed with data key {key_id}.")


def _resealer(context: Context) -> Resealer:
    from cekalwatch.server.storage.keys.resealing import Resealer

    return Resealer(context.database, context.keys)
