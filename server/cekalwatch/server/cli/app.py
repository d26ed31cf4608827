"""Command line of `cekalwatch-server`: parses, loads settings, hands over."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from cekalwatch.program.command import SettingsFormat, settings_examples
from cekalwatch.server.cli import audit as audit_command
from cekalwatch.server.cli import evaluate as evaluate_command
from cekalwatch.server.cli import keys as keys_command
from cekalwatch.server.cli import models as models_command
from cekalwatch.server.cli import people as people_command
from cekalwatch.server.cli import pki as pki_command
from cekalwatch.server.cli import threshold_setting as threshold_command
from cekalwatch.server.cli import thresholds as thresholds_command
from cekalwatch.server.cli.gallery import app as gallery_commands
from cekalwatch.server.cli.watchlist import app as watchlist_commands

app = typer.Typer(
    help="The recognition server of Cekalwatch.\n\nSettings come from --config FILE (TOML), environment variables "
    "CEKALWATCH_SERVER_<NAME>, and options; the later wins.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(audit_command.app, name="audit")
app.add_typer(evaluate_command.app, name="evaluate")
app.add_typer(gallery_commands.app, name="gallery")
app.add_typer(keys_command.app, name="keys")
app.add_typer(models_command.app, name="models")
app.add_typer(people_command.app, name="people")
app.add_typer(pki_command.app, name="pki")
app.add_typer(thresholds_command.app, name="thresholds")
thresholds_command.app.add_typer(threshold_command.app)
app.add_typer(watchlist_commands.app, name="watchlist")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cekalwatch-server {version('cekalwatch')}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Keep the sub-commands apart from the root."""


@app.command("settings", epilog=settings_examples("cekalwatch-server"))
def show_settings(
    config: Annotated[Path | None, typer.Option(help="Configuration file (TOML).")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the database and the model packs.")] = None,
    form: Annotated[SettingsFormat, typer.Option("--format", help="How to print them.")] = SettingsFormat.TABLE,
) -> None:
    """Show every setting: its value and where that comes from, its default and its meaning."""
    from cekalwatch.program.settings_command import print_settings
    from cekalwatch.server.settings.settings import ServerSettings

    print_settings(ServerSettings.load_with_sources(config, data_dir=data_dir), form)


@app.command(
    epilog="Examples:\n\n"
    "  cekalwatch-server serve --config /etc/cekalwatch/server.toml\n\n"
    "  CEKALWATCH_SERVER_LISTEN=127.0.0.1:50051 cekalwatch-server serve --data-dir ./data"
)
def serve(
    config: Annotated[Path | None, typer.Option(help="Configuration file (TOML).")] = None,
    listen: Annotated[
        str | None, typer.Option(help="HOST:PORT on this machine; port 0 lets the system choose.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the database and the model packs.")] = None,
    model_pack: Annotated[str | None, typer.Option(help="Name of the model pack.")] = None,
    threads: Annotated[int | None, typer.Option(help="Native threads for inference, image work and search.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Run the server until Ctrl-C or SIGTERM. It logs `serving` with its address when cameras can connect."""
    from cekalwatch.program.logs import configure_logs
    from cekalwatch.server.app import run
    from cekalwatch.server.settings.settings import ServerSettings

    settings = ServerSettings.load(
        config,
        listen=listen,
        data_dir=data_dir,
        model_pack=model_pack,
        threads=threads,
        log_level=log_level,
    )
    configure_logs(settings.log_level)
    run(settings)
