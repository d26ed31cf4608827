"""`cekalwatch-notifier desktop` as a process of its own, on an X display: tray, front, keyboard, one instance, end."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cekalwatch.program.errors import Exit
from tests.support.fakes.alert_server import WAIT_S, AlertServer, EventLog, wait_for
from tests.support.fakes.x_display import XDisplay, x_display

PROGRAM = (sys.executable, "-m", "cekalwatch.notifier")
ENDED_AT_ONCE = """
import contextlib, os, signal
from cekalwatch.notifier.desktop import run

whole = run.assembled

@contextlib.contextmanager
def assembled(*arguments):
    with whole(*arguments) as parts:
        os.kill(os.getpid(), signal.SIGTERM)
        yield parts

run.assembled = assembled
from cekalwatch.notifier.__main__ import main
main()
"""
REPLACED = """
from cekalwatch.notifier.desktop import run
run.Installation.successor = lambda *_: ("of the newer version",)
from cekalwatch.notifier.__main__ import main
main()
"""
TITLE = "Alert: possible match"


@pytest.fixture
def display(tmp_path: Path) -> Iterator[XDisplay]:
    with x_display(tmp_path) as opened:
        yield opened


@pytest.fixture
def log() -> EventLog:
    return EventLog()


@pytest.fixture
def server(log: EventLog) -> Iterator[AlertServer]:
    with AlertServer(log) as running:
        yield running


def agent_id(folder: Path) -> str:
    """An agent of the test's own: of the same agent, no second one runs on a machine, even for another test."""
    return f"pc-{hashlib.sha256(bytes(folder)).hexdigest()[:12]}"


def start(
    display: XDisplay, server: AlertServer, folder: Path, program: tuple[str, ...] = PROGRAM
) -> subprocess.Popen[bytes]:
    return display.start(
        *program,
        *("desktop", "--server", server.address, "--agent-id", agent_id(folder), "--language", "en"),
        output="agent.out",
        CEKALWATCH_NOTIFIER_STATE_DIR=str(folder / "state"),
        CEKALWATCH_NOTIFIER_IMAGES_DIR=str(folder / "images"),
        CEKALWATCH_NOTIFIER_TLS_DIR=str(folder / "no-tls"),
        CEKALWATCH_NOTIFIER_SOUND="false",
    )


@pytest.mark.slow
def test_an_alert_comes_to_the_front_and_leaves_the_keyboard_where_it_is(
    display: XDisplay, server: AlertServer, log: EventLog, tmp_path: Path
) -> None:
    start(display, server, tmp_path)
    log.wait_until(lambda _: bool(server.subscriptions))
    typist = display.typist()
    typist.type("before ").has_written("before ")
    log.raise_alert()
    window = display.window(TITLE)
    wait_for(lambda: display.topmost == int(window))
    typist.type("after").has_written("before after")
    assert display.active_title == "typist"
    log.wait_until(lambda log: log.acknowledged.get(agent_id(tmp_path)) == 1)


@pytest.mark.slow
def test_it_lives_in_the_tray_and_a_second_start_brings_up_the_first(
    display: XDisplay, server: AlertServer, log: EventLog, tmp_path: Path
) -> None:
    first = start(display, server, tmp_path)
    log.wait_until(lambda _: bool(server.subscriptions))
    wait_for(lambda: display.tray_icons == 1)
    assert not display.do("xdotool", "search", "--onlyvisible", "--name", TITLE)
    display.typist()
    second = start(display, server, tmp_path)
    assert second.wait(WAIT_S) == Exit.OK
    wait_for(lambda: display.active_title == TITLE)
    assert first.poll() is None
    first.send_signal(signal.SIGTERM)
    assert first.wait(WAIT_S) == Exit.OK


@pytest.mark.slow
def test_a_killed_agent_does_not_keep_the_next_one_out(
    display: XDisplay, server: AlertServer, log: EventLog, tmp_path: Path
) -> None:
    first = start(display, server, tmp_path)
    log.wait_until(lambda _: len(server.subscriptions) == 1)
    first.kill()
    first.wait(WAIT_S)
    second = start(display, server, tmp_path)
    log.wait_until(lambda _: len(server.subscriptions) == 2)
    second.send_signal(signal.SIGINT)
    assert second.wait(WAIT_S) == Exit.OK


@pytest.mark.slow
def test_a_signal_that_comes_as_soon_as_it_subscribes_ends_it_in_order(
    display: XDisplay, server: AlertServer, tmp_path: Path
) -> None:
    agent = start(display, server, tmp_path, (sys.executable, "-c", ENDED_AT_ONCE))
    assert agent.wait(WAIT_S) == Exit.OK


@pytest.mark.slow
def test_an_agent_that_a_newer_version_replaces_says_so_before_it_ends(
    display: XDisplay, server: AlertServer, log: EventLog, tmp_path: Path
) -> None:
    process = start(display, server, tmp_path, (sys.executable, "-c", REPLACED))
    log.wait_until(lambda _: bool(server.subscriptions))
    typist = display.typist()
    process.send_signal(signal.SIGTERM)
    display.window("Cekalwatch is being updated")
    typist.type("still mine").has_written("still mine")
    assert process.wait(WAIT_S) == Exit.OK
