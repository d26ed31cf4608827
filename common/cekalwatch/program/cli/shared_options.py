"""Options that several commands share: a command declares its own, and takes what the shared ones choose.

with_settings = with_options(load_settings, config=Config)

@app.command()
@with_settings
def show(settings: Settings, name: Name) -> None: ...
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from inspect import Parameter, signature
from typing import Any, Concatenate, TypeVar, get_type_hints

S = TypeVar("S")
T = TypeVar("T")
Command = Callable[Concatenate[T, ...], None]
Decorator = Callable[[Command[T]], Callable[..., None]]


def with_options(make: Callable[..., T], **options: Any) -> Decorator[T]:  # noqa: ANN401  # annotations for Typer
    """Give a command these options, each None by default; its first parameter is what `make` returns for them.

    The type of that parameter need not be loaded.
    """

    def decorate(command: Command[T]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: object) -> None:
            command(make(**{name: given.pop(name) for name in options}), **given)

        _, *own = (one.replace(kind=Parameter.KEYWORD_ONLY) for one in signature(command).parameters.values())
        shared = (Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in options)
        run.__annotations__ = {one.name: one.annotation for one in own} | options
        types = get_type_hints(run, include_extras=True)
        parameters = [one.replace(annotation=types[one.name]) for one in (*own, *shared)]
        run.__signature__ = signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]
        return run

    return decorate


def with_opened(outer: Decorator[S], opening: Callable[[S], AbstractContextManager[T]]) -> Decorator[T]:
    """Give a command the options of `outer`; its first parameter is what `opening` yields while the command runs."""

    def decorate(command: Command[T]) -> Callable[..., None]:
        @wraps(command)
        def run(chosen: S, **own: object) -> None:
            with opening(chosen) as opened:
                command(opened, **own)

        return outer(run)

    return decorate
