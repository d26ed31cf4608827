"""`cekalwatch-notifier console` as a process of its own, against a real server: what it prints, and how it dies.

Python starts the one on a terminal; the others are forked from a process that has loaded the modules.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import random
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.program.errors import Exit
from tests.support.fakes.alert_server import EPOCH, JPEG, WAIT_S, AlertServer, EventLog, alert_message, wait_for
from tests.support.tools.forked_process import ForkedProcess
from tests.support.tools.forked_programs import popen
from tests.support.tools.programs import run_program

pytestmark = pytest.mark.slow

AGENT = "pc-1"
PROGRAM = (sys.executable, "-m", "cekalwatch.notifier", "console")


class Notifier:
    """Starts the program with its folders below `folder`, and keeps every whole line that any run printed."""

    def __init__(self, folder: Path) -> None:
        self.lines: list[dict[str, Any]] = []
        self.images = folder / "pictures" / AGENT
        self._changed = threading.Condition()
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("CEKALWATCH_")}
        self._environment |= {
            "CEKALWATCH_NOTIFIER_STATE_DIR": str(folder / "state"),
            "CEKALWATCH_NOTIFIER_IMAGES_DIR": str(folder / "pictures"),
            "CEKALWATCH_NOTIFIER_AGENT_ID": AGENT,
            "PYTHONFAULTHANDLER": "1",
            "TERM": "xterm-256color",
        }
        self._processes: list[subprocess.Popen[bytes] | ForkedProcess] = []
        self.errors = folder / "errors.log"
        """What `start_jsonl` programs write to their standard error."""

    @property
    def sequences(self) -> list[int]:
        return [line["sequence"] for line in self.lines if not line["relisted"]]

    def start(self, address: str, side: int) -> subprocess.Popen[bytes]:
        """Start it on a terminal."""
        process = subprocess.Popen(
            [*PROGRAM, "--server", address],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=side,
            stderr=side,
        )
        self._processes.append(process)
        return process

    def run(self, address: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return run_program("notifier", "console", "--server", address, *options, environment=self._environment)

    def start_jsonl(self, address: str, *options: str) -> subprocess.Popen[bytes] | ForkedProcess:
        self.errors.parent.mkdir(exist_ok=True)
        with self.errors.open("ab") as errors:
            process = popen(
                [*PROGRAM, "--server", address, "--format", "jsonl", *options],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self._processes.append(process)
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        return process

    def run_any(self, *command: str) -> None:
        """Run any command to its end, however it ends."""
        run_program("notifier", *command, environment=self._environment)

    def pictures(self) -> list[Path]:
        """The pictures that are on the disk."""
        return sorted(self.images.rglob("*.jpg"))

    def write_no_pictures(self, runtime_folder: Path) -> None:
        """Name no folder for pictures; the system has one for its users."""
        del self._environment["CEKALWATCH_NOTIFIER_IMAGES_DIR"]
        self._environment["XDG_RUNTIME_DIR"] = str(runtime_folder)

    def wait_for_lines(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.lines) >= count, WAIT_S), self.lines

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def _read(self, process: subprocess.Popen[bytes] | ForkedProcess) -> None:
        assert process.stdout
        for line in process.stdout:
            if line.endswith(b"\n"):  # a line without its end was cut off by a kill: documented as not shown
                with self._changed:
                    self.lines.append(json.loads(line))
                    self._changed.notify_all()


@pytest.fixture
def notifier(tmp_path: Path) -> Iterator[Notifier]:
    made = Notifier(tmp_path)
    yield made
    made.end()


def stop(process: subprocess.Popen[bytes] | ForkedProcess, number: signal.Signals = signal.SIGTERM) -> int:
    """Return its exit code; one on a terminal that does not end says there where each thread is."""
    process.send_signal(number)
    try:
        return process.wait(WAIT_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        return process.wait(WAIT_S)


def test_alerts_come_as_lines_and_their_pictures_go_at_the_end(notifier: Notifier) -> None:
    log = EventLog()
    with AlertServer(log) as server:
        process = notifier.start_jsonl(server.address)
        raised = log.raise_alert()
        log.sight(raised.alert.alert_id, 0.7)
        notifier.wait_for_lines(2)
        probe = Path(notifier.lines[0]["probe_image"])
        assert probe.parent.parent == notifier.images
        assert probe.exists()
        log.wait_until(lambda log: log.acknowledged.get(AGENT) == 2)
        assert stop(process) == Exit.OK
    assert not list(notifier.images.rglob("*.jpg"))
    assert [(line["sequence"], line["event_type"]) for line in notifier.lines] == [(1, "RAISED"), (2, "SIGHTED")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_cleanly_even_without_a_server(notifier: Notifier, number: signal.Signals) -> None:
    with AlertServer(EventLog()) as server:
        pass
    process = notifier.start_jsonl(server.address)
    wait_for(lambda: notifier.errors.read_text().count("\n") >= 2)
    first, second, *_ = notifier.errors.read_text().splitlines()
    assert '"settings_read"' in first
    assert '"disconnected"' in second
    assert stop(process, number) == Exit.OK


def test_the_pictures_of_a_settled_alert_are_gone_from_the_disk_within_a_second(notifier: Notifier) -> None:
    log = EventLog()
    with AlertServer(log) as server:
        notifier.start_jsonl(server.address)
        settled, waiting = (log.raise_alert().alert.alert_id for _ in range(2))
        notifier.wait_for_lines(2)
        assert {path.parent.name for path in notifier.pictures()} == {settled, waiting}
        log.clear(settled)
        notifier.wait_for_lines(3)
        at_s = time.monotonic()
        while {path.parent.name for path in notifier.pictures()} != {waiting}:
            assert time.monotonic() - at_s < 1
            time.sleep(0.01)
        assert notifier.lines[-1]["probe_image"] is None


ANYTHING = (
    ("--version",),
    ("whoami",),
    ("alerts", "list"),
    ("problems", "list"),
    ("check",),
    ("settings", "show"),
    ("console", "--format", "jsonl", "--agent-id", "pc-2", "--server", "127.0.0.1:1", "--counter", ""),
)


@pytest.mark.parametrize("command", ANYTHING, ids=" ".join)
def test_whatever_starts_next_deletes_the_pictures_that_a_killed_notifier_left(
    notifier: Notifier, command: tuple[str, ...]
) -> None:
    log = EventLog()
    with AlertServer(log) as server:
        process = notifier.start_jsonl(server.address)
        log.raise_alert()
        notifier.wait_for_lines(1)
        notifier.run_any(*command)
        assert notifier.pictures(), "their notifier runs"
        process.kill()
        process.wait()
        assert notifier.pictures()
        notifier.run_any(*command)
        assert notifier.pictures() == []


def test_without_a_folder_no_picture_is_ever_on_the_disk(notifier: Notifier, tmp_path: Path) -> None:
    log = EventLog()
    with AlertServer(log) as server:
        notifier.write_no_pictures(tmp_path / "run")
        notifier.start_jsonl(server.address)
        log.raise_alert()
        notifier.wait_for_lines(1)
        assert notifier.lines[0]["probe_image"] is None
        assert notifier.lines[0]["reference_images"] == []
        found = [path for path in tmp_path.rglob("*") if path.is_file() and JPEG[:40] in path.read_bytes()]
        assert found == []
        assert list(tmp_path.rglob("*.jpg")) == []


def test_it_goes_on_when_the_server_comes_back(notifier: Notifier) -> None:
    log = EventLog()
    with AlertServer(log) as server:
        notifier.start_jsonl(server.address)
        log.raise_alert()
        notifier.wait_for_lines(1)
    log.raise_alert()
    with AlertServer(log, server.port):
        notifier.wait_for_lines(2)
    assert notifier.sequences == [1, 2]


def test_filters_and_start_come_from_the_options(notifier: Notifier) -> None:
    log = EventLog()
    log.raise_alert(alert_message(counter="4"))
    with AlertServer(log, keep_alive_s=0.05) as server:
        options = ("--site", "batam-center", "--counter", "3", "--counter", "4", "--direction", "departure")
        notifier.start_jsonl(server.address, *options, "--from-now")
        log.wait_until(lambda _: bool(server.subscriptions))
        request = server.subscriptions[0]
        assert request.WhichOneof("start") == "now"
        assert (request.filter.site, list(request.filter.counters), request.filter.direction) == (
            "batam-center",
            ["3", "4"],
            1,
        )


def test_lines_in_a_pipe_are_no_counters_pc_unless_somebody_says_that_they_ring(notifier: Notifier) -> None:
    """`test_neither_a_console_nor_a_program_that_rings_nowhere_is_a_counters_pc` shows what the server makes of it."""
    log = EventLog()
    with AlertServer(log, keep_alive_s=0.05) as server:
        for options, rings_nowhere in (((), True), (("--rings",), False)):
            asked = len(server.subscriptions)
            process = notifier.start_jsonl(server.address, *options)
            wait_for(lambda: len(server.subscriptions) > asked)  # noqa: B023  # it has ended before the next round
            assert server.subscriptions[asked].rings_nowhere is rings_nowhere
            assert stop(process) == Exit.OK


def test_killed_at_random_moments_it_loses_no_alert_and_prints_no_sequence_twice(notifier: Notifier) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  # needed to repeat a failure
    moments = random.Random(seed)  # noqa: S311
    log = EventLog()
    alerts: set[str] = set()
    with AlertServer(log, keep_alive_s=0.05) as server:
        for number in range(8):
            # In every other run acknowledgements get lost, so that the server sends again what was printed.
            server.failures = {"AcknowledgeAlerts": grpc.StatusCode.UNAVAILABLE} if number % 2 else {}
            alerts |= {log.raise_alert().alert.alert_id for _ in range(25)}
            process = notifier.start_jsonl(server.address)
            printed = len(notifier.lines)
            notifier.wait_for_lines(printed + 1)
            # The kill itself falls anywhere in the work on the other events.
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(moments.uniform(0, 0.08))
            process.kill()
            process.wait()
        server.failures = {}
        log.raise_alert()
        alerts.add(log.events[-1].alert.alert_id)
        last = notifier.start_jsonl(server.address)
        log.wait_until(lambda log: log.acknowledged.get(AGENT) == log.head)
        # Every uncertain alert is listed before the first event, and the last event has been acknowledged.
        assert stop(last) == Exit.OK
        wait_for(lambda: {line["alert_id"] for line in notifier.lines} >= alerts)
    assert len(notifier.sequences) == len(set(notifier.sequences))
    assert {line["alert_id"] for line in notifier.lines} == alerts
    missing = set(range(1, log.head + 1)) - set(notifier.sequences)
    relisted = {line["alert_id"] for line in notifier.lines if line["relisted"]}
    assert {event.alert.alert_id for event in log.events if event.sequence in missing} <= relisted


def test_second_notifier_of_the_same_agent_says_so(notifier: Notifier) -> None:
    log = EventLog()
    with AlertServer(log) as server:
        notifier.start_jsonl(server.address)
        log.wait_until(lambda _: bool(server.subscriptions))
        second = notifier.run(server.address, "--format", "jsonl")
    assert second.returncode == Exit.UNAVAILABLE
    assert "choose another --agent-id" in second.stderr


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--server", "10.0.0.1:50051", "--format", "jsonl"), Exit.CONFIG, "enrol this device first"),
        (("--agent-id", "Big Letters", "--format", "jsonl"), Exit.CONFIG, "agent_id"),
        (("--config", "absent.toml", "--format", "jsonl"), Exit.CONFIG, "no configuration file"),
        (("--from-start", "--from-now"), Exit.USAGE, "choose one of"),
        (("--format", "live"), Exit.USAGE, "--format jsonl"),
    ],
)
def test_wrong_option_is_one_sentence_and_its_exit_code(
    notifier: Notifier, options: tuple[str, ...], code: Exit, words: str
) -> None:
    ended = notifier.run("127.0.0.1:1", *options)
    assert ended.returncode == code
    assert words in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr


def test_server_that_refuses_is_told(notifier: Notifier) -> None:

    with AlertServer(EventLog()) as server:
        server.failures["SubscribeAlerts"] = grpc.StatusCode.INVALID_ARGUMENT
        ended = notifier.run(server.address, "--format", "jsonl")
    assert ended.returncode == Exit.CONFIG
    assert "The server refuses the subscription: INVALID_ARGUMENT" in ended.stderr


class Terminal:
    """A pseudo-terminal, and all that was written to it."""

    def __init__(self) -> None:
        self._controller, self.program_side = pty.openpty()
        fcntl.ioctl(self._controller, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self._seen = b""
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def seen(self) -> str:
        with self._changed:
            return self._seen.decode(errors="replace")

    def wait_for(self, words: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: words.encode() in self._seen, WAIT_S), self._seen

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._controller, 65536)
            except OSError:  # the last program has closed its side
                return
            with self._changed:
                self._seen += data
                self._changed.notify_all()


def test_table_on_a_terminal_shows_alerts_connection_and_freshness_and_restores_the_terminal(
    notifier: Notifier,
) -> None:
    log = EventLog()
    log.raise_alert(alert_message("ALREADY LISTED"))
    log.acknowledged[AGENT] = 1
    terminal = Terminal()
    side = terminal.program_side
    with AlertServer(log, keep_alive_s=0.05) as server:
        process = notifier.start(server.address, side)
        os.close(side)
        terminal.wait_for("Pengawasan berjalan")
        terminal.wait_for("ALREADY LISTED")
        log.raise_alert(alert_message("BUDI SANTOSO", raised=EPOCH + timedelta(seconds=1)))
        terminal.wait_for("BUDI SANTOSO")
        terminal.wait_for("\x07")
        server.freshness.stale = True
        terminal.wait_for("DAFTAR CEKAL BELUM DIPERBARUI")
    terminal.wait_for("TERPUTUS")
    assert stop(process, signal.SIGINT) == Exit.OK, terminal.seen
    terminal.wait_for("\x1b[?1049l")
