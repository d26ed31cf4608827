"""The command line of `cekalwatch-console`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cekalwatch.console.settings import DEFAULT_LISTEN, DEFAULT_TLS_DIR, ConsoleSettings
from cekalwatch.program.checks.results import AsJson, show_results
from cekalwatch.program.cli.shared_commands import InvitationFile, add_settings, add_version, naming, tell_set_up
from cekalwatch.program.cli.shared_options import with_options
from cekalwatch.program.logs import configure_logs
from cekalwatch.program.settings import LoadedSettings

LISTEN_FOR_OTHERS = "0.0.0.0:8443"  # with the certificate that the invitation brings
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
add_version(
    app,
    "cekalwatch-console",
    "Shows alerts, troubles and figures in a browser, to who supervises, keeps the list, administers or audits.",
)
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings (TOML); /etc/cekalwatch/console.toml if not given."),
]
Server = Annotated[
    str | None,
    typer.Option("--server", metavar="HOST:PORT", help="Recognition server, or several separated by commas."),
]
Listen = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="The address at which browsers find the pages.")]
_with_settings = with_options(ConsoleSettings.load_with_sources, file=Config, server_addresses=Server, listen=Listen)


@app.command(
    epilog="Examples:\n\n  cekalwatch-console serve\n\n"
    "  cekalwatch-console serve --server cekal.batam.local:50051 --listen 0.0.0.0:8443\n\n"
    "Exit codes: 0 stopped by Ctrl-C or SIGTERM; 2 wrong option; 69 the address is taken; 78 wrong setting or "
    "certificate."
)
@_with_settings
def serve(loaded: LoadedSettings[ConsoleSettings]) -> None:
    """Serve the pages until Ctrl-C or SIGTERM."""
    from cekalwatch.console.serving import run

    configure_logs(loaded.values.log_level)
    loaded.log()
    run(loaded.values)


@app.command(
    epilog="Examples:\n\n  cekalwatch-console init --invitation /media/usb/console.invitation\n\n"
    "  cekalwatch-console init --invitation console.invitation --listen 10.1.2.4:443"
)
def init(
    invitation: InvitationFile = None,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="The address at which browsers find the pages; the setting `listen`."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File that the settings go to; /etc/cekalwatch/console.toml.")
    ] = None,
    tls_dir: Annotated[
        Path, typer.Option(metavar="DIR", help="Where key and certificates go; the setting `tls_dir`.")
    ] = DEFAULT_TLS_DIR,
) -> None:
    """Set the console up: get its certificate, write its settings, and say what comes next.

    Server, site, names and time zone are in the invitation, which is asked for unless it is in --invitation or
    CEKALWATCH_INVITATION. Run it as the account under which the service runs.
    """
    from cekalwatch.program.cli.command import packaged
    from cekalwatch.program.cli.enrolment import read_invitation, set_up
    from cekalwatch.wire.identity import DeviceRole

    found = read_invitation(invitation, DeviceRole.CONSOLE)
    file = ConsoleSettings.new_file(config)
    usual = LISTEN_FOR_OTHERS if found.hosts else DEFAULT_LISTEN
    settings = set_up(ConsoleSettings, found, tls_dir, file, {"listen": listen or usual})
    named = naming(ConsoleSettings, file)
    service = packaged("cekalwatch-console")
    program = "sudo -u cekalwatch-console cekalwatch-console" if service else "cekalwatch-console"
    run = "sudo systemctl start cekalwatch-console" if service and not named else f"{program} serve{named}"
    tell_set_up(found.identity, file, tls_dir)
    typer.echo(f"Next: {program} check{named}, then: {run}, then open {settings.address}")


add_settings(app, "cekalwatch-console", ConsoleSettings)


@app.command(
    epilog="Examples:\n\n  cekalwatch-console check\n\n  cekalwatch-console check --json\n\n"
    "Exit code 0: nothing fails. 1: something does. 78: a setting is wrong."
)
@_with_settings
def check(loaded: LoadedSettings[ConsoleSettings], as_json: AsJson = False) -> None:
    """Check this console, and say what to do: one line for each part, with OK, WARN or FAIL."""
    from datetime import UTC, datetime

    from cekalwatch.console.checks import check_installation

    loaded.told()
    show_results(check_installation(loaded, datetime.now(UTC)), as_json=as_json)
