"""`make chaos`: lets a centre and a port work while everything breaks that can, and checks that nothing was lost.

The centre has three servers on one PostgreSQL, two capture hosts with four cameras, and five officers' PCs; the port,
which follows its list and reports its alerts there, one of each and two PCs. All are processes of this machine, with a
proxy in each line between them. A fault comes every few seconds, drawn from the seed. Faults come in
stretches; after each all is mended, and what came of the passages is held against the truth. Every hundred faults
all is set up anew, so that a failure can be replayed.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.chaos.faults import disks
from benchmarks.chaos.faults.catalogue import FAULTS
from benchmarks.chaos.machines.disk import can_mount
from benchmarks.chaos.people import colleague, travellers
from benchmarks.chaos.playing import Failure, Played, play
from benchmarks.chaos.schedule import FAULTS_A_DAY, Day, days
from cekalwatch.program.errors import ProgramError
from tests.support.scenarios.server import engine

OUT = Path("build/chaos.json")
DISK_KINDS = [fault.kind for fault in disks.FAULTS]
EXAMPLES = """examples:
  make chaos                            thirty faults, by a seed of chance
  make chaos ROUNDS=1000 SEED=7         a thousand: ten days of a hundred
  make chaos ROUNDS=1000 SEED=7 DAY=4   the fourth of those days again
  python -m benchmarks.chaos --rounds 30 --seed 7 --list
                                        what would happen
  python -m benchmarks.chaos --only "kill of a server" "cut lines of a machine"

A fault takes about five seconds, with its share of what is checked. A day that failed ends, and the next one begins.
The record is build/chaos.json; where a check failed, the folder is kept.
exit code: 0 nothing was lost; 1 a check failed; 2 wrong option; 69 it could not run."""


def main() -> int:
    """Play the days; see EXAMPLES for the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=30, help="how many faults (default 30)")
    parser.add_argument("--seed", type=int, help="which ones; the same seed gives the same (default: by chance)")
    parser.add_argument("--day", type=int, help=f"only this day of them, {FAULTS_A_DAY} faults each, from 1")
    parser.add_argument("--only", nargs="+", metavar="KIND", choices=sorted(FAULTS), help="only faults of these kinds")
    parser.add_argument("--list", action="store_true", help="print the schedule, and play nothing")
    parser.add_argument("--keep", action="store_true", help="keep the folder also when nothing was lost")
    asked = parser.parse_args()
    if asked.rounds < 1:
        parser.error("--rounds must be at least 1")
    seed = secrets.randbelow(2**31) if asked.seed is None else asked.seed
    console = Console()
    kinds = [FAULTS[name].kind for name in (sorted(set(asked.only)) if asked.only else FAULTS)]
    if not can_mount():
        kinds = [kind for kind in kinds if kind not in DISK_KINDS]
        console.print("[yellow]Without faults of disks:[/yellow] only root can make file systems for them.")
    if not kinds:
        parser.error("--only leaves no fault that can be made here")
    planned = [one for one in days(seed, asked.rounds, kinds) if asked.day in (None, one.number)]
    if not planned:
        parser.error(f"--day must be from 1 to {-(-asked.rounds // FAULTS_A_DAY)}")
    if asked.list:
        _print_schedule(console, planned)
        return 0
    replay = f"make chaos ROUNDS={asked.rounds} SEED={seed}"
    console.print(f"{replay}: {sum(one.faults for one in planned)} faults")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # or the programs would go on
    begun_s = time.monotonic()
    try:
        played, kept = _play(console, planned, keep=asked.keep)
    except ProgramError as error:
        console.print(f"[red]It could not run:[/red] {error}\n{replay}", markup=True)
        return 69
    failures = [failure for one in played for failure in one.failures]
    _write_record(seed, asked.rounds, played, time.monotonic() - begun_s)
    _print_result(console, played, failures)
    for folder in kept:
        console.print(f"The folder is kept: {folder}")
    for number in dict.fromkeys(failure.day for failure in failures):
        console.print(f"[red]Replay:[/red] {replay} DAY={number}")
    return 1 if failures else 0


def _play(console: Console, planned: list[Day], *, keep: bool) -> tuple[list[Played], list[Path]]:
    people = travellers(engine().detector)
    pictures = colleague(engine(), people)
    played: list[Played] = []
    kept: list[Path] = []
    with _progress(console, sum(one.faults for one in planned)) as tell:
        for day in planned:
            folder = Path(tempfile.mkdtemp(prefix=f"chaos-{day.seed}-{day.number}-"))
            whole = False
            try:
                came_to = play(day, FAULTS, folder, people, pictures, tell)
                played.append(came_to)
                whole = not came_to.failures
            finally:
                if whole and not keep:
                    shutil.rmtree(folder, ignore_errors=True)
                else:
                    kept.append(folder)
    return played, kept


class _Tell:
    """Shows what goes on, in a bar or line by line."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._task = progress, progress.add_task("", total=total)

    def __call__(self, what: str, faults: int) -> None:
        self._progress.update(self._task, description=what, advance=faults)
        if not self._progress.console.is_terminal:
            self._progress.console.print(f"{time.strftime('%H:%M:%S')} {what}", highlight=False)


@contextmanager
def _progress(console: Console, total: int) -> Iterator[_Tell]:
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield _Tell(progress, total)


def _print_schedule(console: Console, planned: list[Day]) -> None:
    for day in planned:
        for number, stretch in enumerate(day.stretches, 1):
            for fault in stretch:
                console.print(f"day {day.number}, stretch {number}, {fault.at_s:5.1f} s: {fault}", highlight=False)


def _print_result(console: Console, played: list[Played], failures: list[Failure]) -> None:
    made = sum((Counter(one.faults) for one in played), Counter())
    table = Table("fault", "times")
    for name, times in sorted(made.items()):
        table.add_row(name, str(times))
    console.print(table)
    figures: Counter[str] = Counter()
    for one in played:
        figures.update({name: value for name, value in one.figures.items() if not name.startswith("slowest")})
    slowest = max((one.figures.get("slowest_settling_s", 0.0) for one in played), default=0.0)
    console.print(f"{made.total()} faults; {dict(figures)}; slowest settling {slowest} s", highlight=False)
    seconds = sum((Counter(one.seconds) for one in played), Counter())
    console.print(f"seconds: { ({name: round(value) for name, value in seconds.items()}) }", highlight=False)
    for failure in failures:
        first, last = failure.faults
        console.print(
            f"day {failure.day}, faults {first} to {last}, {failure.check}: {failure.problem}",
            style="red",
            markup=False,
        )
    if not failures:
        console.print("[green]Nothing was lost.[/green]")


def _write_record(seed: int, rounds: int, played: list[Played], seconds: float) -> None:
    record = {
        "seed": seed,
        "rounds": rounds,
        "seconds": round(seconds, 1),
        "faults": dict(sum((Counter(one.faults) for one in played), Counter())),
        "days": [one.figures for one in played],
        "seconds_of_parts": dict(sum((Counter(one.seconds) for one in played), Counter())),
        "failures": [
            {"day": one.day, "faults": one.faults, "check": one.check, "problem": one.problem}
            for each in played
            for one in each.failures
        ],
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
