"""The commands of a program, as its command line has them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from typer import Typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

command_line = cache(get_command)
"""The whole command line of a program, which takes the server's a tenth of a second to be put together."""


def commands_of(app: Typer) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    """Yield the words of each command, and the command; not the groups that hold them, but those that are one too."""

    def walk(command: object, path: tuple[str, ...]) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
        if isinstance(command, TyperGroup):
            for name, part in command.commands.items():
                yield from walk(part, (*path, name))
            if path and command.invoke_without_command:
                yield " ".join(path), command
        elif isinstance(command, TyperCommand):
            yield " ".join(path), command

    yield from walk(command_line(app), ())
