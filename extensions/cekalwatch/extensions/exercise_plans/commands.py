"""`cekalwatch-server exercises set` and `off`: when exercises come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.alerts import exercises
from cekalwatch.server.cli.options import audit_entry, command_context, signed_by_two, with_quiet_settings

if TYPE_CHECKING:
    from cekalwatch.server.domain.exercises import Shift
    from cekalwatch.server.settings.settings import ServerSettings

SET_EPILOG = "Example:\n\n  cekalwatch-server exercises set 07:00-15:00 15:00-23:00"


def add_commands(_server: typer.Typer) -> None:
    """Add the commands to those of exercises."""
    exercises.app.command("set", epilog=SET_EPILOG)(set_shifts)
    exercises.app.command(epilog="Example:\n\n  cekalwatch-server exercises off")(off)


@with_quiet_settings
def set_shifts(
    settings: ServerSettings,
    shifts: Annotated[
        list[str],
        typer.Argument(metavar="HH:MM-HH:MM", help="Hours of the shifts, by the site's clock.", show_default=False),
    ],
    a_shift: Annotated[int, typer.Option(metavar="COUNT", help="Exercises of each counter in a shift, 1 to 10.")] = 1,
) -> None:
    """Set when exercises come. It asks for the names and passwords of an administrator and a supervisor."""
    _set(settings, shifts, a_shift)


@with_quiet_settings
def off(settings: ServerSettings) -> None:
    """Let no exercises come any more. It asks for both people as well."""
    _set(settings, [], 1)


def _set(settings: ServerSettings, shifts: list[str], a_shift: int) -> None:
    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.server.audit.entry import Action, both_keys
    from cekalwatch.server.domain.exercises import MAX_A_SHIFT, MAX_SHIFTS, ExerciseSetting

    read = tuple(map(_shift, shifts))
    try:
        setting = ExerciseSetting(read, a_shift)
    except ValueError:
        raise ProgramError(
            f"Give at most {MAX_SHIFTS} shifts, and 1 to {MAX_A_SHIFT} exercises a shift (--a-shift)", Exit.USAGE
        ) from None
    told = ", ".join(map(str, setting.shifts)) or "none"
    message = "SIGN_EXERCISES_SET" if shifts else "SIGN_EXERCISES_OFF"
    with command_context(settings) as context:
        people = signed_by_two(context, TwoPersonAction.SET_EXERCISES, message, shifts=told, count=str(a_shift))
        entry = audit_entry(context, Action.EXERCISES_SET, both_keys(people), shifts=told, a_shift=a_shift)
        context.stores.exercises.set(setting, entry)
    typer.echo(f"Exercises come in these shifts: {told}" if shifts else "No exercises come any more")


def _shift(text: str) -> Shift:
    from cekalwatch.server.storage.exercises.store import read_shift

    try:
        return read_shift(text)
    except ValueError:
        raise ProgramError(
            f"{text!r} is no shift: write HH:MM-HH:MM with two different times, as 07:00-15:00", Exit.USAGE
        ) from None
