"""The options that the commands share, and the settings that they make.

A command takes `config: Config = None, data_dir: DataDir = None` and calls `command_settings(config, data_dir)`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError

if TYPE_CHECKING:
    from cekalwatch.program.settings import LoadedSettings
    from cekalwatch.server.settings.settings import ServerSettings

Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Configuration file (TOML); /etc/cekalwatch/server.toml when it is there."),
]
DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of the database, the keys and the model packs.")
]
ModelsDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of the model packs, instead of the configured one.")
]
ModelPack = Annotated[str | None, typer.Option(metavar="NAME", help="Name of the model pack.")]
Threads = Annotated[int | None, typer.Option(help="Native threads for inference, image work and search.")]
Listen = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Address on this machine; port 0 lets the system choose.")
]
LogLevel = Annotated[str | None, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")]
ServerAddress = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="The running server; when not given, the configured `listen`."),
]


def command_settings(
    config: Path | None, data_dir: Path | None = None, *, log_level: str = "warning", **options: object
) -> ServerSettings:
    """Return the settings of a command, which logs from `log_level` on to standard error, and tell which they are.

    Raises ProgramError, also where neither settings nor data are found: a command must not work on another, empty site.
    """
    return loaded_settings(config, data_dir, log_level=log_level, **options).values


def loaded_settings(
    config: Path | None, data_dir: Path | None = None, *, log_level: str = "warning", **options: object
) -> LoadedSettings[ServerSettings]:
    """Do the same, and return where the settings come from as well."""
    from cekalwatch.program.logs import configure_logs
    from cekalwatch.server.settings.settings import ServerSettings

    loaded = ServerSettings.load_with_sources(config, data_dir=data_dir, **options)
    settings = loaded.values
    if loaded.file is None and not (settings.data_dir.is_dir() or settings.database_url or settings.models_dir):
        looked = ", ".join(map(str, ServerSettings.usual_files()))
        raise ProgramError(
            f"There are no settings ({looked}), and no data in {settings.data_dir}. Name the server's settings with "
            "--config or CEKALWATCH_SERVER_CONFIG, or its folder with --data-dir; a new site is set up with: "
            "cekalwatch-server init",
            Exit.CONFIG,
        )
    configure_logs(log_level)
    loaded.told()
    return loaded
