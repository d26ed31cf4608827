"""`cekalwatch-server rows`: rows of the database that somebody else than the server changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import Config, DataDir, command_context, command_settings

if TYPE_CHECKING:
    from cekalwatch.program.translations import Texts
    from cekalwatch.server.storage.integrity.scan import RowMismatch, RowScan
    from cekalwatch.server.wiring.storage import Context

app = typer.Typer(
    help="Rows of the database that somebody without its keys has changed, put back or removed: they are not obeyed.",
    no_args_is_help=True,
)


@app.command(
    epilog="Example:\n\n  cekalwatch-server rows check --config /etc/cekalwatch/server.toml\n\n"
    "Exit code 65: there are some."
)
def check(config: Config = None, data_dir: DataDir = None) -> None:
    """Check every row on which decisions depend, and name those that are not as the server wrote them."""
    with command_context(command_settings(config, data_dir, log_level="critical")) as context:
        found = _scan(context).all()
    _show(found)
    if found:
        raise typer.Exit(Exit.DATA_PROBLEMS)


@app.command(
    epilog="Examples:\n\n"
    "  cekalwatch-server rows accept\n\n"
    "  cekalwatch-server rows accept --row person/0193e4a0-7c1e-7e3a-9a55-2f6f0b1c9d10\n\n"
    "Do it when you know why they differ: a backup was restored, or somebody mended the database by hand."
)
def accept(
    row: Annotated[
        list[str] | None, typer.Option("--row", metavar="TABLE/KEY", help="Only this row; repeatable. Without: all.")
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Accept rows as they are. It shows them, and asks for the names and passwords of two people."""
    import hashlib

    from cekalwatch.program.cli.prompts import ask, ask_secret, tell
    from cekalwatch.server.audit.entry import Action, AuditEntry, ObjectKind
    from cekalwatch.server.auth.signing_in.terminal import Terminal
    from cekalwatch.server.domain.people import TwoPersonAction

    with command_context(command_settings(config, data_dir, log_level="critical")) as context:
        scan = _scan(context)
        found = [one for one in scan.all() if not row or "/".join(one.key) in row]
        if not found:
            raise ProgramError("No such row is refused", Exit.NO_INPUT)
        _show(found)
        # The rows are on the screen; the signatures cover all of them.
        digest = hashlib.sha256("\n".join(sorted("/".join(one.key) for one in found)).encode()).hexdigest()

        def words(texts: Texts) -> str:
            return texts.say("SIGN_ROWS", count=len(found), digest=digest)

        terminal = Terminal(context.database, context.clock, ask, ask_secret, tell)
        people = terminal.two_people(TwoPersonAction.ACCEPT_ROWS, words)
        for start in range(0, len(found), MAX_AT_ONCE):
            some = found[start : start + MAX_AT_ONCE]
            objects = [ObjectKind.PERSON.key(person.person_id) for person in (people.first, people.second)]
            objects += [ObjectKind.ROW.key("/".join(one.key)) for one in some]
            details = {"rows": len(some)}
            entry = AuditEntry(
                context.clock.now(), context.actor, Action.ROWS_ACCEPTED, tuple(objects), details=details
            )
            scan.accept(some, entry)
    typer.echo(f"{len(found)} rows count as they stand. Servers follow within seconds.")


MAX_AT_ONCE = 500
"""Rows in one entry of the audit trail."""


def _scan(context: Context) -> RowScan:
    from cekalwatch.server.storage.integrity.scan import RowScan

    return RowScan(context.database, context.keys.guard)


def _show(found: list[RowMismatch]) -> None:
    for one in found:
        typer.echo(f"{'/'.join(one.key)}  {one.reason}")
    typer.echo(f"{len(found)} rows do not stand as they were written.", err=True)
