"""`watchlist sync`: synchronises the watchlist with its source, through the running server or in this process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import ServerAddress, command_context, signed_by_two, with_quiet_settings
from cekalwatch.server.cli.watchlist.running_server import running_server

if TYPE_CHECKING:
    from cekalwatch.contract.values.imports import SyncRun, SyncStatus
    from cekalwatch.server.settings.settings import ServerSettings


POLL_S = 0.25

app = typer.Typer(help="The synchronisation of the watchlist with its source.", no_args_is_help=True)


class Syncs(Protocol):
    """The synchronisation, through a server or in this process."""

    def start(self, *, from_start: bool) -> int:
        """Begin a run, and return its key."""

    def run(self, run_id: int) -> SyncRun:
        """Return the present state of the run."""

    def status(self) -> tuple[SyncStatus, datetime | None]:
        """Return the status, and when the watchlist was last brought up to date."""


@app.command(
    epilog="Examples:\n\n"
    "  cekalwatch-server watchlist sync now --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server watchlist sync now --from-start\n\n"
    "  cekalwatch-server watchlist sync now --accept-shrink\n\n"
    "Exit code 0: the watchlist is as the source has it. 65: done, but a record or a photograph was refused, or an "
    "order is flagged INVALID; or the list has shrunk, and nothing was ended. 66: no shrunken list waits to be "
    "accepted. 69: the server, the database or the source cannot be reached, or a synchronisation is under way. 77: "
    "the two people may not accept it. 78: no source is configured."
)
@with_quiet_settings
def now(
    settings: ServerSettings,
    accept_shrink: Annotated[
        bool,
        typer.Option(
            "--accept-shrink", help="End the orders that are no longer in the source. It asks for two people."
        ),
    ] = False,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Read the whole list, even from a source that reports changes.")
    ] = False,
    server: ServerAddress = None,
) -> None:
    """Synchronise now, and report the result: through the running server, or in this process when none is running."""
    from cekalwatch.server.foundation.errors import CekalwatchError, Code

    if settings.watchlist.source is None:
        raise _refused(CekalwatchError(Code.SYNC_NOT_CONFIGURED))
    if accept_shrink:
        _accept(settings)
    with _syncs(settings, server) as syncs:
        try:
            run = _followed(syncs, syncs.start(from_start=from_start))
        except CekalwatchError as error:
            if error.code is Code.SYNC_NOT_CONFIGURED:  # by the server, for these settings have a source
                raise ProgramError(
                    "The settings name a source, and the running server began without it: restart the server, and run "
                    "this again",
                    Exit.CONFIG,
                ) from None
            raise _refused(error) from None
    _tell(run)


@app.command(
    epilog="Examples:\n\n"
    "  cekalwatch-server watchlist sync status --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server watchlist sync status --json"
)
@with_quiet_settings
def status(
    settings: ServerSettings,
    as_json: Annotated[bool, typer.Option("--json", help="Write it as JSON.")] = False,
    server: ServerAddress = None,
) -> None:
    """Show the status of the synchronisation: the last run, the next one, and decisions that wait for a person."""
    from cekalwatch.server.foundation.errors import CekalwatchError

    with _syncs(settings, server) as syncs:
        try:
            found, fresh_at = syncs.status()
        except CekalwatchError as error:
            raise _refused(error) from None
    if as_json:
        typer.echo(json.dumps(asdict(found) | {"last_success_at": fresh_at}, default=moment_text, indent=2))
        return
    typer.echo(f"Source: {found.source or 'none is configured'}")
    typer.echo(f"Up to date: {moment_text(fresh_at) if fresh_at else 'never'}")
    if found.running:
        typer.echo(f"Under way: run {found.running.run_id}, {run_counts(found.running)}")
    if found.last:
        typer.echo(f"Last: {run_sentence(found.last)}")
        tell_findings(found.last)
    if found.next_run_at:
        typer.echo(f"Next: {moment_text(found.next_run_at)}")
    if found.waiting:
        typer.echo(shrunk_sentence(found.waiting))


@contextmanager
def _syncs(settings: ServerSettings, server: str | None) -> Iterator[Syncs]:
    from cekalwatch.server.cli.watchlist.running_server import local_syncs
    from cekalwatch.server.grpc_api.clients.server_client import RemoteSyncs

    if dialer := running_server(settings, server):
        with RemoteSyncs(dialer) as remote:
            yield remote
    else:
        with local_syncs(settings) as local:
            yield local


def _accept(settings: ServerSettings) -> None:
    """Let two people accept the shrunken list that waits, at this machine."""
    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.server.foundation.errors import CekalwatchError
    from cekalwatch.server.watchlist.sync.schedule import accept_shrink

    with command_context(settings) as context:
        store, clock = context.stores.syncs, context.clock
        waiting = store.state().waiting
        if waiting is None:
            raise ProgramError("No shrunken list waits to be accepted", Exit.NO_INPUT)

        values = {"missing": waiting.missing, "held": waiting.held, "run": str(waiting.run_id)}
        people = signed_by_two(context, TwoPersonAction.ACCEPT_SHRUNKEN_LIST, "SIGN_SHRUNKEN_LIST", **values)
        try:
            accept_shrink(store, clock, waiting.run_id, people, context.actor)
        except CekalwatchError as error:
            raise _refused(error) from None


def _followed(syncs: Syncs, run_id: int) -> SyncRun:
    """Show the progress of the run, and return it when it has ended."""
    from cekalwatch.contract.values.watchlist import SyncOutcome

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("Synchronising")
        while (run := syncs.run(run_id)).outcome is SyncOutcome.RUNNING:
            progress.update(task, description=f"Synchronising: {run_counts(run)}")
            time.sleep(POLL_S)
    return run


def _tell(run: SyncRun) -> None:
    from cekalwatch.contract.values.watchlist import SyncOutcome
    from cekalwatch.server.foundation.errors import public_message

    typer.echo(run_sentence(run))
    tell_findings(run)
    if run.counts.kept:
        typer.echo(
            f"{run.counts.kept} orders that may be gone were not ended: a row without a readable key could be theirs."
        )
    match run.outcome:
        case SyncOutcome.DONE:
            if run.refusals or run.counts.flagged:
                raise typer.Exit(Exit.DATA_PROBLEMS)
        case SyncOutcome.SHRUNK:
            typer.echo(shrunk_sentence(run))
            raise typer.Exit(Exit.DATA_PROBLEMS)
        case _:
            why = public_message(run.reason) or "The server stopped; the next run goes on."
            raise ProgramError(f"{why} {run.detail}".strip(), Exit.UNAVAILABLE)


def _refused(error: Exception) -> ProgramError:
    from cekalwatch.server.foundation.errors import CekalwatchError, Code

    if not isinstance(error, CekalwatchError):
        raise TypeError(type(error).__name__)
    codes = {Code.SYNC_NOT_CONFIGURED: Exit.CONFIG, Code.SHRINK_NOT_WAITING: Exit.NO_INPUT}
    return ProgramError(error.public_message, codes.get(error.code, Exit.UNAVAILABLE))


MAX_LINES = 50
"""Findings of a kind on the screen; `status --json` has more of them."""


def tell_findings(run: SyncRun) -> None:
    """Print what needs attention."""
    from cekalwatch.server.foundation.errors import Code
    from cekalwatch.server.watchlist.imports.records import FIELD_FORMS

    refused = [
        f"Refused: {one.order_id or 'a row without a usable key'}: {one.reason}"
        + (f" ({one.field})" if one.field else "")
        + (f": {FIELD_FORMS[one.field]}" if one.field in FIELD_FORMS and one.reason == Code.RECORD_INVALID else "")
        for one in run.refusals
    ]
    flagged = [
        f"Flagged INVALID, never alerts: {one.order_id}: {', '.join(one.broken_rules)}"
        for one in run.remarks
        if one.broken_rules
    ]
    renewed = [
        f"Stays in force, and must be looked at: {one.order_id}: {', '.join(one.flags)}"
        for one in run.remarks
        if one.flags
    ]
    doubtful = [
        f"Its face is also under another subject: {one.order_id}: {', '.join(one.also_under)}"
        for one in run.remarks
        if one.also_under
    ]
    counts = run.counts
    _tell_first(refused, counts.refused + counts.photographs_refused)
    _tell_first(flagged, counts.flagged)
    _tell_first(renewed, counts.renewed)
    _tell_first(doubtful, counts.doubtful)


def _tell_first(lines: Sequence[str], count: int) -> None:
    for line in lines[:MAX_LINES]:
        typer.echo(line)
    if (more := count - min(len(lines), MAX_LINES)) > 0:
        typer.echo(f"and {more} more.")


def run_sentence(run: SyncRun) -> str:
    """Return how a run ended, in one line."""
    reading = ("whole list" if run.whole else "changes") + (", went on" if run.resumed else "")
    at = run.ended_at or run.started_at
    outcome = f"{run.outcome} ({run.reason})" if run.reason else str(run.outcome)
    counts = f"{run_counts(run)}, {run.counts.flagged} flagged INVALID"
    return f"run {run.run_id}, {moment_text(at)}, {reading}: {outcome}; {counts}"


def run_counts(run: SyncRun) -> str:
    """Return the results of the records so far."""
    counts = run.counts
    return (
        f"{counts.read} read, {counts.added} added, {counts.changed} changed, {counts.unchanged} unchanged, "
        f"{counts.ended} ended, {counts.refused} refused"
    )


def shrunk_sentence(run: SyncRun) -> str:
    """Return what to do about a list that has shrunk."""
    return (
        f"The list has shrunk: {run.missing} of {run.held} orders are no longer in the source. None was ended. Put the "
        "source right, or let a list manager and a supervisor accept it: watchlist sync now --accept-shrink"
    )


def moment_text(value: object) -> str:
    """Return a moment to the second, and anything else as text."""
    return value.isoformat(" ", "seconds") if isinstance(value, datetime) else str(value)
