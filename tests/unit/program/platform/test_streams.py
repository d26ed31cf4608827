from __future__ import annotations

import errno
import io
import subprocess
import sys

import pytest
import typer

from cekalwatch.notifier.console.jsonl import JsonLines
from cekalwatch.notifier.delivery.ringing import Station
from cekalwatch.program.cli.command import run
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.platform.interpreter import python_command
from cekalwatch.program.platform.streams import prepare_streams, reader_is_gone
from tests.support.builders.notifier_alerts import make_alert, make_shown

WORK = """
import sys, structlog
assert (sys.stdin, sys.stdout, sys.stderr) == (None, None, None)
from cekalwatch.program.platform.streams import has_streams, prepare_streams
prepare_streams("sample")
from cekalwatch.program.logs import configure_logs
configure_logs()
structlog.get_logger().warning("nobody reads this")
print("nor this: ✓")
sys.exit(40 if not has_streams() and sys.stdin.readline() == "" else 41)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="closes the streams with a shell of POSIX")
def test_a_program_without_standard_streams_logs_and_prints_into_the_void() -> None:
    """As pythonw starts it on Windows: `sys.stderr.isatty()` was an error there, and the agent did not start."""
    closed = ["sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, WORK]
    assert subprocess.run(closed, check=False).returncode == 40


def test_on_windows_the_streams_speak_utf_8_whatever_the_code_page(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp1252", newline="\n"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding="cp437"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("Ç → ✓\n".encode()), encoding="cp437"))
    monkeypatch.setattr(sys, "platform", "win32")
    prepare_streams("sample")
    sys.stdout.write("✓ " + sys.stdin.readline())
    sys.stdout.flush()
    assert written.getvalue() == "✓ Ç → ✓\n".encode()


@pytest.mark.parametrize(
    ("error", "platform", "gone"),
    [
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "linux", True),
        (OSError(errno.EINVAL, "Invalid argument"), "win32", True),
        (OSError(errno.EINVAL, "Invalid argument"), "linux", False),
        (OSError(errno.EINVAL, "Invalid argument", "a?b"), "win32", False),
        (OSError(errno.ENOSPC, "No space left on device"), "win32", False),
    ],
)
def test_a_closed_pipe_is_known_by_what_each_system_says(
    error: OSError, platform: str, gone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert reader_is_gone(error) is gone


class ClosedPipe(io.RawIOBase):
    """What Windows makes of a pipe whose reader has ended."""

    def write(self, _: object) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")


def test_a_closed_pipe_of_windows_ends_the_output_for_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ProgramError, match="program that read the alerts has ended"):
        JsonLines(ClosedPipe(), None, Station("pc-1")).show(make_shown(make_alert()))


def test_a_closed_pipe_of_windows_ends_a_command_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(lambda: ClosedPipe().write(b""))
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "argv", ["listed"])
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    with pytest.raises(SystemExit) as ended:
        run(app)
    sys.stdout.close()
    assert ended.value.code == Exit.FAILED


def test_a_program_that_starts_itself_again_stays_isolated() -> None:
    asked = "from cekalwatch.program.platform.interpreter import python_command as p; print(p('this', '--option'))"
    plain = ("-I",) if sys.flags.isolated else ()  # an embeddable Python is isolated in any case
    for options, kept in ((["-I"], ("-I",)), ([], plain)):
        told = subprocess.run([sys.executable, *options, "-c", asked], capture_output=True, text=True, check=True)
        assert told.stdout.strip() == str((sys.executable, *kept, "-m", "this", "--option"))
    assert python_command("this")[-2:] == ("-m", "this")


WRITES = """
import sys, typer
from cekalwatch.program.platform.streams import prepare_streams
prepare_streams("sample")
from cekalwatch.program.cli.command import run
app = typer.Typer(pretty_exceptions_enable=False)
@app.command()
def much():
    for _ in range(10_000):
        print("→" * 100, flush=True)
sys.argv = ["much"]
run(app)
"""


@pytest.mark.slow
def test_a_command_whose_reader_ends_says_nothing_more() -> None:
    """On Windows that is OSError 22, by a real pipe; the first letters are UTF-8 there too."""
    with subprocess.Popen((sys.executable, "-c", WRITES), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        assert command.stdout
        assert command.stderr
        assert command.stdout.readline().decode().strip() == "→" * 100
        command.stdout.close()
        assert command.stderr.read() == b""
        assert command.wait() == Exit.FAILED
