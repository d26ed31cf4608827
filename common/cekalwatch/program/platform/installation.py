"""The version of a program that is installed on a PC with Windows, and the change to another one while it runs.

An installer for the whole PC can neither ask a program in a person's session nor start one there. So a running program
looks at what the installer has entered, hands over to that, and leaves; the installer waits for it. On other systems
nothing is ever entered.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cekalwatch.program.platform.places import CAPTURE_SERVICE, PROGRAMS, capture_service_log, machine_folder

LEAVING_S = 45.0
"""How long a program has to hand over before the installer ends it."""
STARTING_S = 180.0
"""How long the service of a capture host may take to run: virus scanners read a new version's libraries first."""
_KEY = r"Software\Cekalwatch"
"""Below HKLM, where only administrators write: the folders of the installed versions, as `notifier` and `camera`."""
AT_THIS_PC = "S-1-5-4"
"""INTERACTIVE: whoever has signed in at this PC, and nobody who comes over the network."""
_LOOK_EVERY_S = 0.2


class Installation:
    """What is installed of the program "notifier" or "camera", as seen by a version of it that runs."""

    def __init__(self, program: str, folder: Callable[[], str] | None = None, own: Path | None = None) -> None:
        """`folder` returns what the installer has entered, empty for nothing; `own` is this version's folder."""
        self._program = program
        self._own = own or Path(sys.prefix)
        self._folder = folder or (lambda: _entered(program))
        self._was_installed = self._is(self._folder())

    def successor(self, *arguments: str) -> tuple[str, ...] | None:
        """Return the command that starts what is installed now in place of this process; empty: nothing is.

        None: this version is still the installed one, or never was.
        """
        if not self._was_installed or self._is(folder := self._folder()):
            return None
        python = Path(folder, Path(sys.executable).name)
        return (str(python), "-I", "-m", f"cekalwatch.{self._program}", *arguments) if folder else ()

    @property
    def is_there(self) -> bool:
        """Whether any version is installed."""
        return bool(self._folder())

    def _is(self, folder: str) -> bool:
        return bool(folder) and Path(folder) == self._own


def _entered(program: str) -> str:
    if sys.platform != "win32":
        return ""
    from cekalwatch.program.platform.windows import registry

    return registry.text(registry.OF_ALL, _KEY, program)


def wait_for_others(leaving_s: float = LEAVING_S) -> None:
    """Wait until nothing else runs of any version of this program, and end what still does after `leaving_s`.

    What runs of the installed version stays, if this is it.
    """
    if sys.platform != "win32":
        return
    from cekalwatch.program.platform.windows import processes

    own = Path(sys.prefix)
    installed = _entered(own.parent.name)

    def others() -> list[int]:
        running = processes.running_below(own.parent)
        return [key for key, file in running.items() if key != os.getpid() and file.parent != Path(installed or "-")]

    ends = time.monotonic() + leaving_s
    while left := others():
        if time.monotonic() > ends:
            processes.end(left)
            return
        time.sleep(_LOOK_EVERY_S)


def admit(account: str, folder: Path, *, again: bool = True) -> None:
    """Make `folder` for keys that `account` may read, a name or a SID of Windows; empty: `AT_THIS_PC`. Raises OSError.

    The machine's folder of settings around it is made too, if it is missing. Unless `again`, one that is there keeps
    the account that it is for.
    """
    from cekalwatch.program.settings import make_settings_folder

    make_settings_folder(folder.parent.parent)
    new = not folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32" and (new or again):
        from cekalwatch.program.platform.windows import access_lists

        access_lists.let_read(folder, account or AT_THIS_PC)


def change_service(leaving_s: float = LEAVING_S, starting_s: float = STARTING_S) -> None:
    """Let the service of a capture host be what is installed: that version, started if there are settings; or none.

    A version that does not run within `starting_s` is not taken, unless an older one did not run either: the older one
    is entered again, or none, and OSError says why. Nothing is changed where all is as it should be.
    """
    if sys.platform != "win32":
        return
    from cekalwatch.program.platform.windows import access_lists, service_entry

    entry, installed = service_entry.ServiceEntry(CAPTURE_SERVICE), _entered("camera")
    before, ran = entry.command(), entry.runs(starting_s)
    wanted = f'"{Path(installed, PROGRAMS["camera"])}" -I -m cekalwatch.camera.service' if installed else ""
    if wanted != before:
        entry.stop(leaving_s)
        if wanted:
            own = machine_folder() / "camera"
            own.mkdir(parents=True, exist_ok=True)
            access_lists.let_change(own, entry.account)
            entry.enter(wanted)
        else:
            entry.remove()
    wait_for_others(leaving_s)
    if not wanted or wanted == before or not (machine_folder() / "camera.toml").exists():
        return
    must_run, why = ran or not before, ""
    try:
        if entry.start(starting_s if must_run else 0) or not must_run:
            return
    except OSError as error:
        why = f"{error.strerror}. "
    entry.stop(leaving_s)
    if before:
        entry.enter(before)
        entry.start(starting_s)
    else:
        entry.remove()
    raise OSError(None, f"this version does not run as a service. {why}{_last_words(capture_service_log())}")


def _last_words(log: Path) -> str:
    try:
        return f"The last line of its log: {log.read_text('utf-8', 'replace').splitlines()[-1]}"
    except (OSError, IndexError):
        return "It has no log; the event viewer may say why"


def take_back_service() -> None:
    """Let the service be what is installed if it is this version's, whose installation is taken back."""
    if sys.platform != "win32":
        return
    from cekalwatch.program.platform.windows import service_entry

    if sys.prefix.lower() in service_entry.ServiceEntry(CAPTURE_SERVICE).command().lower():
        change_service()


if __name__ == "__main__":  # the installer calls it, and writes into its log what it says
    try:
        if sys.argv[1] == "admit":
            admit(sys.argv[2], Path(sys.argv[3]))
        else:
            {"service": change_service, "service-back": take_back_service, "leave": wait_for_others}[sys.argv[1]]()
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error.strerror or error}")
