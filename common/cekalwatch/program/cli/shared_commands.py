"""The commands and options that several programs have alike; each program says its name and settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cekalwatch.program.cli.command import SettingsFormat, settings_examples
from cekalwatch.program.platform.places import ON_A_STICK
from cekalwatch.program.version import version
from cekalwatch.wire.identity import DeviceRole

if TYPE_CHECKING:
    from cekalwatch.program.settings import Settings
    from cekalwatch.wire.identity import Identity

InvitationFile = Annotated[
    Path | None,
    typer.Option(
        "--invitation",
        metavar="FILE",
        help="File that `cekalwatch-server pki invite --out` wrote; -: standard input.",
    ),
]
Format = Annotated[SettingsFormat, typer.Option("--format", help="How to print the settings.")]


def add_version(app: typer.Typer, program: str, about: str) -> None:
    """Add --version to `app`; `about` says what the program does."""

    def print_version(wanted: bool) -> None:
        if wanted:
            typer.echo(f"{program} {version()}")
            raise typer.Exit

    option: Any = typer.Option(False, "--version", callback=print_version, is_eager=True, help="Show the version.")

    @app.callback(help=about)
    def main(_version: bool = option) -> None:
        """Take the options that come before a command."""


def add_settings(app: typer.Typer, program: str, kind: type[Settings]) -> None:
    """Add the command `settings`, which shows those of `kind`."""
    option: Any = typer.Option(
        None, "--config", metavar="FILE", help=f"Settings (TOML); {kind.usual_files()[0]} if not given."
    )

    @app.command("settings", epilog=settings_examples(program))
    def show_settings(config: Path | None = option, form: Format = SettingsFormat.TABLE) -> None:
        """Show every setting: its value and where that comes from, its default and its meaning."""
        from cekalwatch.program.cli.settings_command import print_settings

        loaded = kind.load_with_sources(config)
        loaded.told()
        print_settings(loaded, form)


TlsDirOption = Annotated[
    Path | None, typer.Option("--tls-dir", metavar="DIR", help="Where key and certificates go; the setting `tls_dir`.")
]


def add_enrol(app: typer.Typer, program: str, role: DeviceRole, keys: Callable[[], Path]) -> None:
    """Add the command `enrol`, which gets a certificate of `role`; `keys` says where that goes if nobody does."""
    example = f"  {program} enrol --server cekal.batam.local:50052"

    @app.command(epilog=f"Examples:\n\n{example}\n\n{example} --code-file {ON_A_STICK}code.txt")
    def enrol(
        server: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the server enrols: `enrolment_listen`.")],
        code_file: Annotated[
            Path | None,
            typer.Option(
                metavar="FILE", help="File with the code that `cekalwatch-server pki invite` gave; -: standard input."
            ),
        ] = None,
        tls_dir: TlsDirOption = None,
    ) -> None:
        """Get this device's certificate, once. Its private key is made here and stays here.

        The code is asked for, unless it is in --code-file or CEKALWATCH_ENROLMENT_CODE.
        """
        from cekalwatch.program.cli.enrolment import enrol as enrol_device

        tls_dir = tls_dir or keys()
        identity = enrol_device(server, code_file, role, tls_dir)
        typer.echo(f"This is {identity.uri}; its certificate is in {tls_dir}")


def tell_set_up(identity: Identity, file: Path, tls_dir: Path) -> None:
    """Say what `init` has made."""
    typer.echo(f"This is {identity.uri}; its settings are in {file}, its certificate in {tls_dir}")


def naming(kind: type[Settings], file: Path) -> str:
    """Return the option that later commands need to find `file`, with a blank before it; nothing at a usual place."""
    return "" if file in kind.usual_files() else f" --config {file}"
