"""`cekalwatch-server audit`: verifies the audit trail, exports it, and signs checkpoints of it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from cekalwatch.contract.values.audit import ExportFormat
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.entry import stamp
from cekalwatch.server.audit.export import written
from cekalwatch.server.cli.options import (
    audit_entry,
    command_context,
    command_database,
    signed_by_two,
    with_quiet_settings,
    with_settings,
)
from cekalwatch.server.cli.output import counting_progress

if TYPE_CHECKING:
    from cekalwatch.server.audit.destinations.timestamps import TimestampVerifier
    from cekalwatch.server.audit.entry import Link
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.storage.audit.store import AuditStore

MAX_SHOWN = 100
"""Breaks that are listed; a trail with more is broken beyond reading."""
PROGRESS_STEP = 5000
MIN_EXPLANATION = 10
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

app = typer.Typer(help="The audit trail: verify it, export it, sign it.", no_args_is_help=True)


@app.command(
    epilog="Examples:\n\n"
    "  cekalwatch-server audit verify --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server audit verify --checkpoint /media/auditor/audit_checkpoints.jsonl\n\n"
    "Exit code 0: the trail is whole. 65: it was tampered with, or went back; the entries and checkpoints concerned "
    "are named. 66: a file is missing. 69: the database cannot be used."
)
@with_settings
def verify(
    settings: ServerSettings,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            help="A file of checkpoints that was kept elsewhere, one a line; their signers are trusted. May be given "
            "more than once."
        ),
    ] = None,
    timestamp_authorities: Annotated[
        Path | None,
        typer.Option(help="PEM file of the authorities of their time stamps, instead of the configured one."),
    ] = None,
) -> None:
    """Check the whole audit trail, and name the entries that were changed, removed, inserted or moved.

    Checkpoints in the database count when this server's own key signed them, or the signer of a --checkpoint.
    """
    from cekalwatch.server.audit.checkpoint_ledger import CheckpointLedger
    from cekalwatch.server.audit.checkpoints import KeptCheckpoint
    from cekalwatch.server.storage.audit.trail_check import TrailCheck

    brought = [one for file in checkpoint or () for one in KeptCheckpoint.read(file)]
    verifier = _timestamp_verifier(timestamp_authorities or settings.audit.timestamp_authorities)
    key = settings.present_audit_key()
    with _store(settings) as store:
        ledger = CheckpointLedger(settings.audit_ledger_file)
        check = TrailCheck(store, key.public_key if key else "", ledger, brought, verifier)
        with _progress("Verifying", store.head()[0]) as counted:
            problems = list(islice(check.problems(counted), MAX_SHOWN))
    for signer in sorted(check.trusted):
        typer.echo(f"Trusted key: {signer}")
    for problem in problems:
        typer.echo(f"TAMPERED: {problem}")
    if problems:
        raise typer.Exit(Exit.DATA_PROBLEMS)
    typer.echo(f"The audit trail is whole: {check.entries} entries, signed up to entry {check.signed}.")
    if stamps := sum(1 for one in brought if one.timestamp):
        checked = f"{check.stamped} are right" if verifier else "not checked: name --timestamp-authorities"
        typer.echo(f"Time stamps: {stamps}, {checked}.")


@app.command(
    epilog="Examples:\n\n"
    "  cekalwatch-server audit export --since 2026-03-01 --until 2026-03-31 --format csv --out march.csv\n\n"
    "  cekalwatch-server audit export --since 2026-03-01T06:00:00 | jq 'select(.action == \"SUBJECT_VIEWED\")'\n\n"
    "An auditor and an administrator sign for it: their names and passwords are asked for. The export itself is "
    "recorded, with both and with the account that runs it."
)
@with_quiet_settings
def export(
    settings: ServerSettings,
    since: Annotated[str, typer.Option(help="First day (YYYY-MM-DD) or moment (ISO 8601), local time.")] = "",
    until: Annotated[str, typer.Option(help="Last day, or the moment before which it ends, local time.")] = "",
    form: Annotated[
        ExportFormat, typer.Option("--format", help="jsonl, or csv for a spreadsheet.")
    ] = ExportFormat.JSONL,
    out: Annotated[Path | None, typer.Option(help="Write to this new file instead of standard output.")] = None,
) -> None:
    """Export the entries of a span of time for an auditor; all without --since and --until."""
    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.server.audit.entry import Action, both_keys

    first, end = span(since, until, settings.home.zone)
    with command_context(settings) as context:
        store = context.stores.audit
        signed = signed_by_two(
            context,
            TwoPersonAction.EXPORT_AUDIT,
            "SIGN_AUDIT_EXPORT",
            since=first or (lambda texts: texts.say("FIRST_ENTRY")),
            until=end or (lambda texts: texts.say("LAST_ENTRY")),
            form=str(form),
            place=str(out.resolve()) if out else (lambda texts: texts.say("STANDARD_OUTPUT")),
        )
        entry = audit_entry(context, Action.AUDIT_EXPORTED, both_keys(signed), format=str(form), since=first, until=end)
        with _output(out) as stream, _progress("Exporting", None) as counted:
            store.append(entry)
            for line in written(counted(store.links(first, end)), form):
                stream.write(line)


@app.command(
    epilog="Examples:\n\n"
    "  cekalwatch-server audit checkpoint --config /etc/cekalwatch/server.toml > /media/auditor/2026-03-01.json\n\n"
    "Keep it where nobody who administers the server can change it; `audit verify --checkpoint FILE` compares."
)
@with_settings
def checkpoint(settings: ServerSettings) -> None:
    """Sign the trail as it is now, and print the checkpoint with its public key."""
    from cekalwatch.server.audit.checkpoint_ledger import HistoryChangedError
    from cekalwatch.server.foundation.clock import SystemClock
    from cekalwatch.server.storage.audit.checkpoint_signer import CheckpointSigner
    from cekalwatch.server.wiring.audit import open_signer
    from cekalwatch.server.wiring.data_folder import refuse_lost_audit_key

    with _store(settings) as store:
        refuse_lost_audit_key(settings, store)
        try:
            made = CheckpointSigner(store, *open_signer(settings, store), SystemClock()).sign()
        except HistoryChangedError as error:
            raise ProgramError(
                f"The history in the database is not the one that was signed ({error}), and is not signed: run "
                "`audit verify`, and see docs/audit.md before you run `audit accept-history`",
                Exit.DATA_PROBLEMS,
            ) from None
    if made is None:
        raise ProgramError("The audit trail is empty: start the server or import a watchlist first", Exit.NO_INPUT)
    typer.echo(made.to_json())


@app.command(
    epilog="Example:\n\n"
    "  cekalwatch-server audit accept-history --explanation 'backup of 3 March restored after a broken disk'\n\n"
    "An auditor and an administrator sign for it. The auditor keeps the former checkpoints, and begins a new file."
)
@with_quiet_settings
def accept_history(
    settings: ServerSettings,
    explanation: Annotated[
        str, typer.Option(help="Why the history is another one, 10 to 200 characters, no names; it is recorded.")
    ],
) -> None:
    """Continue signing after a restore: two people accept the history in the database as it is."""
    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.server.audit.entry import MAX_TEXT
    from cekalwatch.server.storage.audit.checkpoint_signer import CheckpointSigner
    from cekalwatch.server.wiring.audit import open_signer

    if not MIN_EXPLANATION <= len(explanation) <= MAX_TEXT or not explanation.isprintable():
        raise ProgramError(f"An explanation has {MIN_EXPLANATION} to {MAX_TEXT} characters", Exit.USAGE)
    with command_context(settings) as context:
        store = context.stores.audit
        signer = CheckpointSigner(store, *open_signer(settings, store), context.clock)
        found = signer.history_change()
        if found is None:
            raise ProgramError("The history is the one that was signed: there is nothing to accept", Exit.USAGE)

        signing = {"found": str(found), "why": explanation}
        people = signed_by_two(context, TwoPersonAction.ACCEPT_AUDIT_HISTORY, "SIGN_AUDIT_HISTORY", **signing)
        made = signer.accept(found, people, explanation)
    typer.echo(made.to_json())


def _timestamp_verifier(file: Path | None) -> TimestampVerifier | None:
    """Return the checker of time stamps; None without authorities. Raises ProgramError when they cannot be read."""
    from cekalwatch.server.audit.destinations.timestamps import TimestampVerifier

    try:
        return TimestampVerifier(file.read_bytes()) if file else None
    except (OSError, ValueError):
        raise ProgramError(f"Cannot read the authorities of time stamps in {file}", Exit.NO_INPUT) from None


@contextmanager
def _store(settings: ServerSettings) -> Iterator[AuditStore]:
    """Yield the trail in the database as it is; nothing is created. Raises ProgramError when it cannot be used."""
    from cekalwatch.server.storage.audit.store import AuditStore

    with command_database(settings) as database:
        database.check_exists()
        yield AuditStore(database)


@contextmanager
def _output(file: Path | None) -> Iterator[IO[str]]:
    """Yield standard output, or a new file that only its owner can read. Raises ProgramError."""
    if file is None:
        yield sys.stdout
        return
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        raise ProgramError(f"Cannot write {file}: {error.strerror}") from None


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[Iterable[Link]], Iterator[Link]]]:
    """Show a progress bar on standard error, and give a function that counts what passes through it."""
    with counting_progress() as progress:
        task = progress.add_task(what, total=total)

        def counted(links: Iterable[Link]) -> Iterator[Link]:
            number = 0
            for number, one in enumerate(links, 1):  # used after the last one
                if number % PROGRESS_STEP == 0:
                    progress.update(task, completed=number)
                yield one
            progress.update(task, completed=number)

        yield counted


def span(since: str, until: str, zone: tzinfo) -> tuple[str, str]:
    """Return the stamps of the first moment within and the first one after; empty where nothing was given.

    A day counts as a whole, `until`'s included; a moment without offset is one of `zone`. Raises ProgramError.
    """
    first, end = _moment("--since", since, zone), _moment("--until", until, zone)
    if end and _DAY.fullmatch(until):
        # Midnight of the next day in that zone, whatever its clocks do in between.
        end = datetime.combine(end.date() + timedelta(days=1), end.timetz())
    if first and end and end <= first:
        raise ProgramError("--until is not after --since", Exit.USAGE)
    return stamp(first) if first else "", stamp(end) if end else ""


def _moment(option: str, text: str, zone: tzinfo) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ProgramError(f"{option} is no day or moment; write 2026-03-01 or 2026-03-01T06:00", Exit.USAGE) from None
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
