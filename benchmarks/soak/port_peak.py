"""A port at its peak for two hours, with officers who work: does anything grow, and does it stay as quick?

    python -m benchmarks.soak.port_peak [--minutes 120] [--folder DIR]

A server process with certificates, SQLite and pack `standard` that follows a watchlist folder; a capture host with
twelve cameras, whose pictures come ready cut; six PCs with the notifier's console, at which five officers and a
supervisor settle the alerts. Sixty people of LFW arrive each minute at random, one in ten listed, at the same moments
in each quarter (`timetable.py`). `DIR/minutes.jsonl` gets a line each minute, `DIR/result.json` the figures; the exit
code is 1 when anything has grown.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.chaos.machines.capture_hosts import CaptureHost
from benchmarks.recognition.faces import PACK
from benchmarks.soak.arrivals import Arrivals, Receipts
from benchmarks.soak.judging import SERVER, figures, report
from benchmarks.soak.minutes import Delays, Minute, write
from benchmarks.soak.officers import SUPERVISOR, Officer
from benchmarks.soak.pace import MachinePace
from benchmarks.soak.sampling import ProcessorTime, files, used
from benchmarks.soak.timetable import timetables
from benchmarks.soak.travellers import public
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.session_file import SessionFile
from cekalwatch.server.recognition.packs.installed import open_detector
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.runtime import limit_native_threads
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.office.notifier import Notifier
from deploy.demo.programs import wait_until
from deploy.demo.stack import CameraPlan, Stack, StackConfig
from deploy.demo.watchlist import write_watchlist

MINUTES = 120.0
CAMERAS = tuple(CameraPlan(f"departure-{number}", f"D{number}") for number in range(1, 13))
OFFICERS = 5
LISTED, STRANGERS = 400, 200
ENROLLED = 0.8
"""Least share of the list that must be searched: some photographs are refused."""
LOADED_WITHIN_S = 600.0
SETTLED_WITHIN_S = 120.0
WAITS_S = 30.0
"""A crop that has waited so long for its receipt, or an alert for somebody, is told."""
SEED = "soak"


class Screens:
    """What the PCs have shown: how late each alert came to them, and whom it is passed on to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._delays_ms: list[float] = []
        self._alerts: set[str] = set()

    @property
    def alerts(self) -> int:
        """How many alerts were raised."""
        with self._lock:
            return len(self._alerts)

    def reader(self, officer: Callable[[str], None]) -> Callable[[dict[str, object]], None]:
        """Return what takes the lines of a PC, at which `officer` sits."""

        def take(line: dict[str, object]) -> None:
            now, alert_id = datetime.now(UTC), str(line["alert_id"])
            if line["event_type"] == "RAISED":
                with self._lock:
                    self._alerts.add(alert_id)
                    raised = datetime.fromisoformat(str(line["raised_time"]))
                    self._delays_ms.append((now - raised).total_seconds() * 1000)
            officer(alert_id)

        return take

    def take_delays_ms(self) -> list[float]:
        """Return from an alert's raising to its line on a PC, of all lines since the last call."""
        with self._lock:
            taken, self._delays_ms = self._delays_ms, []
            return taken


def soak(folder: Path, minutes: float) -> list[Minute]:
    """Run it in `folder`; return what was seen. Raises ProgramError when a program ends or alerts stay open."""
    limit_native_threads(1)
    people = public(open_detector(load_pack(PACK), threads=1), LISTED, STRANGERS)
    watchlist = folder / "watchlist"
    write_watchlist([one.person for one in people.listed], watchlist, datetime.now(UTC).date())
    config = StackConfig(folder, PACK.parent.resolve(), CAMERAS, followed_watchlist=watchlist)
    with Stack(config) as stack, ExitStack() as opened:
        searched = round(ENROLLED * LISTED)
        wait_until(lambda: stack.status().gallery.subjects >= searched, LOADED_WITHIN_S, "The list", stack.server)
        screens, receipts = Screens(), Receipts()
        desks = [_desk(stack, screens, place, opened) for place in (*range(OFFICERS), SUPERVISOR)]
        host = opened.enter_context(_capture_host(stack, receipts))
        programs = {SERVER: psutil.Process(stack.server.pid), "capture_host": psutil.Process(host.program.pid)}
        programs |= {f"pc_{number}": psutil.Process(pc.program.pid) for number, (_, pc) in enumerate(desks, 1)}
        quarter_s = minutes * 60 / 4
        passing = timetables(people, [plan.camera_id for plan in CAMERAS], quarter_s, SEED)
        arrivals = Arrivals(passing, quarter_s, host, receipts)
        opened.callback(arrivals.close)
        arrivals.start()
        pace = MachinePace(folder / "pace")
        pace.start()
        opened.callback(pace.close)
        seen = list(_look(stack, programs, arrivals, receipts, screens, pace, folder / "minutes.jsonl", minutes))
        arrivals.close()
        officers = [officer for officer, _ in desks]
        _settle(officers[-1], receipts)
        if complaints := [*receipts.complaints, *(one for officer in officers for one in officer.complaints)]:
            raise ProgramError("\n".join(complaints))
        return seen


def _desk(stack: Stack, screens: Screens, place: int, opened: ExitStack) -> tuple[Officer, Notifier]:
    role = PersonRole.SUPERVISOR if place == SUPERVISOR else PersonRole.OFFICER
    name = "supervisor-1" if place == SUPERVISOR else f"officer-{place + 1}"
    session = SessionFile(stack.config.folder / "notifier" / f"session-{name}")
    officer = Officer(name, stack.dialer(DeviceRole.NOTIFIER, name), session, place, OFFICERS)
    notifier = stack.start_notifier(name, screens.reader(officer.shown), role)
    officer.start()
    opened.callback(officer.close)
    return officer, notifier


@contextmanager
def _capture_host(stack: Stack, receipts: Receipts) -> Iterator[CaptureHost]:
    tls = {plan.camera_id: stack.certificate(DeviceRole.CAMERA, plan.camera_id) for plan in CAMERAS}
    folder = stack.config.folder / "host"
    host = CaptureHost("capture-host", folder, [stack.address], PACK, tls, receipts, stack.logs)
    host.program.launch()
    try:
        yield host
    finally:
        host.program.kill()


def _look(
    stack: Stack,
    programs: dict[str, psutil.Process],
    arrivals: Arrivals,
    receipts: Receipts,
    screens: Screens,
    pace: MachinePace,
    out: Path,
    minutes: float,
) -> Iterator[Minute]:
    began_s, processor = time.monotonic(), ProcessorTime(programs)
    for number in range(1, round(minutes) + 1):
        time.sleep(max(0.0, began_s + number * 60 - time.monotonic()))
        for name, process in programs.items():
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                raise ProgramError(f"{name} has ended; its log is in {stack.logs}")
        server_cores, others_cores = processor.take()
        minute = Minute(
            at_s=round(time.monotonic() - began_s, 1),
            passages=arrivals.passages,
            listed_passages=arrivals.listed_passages,
            alerts=screens.alerts,
            programs={name: used(process) for name, process in programs.items()},
            files=files(stack.config.folder / "server", stack.server.log_file),
            receipts=Delays.of(receipts.take_delays_ms()),
            events=Delays.of(screens.take_delays_ms()),
            server_cores=server_cores,
            others_cores=others_cores,
            pace=pace.take(),
        )
        write(minute, out)
        server = minute.programs[SERVER]
        print(
            f"{number:4} min {minute.passages:6} passages {minute.alerts:5} alerts {server.pss_mb:7.1f} MB"
            f" {server.descriptors:4} descriptors {server.threads:3} threads"
            f" receipt p95 {minute.receipts.p95_ms:6.0f} ms event p95 {minute.events.p95_ms:6.0f} ms"
            f" {receipts.waiting(WAITS_S)} crops wait",
            flush=True,
        )
        yield minute


def _settle(officer: Officer, receipts: Receipts) -> None:
    """Wait until nothing is open and every crop has its receipt. Raises ProgramError."""
    end_s = time.monotonic() + SETTLED_WITHIN_S
    while (still_open := officer.open_alerts()) or receipts.waiting(0.0):
        if time.monotonic() > end_s:
            states = ", ".join(f"{one.alert_id} {one.state}" for one in still_open)
            raise ProgramError(f"Not settled: {states}; {receipts.waiting(0.0)} crops without receipt")
        time.sleep(1.0)


def measure(minutes: float = MINUTES) -> dict[str, float]:
    """Return the figures `soak.…`; raises FileNotFoundError where the pack or the faces are not there."""
    if not PACK.is_dir():
        raise FileNotFoundError(f"the pack `standard` is not in {PACK}")
    with tempfile.TemporaryDirectory() as temporary:
        return figures(soak(Path(temporary), minutes))


def main() -> int:
    """Run it, and judge it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--folder", type=Path, help="an empty folder for all that the run writes; it stays")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        seen = soak(folder.resolve(), given.minutes)
        (folder / "result.json").write_text(json.dumps(figures(seen), indent=2) + "\n", encoding="utf-8")
        return int(bool(report(seen)))


if __name__ == "__main__":
    sys.exit(main())
