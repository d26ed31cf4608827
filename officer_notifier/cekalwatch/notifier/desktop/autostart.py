"""Makes the desktop agent start when the officer signs in on the PC, and undoes that.

On Linux a desktop file in the XDG autostart folder and one in the menu; on Windows a file in the start-up folder.
Nothing needs an administrator.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from cekalwatch.program.errors import Exit, ProgramError

DESKTOP_FILE = "cekalwatch-notifier.desktop"
WINDOWS_FILE = "cekalwatch-notifier.cmd"
_RESERVED = frozenset(" \t\n\"'\\><~|&;$*?#()`")


def entries(
    command: tuple[str, ...], environment: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> dict[Path, str]:
    """Return the files that start the agent by `command` at sign-in, with their content."""
    if platform == "win32":
        startup = Path(environment["APPDATA"]) / "Microsoft" / "Windows" / "Start Menu" / "Programs" / "Startup"
        return {startup / WINDOWS_FILE: windows_entry(command)}
    home = Path(environment.get("HOME") or Path.home())
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    content = desktop_entry(command)
    return {config / "autostart" / DESKTOP_FILE: content, data / "applications" / DESKTOP_FILE: content}


def install(files: Mapping[Path, str]) -> None:
    """Write the files; raises ProgramError when one cannot be written."""
    for path, content in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.part")
            draft.write_text(content, encoding="utf-8", newline="")
            draft.replace(path)
        except OSError as error:
            raise ProgramError(f"{path} cannot be written: {error.strerror}", Exit.UNAVAILABLE) from None


def uninstall(files: Mapping[Path, str]) -> None:
    """Delete the files; a missing file is not an error."""
    for path in files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ProgramError(f"{path} cannot be deleted: {error.strerror}", Exit.UNAVAILABLE) from None


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


def windows_entry(command: tuple[str, ...]) -> str:
    """Return a command file that starts the agent and ends."""
    line = " ".join(f'"{part}"' for part in command).replace("%", "%%")
    return f'@start "" {line}\r\n'


def agent_command(config: Path | None) -> tuple[str, ...]:
    """Return what starts the agent here, by full paths; raises ProgramError."""
    options = ("desktop", "--restart", *(("--config", str(config.resolve())) if config else ()))
    if sys.platform == "win32":
        # pythonw opens no console window.
        return (str(Path(sys.executable).with_name("pythonw.exe")), "-m", "cekalwatch.notifier", *options)
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
