"""An X display that nobody sees, with a window manager and a tray, and hands for it: what an officer's desktop does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.support.fakes.alert_server import wait_for

TYPIST = """
import sys
from PySide6.QtWidgets import QApplication, QLineEdit
app = QApplication([])
field = QLineEdit()
field.setWindowTitle("typist")
field.textChanged.connect(lambda text: print(text, flush=True))
field.show()
app.exec()
"""


class XDisplay:
    """The display. Everything on it ends with it."""

    def __init__(self, name: str, folder: Path) -> None:
        self._folder = folder
        self.environment = os.environ | {"DISPLAY": name, "QT_QPA_PLATFORM": "xcb", "PATH": os.environ["PATH"]}
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str, output: str = "", **environment: str) -> subprocess.Popen[bytes]:
        """Run a program on it; what it prints goes to the file `output`."""
        with (self._folder / (output or "programs.out")).open("ab") as out:
            process = subprocess.Popen(command, env=self.environment | environment, stdout=out, stderr=out)
        self._processes.append(process)
        return process

    def do(self, *command: str) -> str:
        """Run a small program to its end, and return what it printed; an empty text when it failed."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=20, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    def typist(self) -> Typist:
        """Open a window with one field, and give it the keyboard."""
        return Typist(self, self._folder / "typist.out")

    def window(self, title: str) -> str:
        """Return the key of the window on screen with this title, waiting for it."""
        found: list[str] = []

        def there() -> bool:
            found[:] = self.do("xdotool", "search", "--onlyvisible", "--name", title).split()
            return bool(found)

        wait_for(there)
        return found[-1]

    @property
    def active_title(self) -> str:
        """The title of the window with the keyboard."""
        return self.do("xdotool", "getactivewindow", "getwindowname")

    @property
    def topmost(self) -> int:
        """The key of the uppermost window."""
        stack = self.do("xprop", "-root", "_NET_CLIENT_LIST_STACKING").partition("#")[2]
        return int(stack.split(",")[-1], 16) if stack else 0

    @property
    def tray_icons(self) -> int:
        """How many icons the tray holds."""
        return self.do("xwininfo", "-name", "stalonetray", "-tree").count('"Cekalwatch": ')

    def end(self) -> None:
        """End everything that was started here."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()


class Typist:
    """Somebody who works in another program."""

    def __init__(self, display: XDisplay, output: Path) -> None:
        self._display, self._output = display, output
        display.start(sys.executable, "-c", TYPIST, output=output.name)
        key = display.window("typist")
        display.do("xdotool", "windowactivate", "--sync", key)
        wait_for(lambda: display.active_title == "typist")

    def type(self, text: str) -> Self:
        """Type into whatever has the keyboard."""
        self._display.do("xdotool", "type", "--delay", "5", text)
        return self

    def has_written(self, text: str) -> None:
        """Wait until this is in the field."""
        wait_for(lambda: self._output.read_text().splitlines()[-1:] == [text])


@contextmanager
def x_display(folder: Path) -> Iterator[XDisplay]:
    """Open a display until the end of the block."""
    reader, writer = os.pipe()
    server = subprocess.Popen(
        # Without -noreset it begins anew when its last client leaves, and drops who comes in that moment.
        ["Xvfb", "-displayfd", str(writer), "-noreset", "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
        pass_fds=(writer,),
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as answer:
        display = XDisplay(f":{answer.readline().strip()}", folder)
    try:
        manager = display.start("openbox")
        display.start("stalonetray", "--geometry", "4x1+0+0")

        def managed() -> bool:
            assert manager.poll() is None, (folder / "programs.out").read_text()
            return "#" in display.do("xprop", "-root", "_NET_SUPPORTING_WM_CHECK")

        wait_for(managed)
        yield display
    finally:
        display.end()
        server.kill()
        server.wait()
