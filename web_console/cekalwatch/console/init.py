"""`cekalwatch-console init`: makes this machine a console of its port, from one invitation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cekalwatch.console.settings import DEFAULT_LISTEN, DEFAULT_TLS_DIR, ConsoleSettings
from cekalwatch.program.cli.shared_commands import InvitationFile, naming, tell_set_up

LISTEN_FOR_OTHERS = "0.0.0.0:8443"  # with the certificate that the invitation brings
EPILOG = (
    "Examples:\n\n  cekalwatch-console init --invitation /media/usb/console.invitation\n\n"
    "  cekalwatch-console init --invitation console.invitation --listen 10.1.2.4:443"
)


def init(
    invitation: InvitationFile = None,
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where browsers find the pages; the setting `listen`.")
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
    from cekalwatch.program.cli.enrolment import read_invitation
    from cekalwatch.program.cli.setting_up import set_up
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
