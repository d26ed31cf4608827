"""The options that most commands share, and the settings that they choose."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from cekalwatch.notifier.console.left_pictures import delete_left
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.cli.shared_options import with_options
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.translations import Language

Server = Annotated[
    str | None,
    typer.Option(
        "--server", metavar="HOST:PORT", help="The server; default 127.0.0.1:50051. Several separated by commas."
    ),
]
AgentId = Annotated[
    str | None, typer.Option(metavar="NAME", help="Name of this agent; default: that in the certificate.")
]
LanguageOption = Annotated[Language | None, typer.Option("--language", help="Language of the texts; default id.")]
Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help=f"TOML file with settings; default: {NotifierSettings.usual_files()[0]} if it exists."
    ),
]


def delete_left_pictures(arguments: Sequence[str]) -> None:
    """Delete the pictures that a killed notifier left, whichever command has these arguments."""
    named = next((value for name, value in pairwise(arguments) if name == "--config"), None)
    joined = next((one.partition("=")[2] for one in arguments if one.startswith("--config=")), None)
    config = named or joined
    with suppress(ProgramError):  # wrong settings: the command says so
        delete_left(NotifierSettings.load(Path(config) if config else None).state_dir)


def _settings(config: Path | None, **options: object) -> NotifierSettings:
    return NotifierSettings.load_with_sources(config, **options).told()


with_settings = with_options(
    _settings, server_addresses=Server, agent_id=AgentId, language=LanguageOption, config=Config
)
"""Give a command the shared options; its first parameter is the settings that they choose."""
