"""`cekalwatch-server drill`: disasters that are tried before they happen, timed, with a sheet to sign."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.translations import Language
from cekalwatch.server.cli.options import with_settings
from cekalwatch.server.cli.output import byte_progress

if TYPE_CHECKING:
    from cekalwatch.extensions.papers.outage import Outage
    from cekalwatch.extensions.papers.writing import Drill
    from cekalwatch.server.settings.settings import ServerSettings

app = typer.Typer(
    help="Drills of disasters, each timed and with a sheet to sign (docs/drills.md).", no_args_is_help=True
)

Sheets = Annotated[Path, typer.Option("--sheets", metavar="FOLDER", help="Folder for the sheets; it is made.")]
Servers = Annotated[
    list[str] | None,
    typer.Option("--server", metavar="HOST:PORT", help="The running server, instead of the configured one."),
]
NOT_PASSED = "Exit code 0: passed. 65: held, and not passed."


@app.command(
    epilog="Examples:\n\n  cekalwatch-server drill restore BACKUP --identity backup.key --signer KEY "
    "--keys-from /media/keys --sheets /srv/drills\n\n" + NOT_PASSED
)
@with_settings
def restore(
    settings: ServerSettings,
    archive: Annotated[Path, typer.Argument(metavar="BACKUP", help="The backup's file.")],
    identity: Annotated[Path, typer.Option(metavar="FILE", help="File of the matching private key.")],
    sheets: Sheets,
    signer: Annotated[
        list[str], typer.Option(metavar="KEY", help="Key that signed the backup, as `backup` showed it.")
    ],
    keys_from: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder with the keys that are not in the backup.")
    ] = None,
    beside: Annotated[
        Path,
        typer.Option("--in", metavar="DIR", help="Folder with room for the site, which is removed again."),
    ] = Path("/var/tmp"),  # noqa: S108  # a private folder is made in it
) -> None:
    """Restore a backup elsewhere, check it, and remove it: how much would be lost, and how long it takes.

    Run it on the machine that would replace the server. The running site is not touched.
    """
    from cekalwatch.extensions.papers.restore import drill_restore
    from cekalwatch.extensions.papers.writing import Drill
    from cekalwatch.server.backup.archive import AgeIdentity
    from cekalwatch.server.storage.errors import StorageError

    key = AgeIdentity.read(identity)
    with byte_progress() as progress:
        task = progress.add_task("Restoring", total=None)
        try:
            held = drill_restore(
                archive,
                key,
                settings,
                beside,
                keys_from=keys_from,
                signers=frozenset(signer),
                kept=(),
                now=datetime.now(UTC),
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        except StorageError as error:
            raise ProgramError(f"The database cannot be used: {error}", Exit.UNAVAILABLE) from None
    typer.echo(f"Recovery point: the backup is {held.age.total_seconds() / 3600:.1f} hours old")
    typer.echo(f"Recovery time: {held.seconds:.1f} s until it was restored and checked")
    _sheet(settings, sheets, Drill.RESTORE, passed=held.passed, d=held)


@app.command(epilog="Example:\n\n  cekalwatch-server drill device --sheets /srv/drills\n\n" + NOT_PASSED)
@with_settings
def device(settings: ServerSettings, sheets: Sheets, server: Servers = None) -> None:
    """Let a device of its own in at the running server, revoke it as a stolen PC, and time until nothing is let in."""
    from tempfile import TemporaryDirectory

    from cekalwatch.extensions.papers.stolen_device import LIMIT_S, STREAM_LIMIT_S, steal_device
    from cekalwatch.extensions.papers.writing import Drill
    from cekalwatch.server.cli.watchlist.running_server import running_server
    from cekalwatch.server.pki.journal import PkiJournal
    from cekalwatch.server.pki.site_pki import SitePki

    pki, site = SitePki.load(settings.pki_path, settings.authority_token), settings.home.site
    running = running_server(settings, server[0] if server else None)
    if running is None:
        raise ProgramError(f"No server is running at {settings.listen}", Exit.UNAVAILABLE)
    with PkiJournal(settings.database_address) as journal, TemporaryDirectory(dir=settings.data_dir) as folder:
        held = steal_device(pki, journal, running.address, site, Path(folder) / "device", datetime.now(UTC))
    for what, seconds in (("Its stream ended", held.stream_s), ("A new connection was refused", held.refused_s)):
        typer.echo(f"{what}: " + (f"not within {LIMIT_S:.0f} s" if seconds is None else f"after {seconds:.1f} s"))
    _sheet(settings, sheets, Drill.DEVICE, passed=held.passed, d=held, limit_s=LIMIT_S, wanted_s=STREAM_LIMIT_S)


@app.command(
    epilog="Examples:\n\n  cekalwatch-server drill outage --minutes 10 --sheets /srv/drills\n\n"
    "  cekalwatch-server drill outage --server a.batam:50051 --server b.batam:50051 --sheets /srv/drills\n\n"
    "Meanwhile promote the standby, stop a server, or cut a line. Ctrl-C ends it earlier, with a sheet."
)
@with_settings
def outage(
    settings: ServerSettings,
    sheets: Sheets,
    minutes: Annotated[float, typer.Option(min=0.01, max=1440, help="How long it watches.")] = 15,
    server: Servers = None,
) -> None:
    """Ask servers for their health while somebody breaks something: how long none of them recognised anybody."""
    import time

    from cekalwatch.extensions.papers.outage import watch
    from cekalwatch.extensions.papers.writing import Drill
    from cekalwatch.program.connection import open_dialer

    zone = settings.home.zone
    dialers = [open_dialer(one, settings.tls_path) for one in server or [settings.listen]]
    end = time.monotonic() + timedelta(minutes=minutes).total_seconds()
    typer.echo(
        f"Watching {', '.join(one.address for one in dialers)} for {minutes:g} minutes; Ctrl-C ends it", err=True
    )

    def tell(one: Outage, ended: bool) -> None:  # whether it ended
        words = f"recognises again after {one.seconds:.1f} s" if ended else f"no server recognises: {one.reason}"
        typer.echo(f"{one.began_at:%H:%M:%S} {words}", err=True)

    seen = watch(dialers, lambda: time.monotonic() >= end, lambda: datetime.now(zone), tell)
    typer.echo(f"Outages: {len(seen.outages)}, the longest {seen.longest_s:.1f} s")
    _sheet(settings, sheets, Drill.OUTAGE, passed=True, d=seen)


def _sheet(settings: ServerSettings, folder: Path, which: Drill, *, passed: bool, **reached: object) -> None:
    """Write the sheet in both languages; a drill that was not passed ends with its exit code."""
    from cekalwatch.extensions.papers.keeping import keep
    from cekalwatch.extensions.papers.writing import drill_sheet

    made_at = datetime.now(settings.home.zone)
    texts = {f"{which}.{one}": drill_sheet(which, made_at, one, **reached) for one in Language}
    for file in keep(folder, texts, made_at):
        typer.echo(file)
    if not passed:
        typer.echo("Not passed: the sheet says why", err=True)
        raise typer.Exit(Exit.DATA_PROBLEMS)
