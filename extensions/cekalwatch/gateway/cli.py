"""The command line of `cekalwatch-gateway`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cekalwatch.gateway.settings import DEFAULT_KEY_FILE, DEFAULT_LISTEN, DEFAULT_TLS_DIR, GatewaySettings
from cekalwatch.program.checks.results import AsJson, show_results
from cekalwatch.program.cli.shared_commands import InvitationFile, add_settings, add_version, naming, tell_set_up
from cekalwatch.program.cli.shared_options import with_options
from cekalwatch.program.logs import configure_logs
from cekalwatch.program.settings import LoadedSettings

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
add_version(app, "cekalwatch-gateway", "Serves alerts, states and lists over HTTP to one other system of the office.")
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings (TOML); /etc/cekalwatch/gateway.toml if not given."),
]
Server = Annotated[
    str | None,
    typer.Option("--server", metavar="HOST:PORT", help="Recognition server, or several separated by commas."),
]
Listen = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="The address at which the other system calls.")]
_with_settings = with_options(GatewaySettings.load_with_sources, file=Config, server_addresses=Server, listen=Listen)


@app.command(
    epilog="Examples:\n\n  cekalwatch-gateway serve\n\n"
    "  cekalwatch-gateway serve --config /etc/cekalwatch/duty-room.toml\n\n"
    "Exit codes: 0 stopped by Ctrl-C or SIGTERM; 2 wrong option; 69 the address is taken; 78 wrong setting, key or "
    "certificate."
)
@_with_settings
def serve(loaded: LoadedSettings[GatewaySettings]) -> None:
    """Serve the other system until Ctrl-C or SIGTERM."""
    from cekalwatch.gateway.serving import run

    configure_logs(loaded.values.log_level)
    loaded.log()
    run(loaded.values)


@app.command(
    epilog="Examples:\n\n  cekalwatch-gateway init --invitation /media/usb/duty-room.invitation\n\n"
    "  cekalwatch-gateway init --invitation duty-room.invitation --listen 10.1.2.7:8444"
)
def init(
    invitation: InvitationFile = None,
    listen: Listen = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File that the settings go to; /etc/cekalwatch/gateway.toml.")
    ] = None,
    tls_dir: Annotated[
        Path, typer.Option(metavar="DIR", help="Where key and certificates go; the setting `tls_dir`.")
    ] = DEFAULT_TLS_DIR,
    key_file: Annotated[
        Path, typer.Option(metavar="FILE", help="Where the key of callers goes; the setting `key_file`.")
    ] = DEFAULT_KEY_FILE,
) -> None:
    """Set the gateway up: get its certificate, make the key of its callers, write its settings, say what comes next.

    The invitation is that of a device of the role notifier. It is asked for unless it is in --invitation or
    CEKALWATCH_INVITATION. Run it as the account under which the service runs.
    """
    import secrets

    from cekalwatch.program.cli.command import packaged
    from cekalwatch.program.cli.enrolment import read_invitation, set_up
    from cekalwatch.program.secret_files import create_private, make_private_folder
    from cekalwatch.wire.identity import DeviceRole

    found = read_invitation(invitation, DeviceRole.NOTIFIER)
    file = GatewaySettings.new_file(config)
    facts = {"listen": listen or DEFAULT_LISTEN, "key_file": key_file.absolute()}
    set_up(GatewaySettings, found, tls_dir, file, facts)
    if not key_file.parent.exists():
        make_private_folder(key_file.parent)
    create_private(key_file, secrets.token_hex(32).encode())
    named = naming(GatewaySettings, file)
    service = packaged("cekalwatch-gateway")
    program = "sudo -u cekalwatch-gateway cekalwatch-gateway" if service else "cekalwatch-gateway"
    run = "sudo systemctl start cekalwatch-gateway" if service and not named else f"{program} serve{named}"
    tell_set_up(found.identity, file, tls_dir)
    typer.echo(f"The other system sends the key in {key_file}: carry it there as a secret")
    typer.echo(f"Next: {program} check{named}, then: {run}")


add_settings(app, "cekalwatch-gateway", GatewaySettings)


@app.command(
    epilog="Examples:\n\n  cekalwatch-gateway check\n\n  cekalwatch-gateway check --json\n\n"
    "Exit code 0: nothing fails. 1: something does. 78: a setting is wrong."
)
@_with_settings
def check(loaded: LoadedSettings[GatewaySettings], as_json: AsJson = False) -> None:
    """Check this gateway, and say what to do: one line for each part, with OK, WARN or FAIL."""
    from datetime import UTC, datetime

    from cekalwatch.gateway.checks import check_installation

    loaded.told()
    show_results(check_installation(loaded, datetime.now(UTC)), as_json=as_json)


@app.command(epilog="Example:\n\n  cekalwatch-gateway openapi > gateway.json")
def openapi() -> None:
    """Print the OpenAPI document of the interface."""
    import json

    from cekalwatch.gateway.app import create_app

    typer.echo(json.dumps(create_app(None).openapi(), indent=2))
