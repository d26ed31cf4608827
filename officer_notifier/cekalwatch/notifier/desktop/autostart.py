"""Makes the desktop agent start when the officer signs in on the PC, and undoes that.

On Linux a desktop file in the XDG autostart folder and one in the menu; on Windows a value of the registry, which holds
any name of a profile. Nothing needs an administrator.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.platform.interpreter import python_command
from cekalwatch.program.platform.places import PROGRAMS

DESKTOP_FILE = "cekalwatch-notifier.desktop"
RUN_NAME = "Cekalwatch"
"""Of the registry's value; an installer that starts the agent for all people of a PC writes one of the same name."""
_RESERVED = frozenset(" \t\n\"'\\><~|&;$*?#()`")


class Autostart(Protocol):
    """What starts the agent when this person signs in."""

    @property
    def places(self) -> tuple[str, ...]:
        """What `install` writes."""

    @property
    def is_there(self) -> bool:
        """Whether the agent starts when this person signs in."""

    def install(self) -> None:
        """Write it; raises ProgramError."""

    def remove(self) -> None:
        """Delete it; what is missing is no error. Raises ProgramError."""


def autostart(command: tuple[str, ...]) -> Autostart:
    """Return what starts the agent by `command` on this system."""
    return RunEntry(command) if sys.platform == "win32" else DesktopFiles(command)


class DesktopFiles:
    """Files of the freedesktop.org specifications."""

    def __init__(self, command: tuple[str, ...], environment: Mapping[str, str] = os.environ) -> None:
        home = Path(environment.get("HOME") or Path.home())
        config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
        data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
        self.files = (config / "autostart" / DESKTOP_FILE, data / "applications" / DESKTOP_FILE)
        self._content = desktop_entry(command)

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(map(str, self.files))

    @property
    def is_there(self) -> bool:
        return all(file.exists() for file in self.files)

    def install(self) -> None:
        """Write the files; raises ProgramError when one cannot be written."""
        for path in self.files:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                draft = path.with_name(f".{path.name}.part")
                draft.write_text(self._content, encoding="utf-8", newline="")
                draft.replace(path)
            except OSError as error:
                raise ProgramError(f"{path} cannot be written: {error.strerror}", Exit.UNAVAILABLE) from None

    def remove(self) -> None:
        """Delete the files; a missing file is not an error."""
        for path in self.files:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise ProgramError(f"{path} cannot be deleted: {error.strerror}", Exit.UNAVAILABLE) from None


class RunEntry:
    """A value of the key Run of the person's registry."""

    def __init__(self, command: tuple[str, ...]) -> None:
        from cekalwatch.program.platform.windows import registry

        self._registry = registry
        self._command = subprocess.list2cmdline(command)

    @property
    def places(self) -> tuple[str, ...]:
        """The value, as the registry's editor shows it."""
        return (f"HKEY_CURRENT_USER\\{self._registry.RUN}\\{RUN_NAME}",)

    @property
    def is_there(self) -> bool:
        """Whether this person has it, or all people of this PC, and nobody has turned it off in the Task Manager."""
        hives = (self._registry.OF_ONE, self._registry.OF_ALL)
        return any(
            self._registry.text(hive, self._registry.RUN, RUN_NAME) and self._registry.start_approved(hive, RUN_NAME)
            for hive in hives
        )

    def install(self) -> None:
        """Write the value; raises ProgramError."""
        try:
            self._registry.set_own_start(RUN_NAME, self._command)
        except OSError as error:
            raise ProgramError(f"{self.places[0]} cannot be written: {error.strerror}", Exit.UNAVAILABLE) from None

    def remove(self) -> None:
        try:
            self._registry.remove_own_start(RUN_NAME)
        except OSError as error:
            raise ProgramError(f"{self.places[0]} cannot be deleted: {error.strerror}", Exit.UNAVAILABLE) from None


def desktop_entry(command: tuple[str, ...]) -> str:
    """Return a desktop file (freedesktop.org Desktop Entry Specification 1.5)."""
    line = " ".join(map(_quoted, command))
    return (
        "[Desktop Entry]\n"
        "Type=Application\n"
        "Version=1.5\n"
        "Name=Cekalwatch\n"
        "Comment=Watchlist alerts\n"
        "Comment[id]=Peringatan daftar cekal\n"
        f"Exec={line}\n"
        "Terminal=false\n"
        "Categories=Utility;\n"
        "StartupNotify=false\n"
        "X-GNOME-Autostart-enabled=true\n"
    )


def agent_command(config: Path | None) -> tuple[str, ...]:
    """Return what starts the agent here, by full paths; raises ProgramError."""
    options = ("desktop", "--restart", *(("--config", str(config.resolve())) if config else ()))
    if sys.platform == "win32":
        _, *rest = python_command("cekalwatch.notifier", *options)
        own = Path(sys.executable).with_name(PROGRAMS["notifier"])
        return (str(own if own.exists() else own.with_name("pythonw.exe")), *rest)  # neither opens a console window
    found = shutil.which(sys.argv[0]) or shutil.which("cekalwatch-notifier")
    if found is None:
        raise ProgramError("cekalwatch-notifier is not on the PATH; run this with its full path", Exit.CONFIG)
    return (str(Path(found).resolve()), *options)


def _quoted(part: str) -> str:
    """Quote as the specification's Exec key wants it, and then as its strings want it; `%` begins a field code."""
    part = part.replace("%", "%%")
    if not _RESERVED & set(part):
        return part
    for character in '\\"`$':
        part = part.replace(character, f"\\{character}")
    return f'"{part}"'.replace("\\", "\\\\")
