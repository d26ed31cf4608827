"""Daemons of Debian that a test starts on this machine, with files of their own, and ends."""

from __future__ import annotations

import getpass
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cekalwatch.wire.tls import TlsFiles

WAIT_S = 20.0

RSYSLOG = """
global(maxMessageSize="64k" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{files.authority}"
    defaultNetstreamDriverCertFile="{files.certificate}" defaultNetstreamDriverKeyFile="{files.key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="text" type="string" string="%pri% %app-name% %msgid% %msg%\\n")
action(type="omfile" file="{messages}" template="text" fileCreateMode="0600")
"""

MOSQUITTO = """
per_listener_settings false
listener {port} 127.0.0.1
cafile {files.authority}
certfile {files.certificate}
keyfile {files.key}
persistence true
persistence_location {folder}/
"""


def free_port() -> int:
    """Return a TCP port of this machine that nothing uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def daemon(command: Sequence[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon that listens at `port`; raises TimeoutError with its log."""
    with log.open("ab") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            until = time.monotonic() + WAIT_S
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > until:
                    raise TimeoutError(log.read_text(errors="replace"))
                time.sleep(0.02)
            yield process
        finally:
            process.terminate()
            process.wait(WAIT_S)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


@contextmanager
def rsyslog(folder: Path, files: TlsFiles) -> Iterator[tuple[str, Path]]:
    """Run rsyslog with TLS; yield its address, and the file with `PRIORITY APP MESSAGE-ID TEXT` of each message."""
    port, messages, settings = free_port(), folder / "messages", folder / "rsyslog.conf"
    settings.write_text(RSYSLOG.format(files=files, port=port, messages=messages))
    command = ("/usr/sbin/rsyslogd", "-n", "-f", str(settings), "-i", str(folder / "rsyslog.pid"))
    with daemon(command, port, folder / "rsyslog.log"):
        yield f"127.0.0.1:{port}", messages


@dataclass(frozen=True)
class Mosquitto:
    """A broker with TLS, which can be started again with what it has kept; `rules` are more lines of its settings."""

    folder: Path
    files: TlsFiles
    rules: str = "allow_anonymous true"
    port: int = field(default_factory=free_port)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[Self]:
        settings = self.folder / "mosquitto.conf"
        account = f"user {getpass.getuser()}\n"  # not one of its own, which may read nothing here
        settings.write_text(
            MOSQUITTO.format(files=self.files, folder=self.folder, port=self.port) + account + self.rules
        )
        with daemon(("/usr/sbin/mosquitto", "-c", str(settings)), self.port, self.folder / "mosquitto.log"):
            yield self

    @contextmanager
    def subscriber(self, *topics: str, options: Sequence[str] = ()) -> Iterator[Subscriber]:
        """Run mosquitto_sub at the broker."""
        command = ("mosquitto_sub", "-V", "5", "-q", "1", "-h", "127.0.0.1", "-p", str(self.port), "--cafile")
        asked = (
            str(self.files.authority),
            "-F",
            "%r %t %p",
            *options,
            *(part for one in topics for part in ("-t", one)),
        )
        with subprocess.Popen((*command, *asked), stdout=subprocess.PIPE, text=True) as process:
            found = Subscriber()
            reader = threading.Thread(target=found.read, args=(process.stdout,))
            reader.start()
            try:
                yield found
            finally:
                process.kill()  # SIGTERM it handles at once, and then waits for a lock that it may have itself
                process.wait(WAIT_S)
                reader.join(WAIT_S)


class Subscriber:
    """What mosquitto_sub has got, as (whether it was retained, topic, text)."""

    def __init__(self) -> None:
        self.messages: list[tuple[bool, str, str]] = []
        self._more = threading.Condition()

    def read(self, lines: Iterable[str]) -> None:
        for line in lines:
            retained, topic, text = line.rstrip("\n").split(" ", 2)
            with self._more:
                self.messages.append((retained == "1", topic, text))
                self._more.notify_all()

    def until(self, enough: Callable[[Sequence[tuple[bool, str, str]]], bool], within_s: float = WAIT_S) -> None:
        """Wait until the messages are enough; raises TimeoutError with them."""
        with self._more:
            if not self._more.wait_for(lambda: enough(self.messages), within_s):
                raise TimeoutError(self.messages)

    def text_of(self, topic: str) -> str | None:
        """The last message at the topic."""
        return next((text for _, name, text in reversed(self.messages) if name == topic), None)
