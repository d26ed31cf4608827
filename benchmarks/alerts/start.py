"""How long an officer's PC takes from its start to showing 50 open alerts.

    python -m benchmarks.alerts.start

A server process with certificates has 50 open alerts. The desktop program starts as a process of its own (Qt,
offscreen), with an officer signed in and an empty inbox. The time ends when each alert is a painted row and the window
shows one alert with its pictures.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.demo.stack import Stack

ALERTS = 50
SHOWN = "shown "


def measure() -> dict[str, float]:
    """Return `alerts.start_with_50_s`, and after how long the list was complete."""
    from benchmarks.alerts.officer_desk import CAMERA, Counter, desk_settings, list_person, loop_thread, site_config
    from cekalwatch.wire.identity import DeviceRole
    from deploy.demo.programs import wait_until
    from deploy.demo.stack import Stack

    with tempfile.TemporaryDirectory() as temporary, Stack(site_config(Path(temporary))) as stack:
        list_person(stack)
        settings = desk_settings(stack)
        with loop_thread() as loop, closing(Counter(stack.dialer(DeviceRole.CAMERA, CAMERA), loop)) as counter:
            for number in range(1, ALERTS + 1):
                counter.passage()
                wait_until(partial(_holds, stack, number), 30, "An alert", stack.server)
        arguments = [f"--{name}={getattr(settings, name)}" for name in ("state_dir", "tls_dir")]
        arguments.append(f"--server_address={stack.address}")
        begun = time.time()
        desk = subprocess.run(
            [sys.executable, "-m", "benchmarks.alerts.start", *arguments], stdout=subprocess.PIPE, check=True, text=True
        )
    (line,) = (line for line in desk.stdout.splitlines() if line.startswith(SHOWN))
    listed_at, shown_at = map(float, line.removeprefix(SHOWN).split())
    return {
        "alerts.start_with_50_s": round(shown_at - begun, 2),
        "alerts.start_list_s": round(listed_at - begun, 2),
    }


def _holds(stack: Stack, alerts: int) -> bool:
    return stack.status().head_sequence >= alerts


def desk(server_address: str, state_dir: Path, tls_dir: Path) -> None:
    """Be the officer's PC: print when all alerts were in the list, and when all that is on screen had been painted."""
    from benchmarks.alerts.offscreen import DESK, application, wait
    from cekalwatch.notifier.desktop.run import assembled
    from cekalwatch.notifier.settings import NotifierSettings
    from cekalwatch.office.client.subscription import Start
    from cekalwatch.program.logs import configure_logs

    configure_logs("warning")
    settings = NotifierSettings.load(
        None, agent_id=DESK, server_addresses=server_address, state_dir=state_dir, tls_dir=tls_dir, sound=False
    )
    with assembled(settings, Start.ACKNOWLEDGED, application()) as (agent, _):
        controller, comparison = agent.controller, agent.alert.view.comparison
        wait(lambda: controller.unlocked)
        agent.show_today()
        wait(lambda: len(agent.today.table.rows) == ALERTS)
        agent.today.grab()
        listed_at = time.time()
        wait(lambda: comparison.probe.loaded and comparison.reference.loaded)
        agent.alert.grab()
        print(f"{SHOWN}{listed_at} {time.time()}")  # to the process that measures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("server_address", "state_dir", "tls_dir"):
        parser.add_argument(f"--{name}", help="Of the PC, in the process that is one.")
    given = parser.parse_args()
    if given.server_address:
        desk(given.server_address, Path(given.state_dir), Path(given.tls_dir))
    else:
        print(measure())
