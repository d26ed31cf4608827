"""Daemons of Debian that a test starts on this machine, with files of their own, and ends."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

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
