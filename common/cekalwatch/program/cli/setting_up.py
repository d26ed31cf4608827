"""Makes a device's settings and certificate of one invitation, for the programs whose settings are one device's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from cekalwatch.program.cli.enrolment import accept
from cekalwatch.program.cli.settings_command import literal
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import write_private
from cekalwatch.program.settings import Settings
from cekalwatch.wire.invitation import DeviceInvitation

OfProgram = TypeVar("OfProgram", bound=Settings)


def set_up(
    kind: type[OfProgram], invitation: DeviceInvitation, tls_dir: Path, file: Path, facts: Mapping[str, object]
) -> OfProgram:
    """Enrol as the invitation says, with key and certificate in `tls_dir`; write the settings `file`, and return them.

    Server, `tls_dir` and the site's time zone are written besides `facts`. Raises ProgramError; an invitation is not
    used up where the settings are there already, are wrong or cannot be written, and no settings are left where the
    server refuses it.
    """
    if file.exists():
        raise ProgramError(f"There are settings in {file} already, which stay as they are", Exit.USAGE)
    settings = {"server_addresses": [invitation.server], "tls_dir": tls_dir.absolute(), **facts}
    if invitation.time_zone:
        settings["time_zone"] = invitation.time_zone
    draft = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProgramError(f"{file.parent} cannot be made: {error.strerror}", Exit.CONFIG) from None
    try:
        write_private(draft, "".join(f"{name} = {literal(value)}\n" for name, value in settings.items()).encode())
        kind.load(draft)
        accept(invitation, tls_dir)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return kind.load(file)
