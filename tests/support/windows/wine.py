"""A PC with Windows, as Wine plays one: a prefix of its own, the programs in it, and what they leave behind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

TOOLS = ("wine", "wineserver", "wixl", "msibuild", "msiinfo", "x86_64-w64-mingw32-gcc")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
"""What tests need, and this machine lacks."""
WAIT_S = 580.0
"""How long one program may take, with much other work beside it."""
CONNECTING_MS = 120_000
"""How long a service has until it answers. Windows gives it 30 s, and Wine 10, which Python needs with other work."""


@dataclass(frozen=True)
class Done:
    """A program that has ended."""

    code: int
    output: str


class WinePc:
    """The PC."""

    def __init__(self, folder: Path) -> None:
        """Make it in the new folder; it takes seconds."""
        folder.mkdir()
        self._folder = folder
        self.drive = folder / "prefix" / "drive_c"
        self.programs = self.drive / "Program Files" / "Cekalwatch"
        self.data = self.drive / "ProgramData" / "cekalwatch"
        self.log = folder / "install.log"
        """What the last installation wrote."""
        self.environment = {
            **os.environ,
            "WINEPREFIX": str(folder / "prefix"),
            "WINEARCH": "win64",
            # Neither .NET nor a browser is installed; both would ask on screen.
            "WINEDLLOVERRIDES": "mscoree,mshtml=;winemenubuilder.exe=d",
            "WINEDEBUG": "-all",
            "XDG_RUNTIME_DIR": str(folder),
        }
        self.environment.pop("DISPLAY", None)
        self._started: list[subprocess.Popen[bytes]] = []
        self.run("wineboot", "-i")
        control = r"HKLM\SYSTEM\CurrentControlSet\Control"
        self.run("reg", "add", control, "/v", "ServicesPipeTimeout", "/t", "REG_DWORD", "/d", str(CONNECTING_MS), "/f")
        # Its service manager reads that when it starts again.
        self.settle()

    def run(self, *command: str | PurePath, **environment: str) -> Done:
        """Run a program of Windows to its end; a crash would wait for somebody, and ends after WAIT_S."""
        process = self.start(*command, **environment)
        try:
            code = process.wait(WAIT_S)
        finally:
            process.kill()
        # Wine says on standard error what it misses of this machine.
        lines = self._output.read_text("utf-8", "replace").replace("\r", "").splitlines()
        return Done(code, "\n".join(line for line in lines if "XDG_RUNTIME_DIR" not in line))

    def start(self, *command: str | PurePath, **environment: str) -> subprocess.Popen[bytes]:
        """Start a program of Windows. Its output goes to a file: Wine's own programs hold a pipe open."""
        self._output = self._folder / f"{len(self._started)}.out"
        with self._output.open("wb") as out:
            process = subprocess.Popen(
                ["wine", *map(str, command)],
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self._folder,
            )
        self._started.append(process)
        return process

    def said(self) -> str:
        """Return what all programs have said; with "+eventlog" in WINEDEBUG, also what they say in the event log."""
        return "\n".join(file.read_text("utf-8", "replace") for file in self._folder.glob("*.out"))

    def type(self, line: str) -> Done:
        """Run a line as somebody types it at the prompt of Windows."""
        script = self._folder / "line.cmd"
        script.write_text(f"@{line}\r\n", newline="")
        return self.run("cmd", "/c", self.path_of(script))

    def install(self, installer: Path, **properties: str) -> int:
        """Install silently, as an administrator does, and return the exit code: 0 is success."""
        return self._msiexec("/i", installer, properties)

    def repair(self, installer: Path, **properties: str) -> int:
        """Put back silently what `installer` installed, as anybody may."""
        return self._msiexec("/i", installer, {"REINSTALL": "ALL", "REINSTALLMODE": "omus"} | properties)

    def uninstall(self, installer: Path) -> int:
        """Remove silently what `installer` installed."""
        return self._msiexec("/x", installer, {})

    def _msiexec(self, what: str, installer: Path, properties: Mapping[str, str]) -> int:
        given = "".join(f' {name}="{value}"' for name, value in properties.items())
        return self.type(rf'msiexec {what} "{self.path_of(installer)}" /qn /l*v "{self.path_of(self.log)}"{given}').code

    @staticmethod
    def path_of(file: Path) -> str:
        """Return the path by which programs on the PC find a file of this machine."""
        return "Z:" + str(file).replace("/", "\\")

    def registry(self, key: str, name: str) -> str | None:
        """Return a text in HKLM; None: there is none."""
        done = self.run("reg", "query", f"HKLM\\{key}", "/v", name, "/reg:64")
        return re.split("REG_(?:EXPAND_)?SZ", done.output)[-1].strip() if done.code == 0 else None

    def files(self) -> set[str]:
        """Return the files on drive C, without what Windows itself writes there."""
        own = ("windows/", "users/root/Temp", "users/root/AppData/Local/Temp")
        found = (path.relative_to(self.drive).as_posix() for path in self.drive.rglob("*") if path.is_file())
        return {name for name in found if not name.startswith(own)}

    def running(self) -> dict[int, str]:
        """Return the programs of this PC that run, by this machine's numbers, with their commands."""
        found, mark = {}, f"WINEPREFIX={self.environment['WINEPREFIX']}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended
                command = (folder / "cmdline").read_bytes().split(b"\0")[0].decode("utf-8", "replace")
                if ":\\" in command and mark in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = command
        return found

    def settle(self) -> None:
        """Wait until nothing runs any more."""
        subprocess.run(["wineserver", "-w"], env=self.environment, timeout=WAIT_S, check=True)

    def switch_off(self) -> None:
        """End everything on it at once."""
        subprocess.run(["wineserver", "-k"], env=self.environment, timeout=WAIT_S, check=False)
        for process in self._started:
            process.kill()
            process.wait()


@contextmanager
def wine_pc(folder: Path) -> Iterator[WinePc]:
    """Make a PC, and switch it off at the end of the block."""
    pc = WinePc(folder)
    try:
        yield pc
    finally:
        pc.switch_off()


def add_text_codecs(pc: WinePc) -> None:
    """Put the library into Windows that it has, and Wine lacks."""
    source = Path(__file__).with_name("icuuc.c")
    library = pc.drive / "windows" / "system32" / "icuuc.dll"
    subprocess.run(["x86_64-w64-mingw32-gcc", "-shared", "-s", "-o", library, source], check=True)
