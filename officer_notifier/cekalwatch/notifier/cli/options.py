"""The options that most commands share, and the settings that they choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import wraps
from inspect import Parameter, signature
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from cekalwatch.notifier.console.left_pictures import delete_left
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.translations import Language

Server = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="The server; default 127.0.0.1:50051. Several separated by commas."),
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


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the shared options; it takes the settings that they choose as its first parameter."""

    @wraps(command)
    def run(
        *, server: str | None, agent_id: str | None, language: Language | None, config: Path | None, **own: object
    ) -> None:
        loaded = NotifierSettings.load_with_sources(
            config, server_addresses=server, agent_id=agent_id, language=language
        )
        command(loaded.told(), **own)

    _, *parameters = signature(command, eval_str=True).parameters.values()
    shared = {"server": Server, "agent_id": AgentId, "language": LanguageOption, "config": Config}
    options = (
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=option) for name, option in shared.items()
    )
    run.__signature__ = signature(command).replace(parameters=[*parameters, *options])  # type: ignore[attr-defined]
    return run
