"""Plays a day of the schedule: travellers pass, officers work, faults are made, and what came of it is checked."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.checks import adjudications, alerts, delivery, logs, privacy, trail
from benchmarks.chaos.checks.resources import Resources
from benchmarks.chaos.evidence import Evidence
from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.flow import Flow, WatchingCamera
from benchmarks.chaos.machines.officers_pc import Officer
from benchmarks.chaos.people import Traveller
from benchmarks.chaos.port import HOSTS, Port, port
from benchmarks.chaos.schedule import Day, PlannedFault
from benchmarks.chaos.truth import Truth
from cekalwatch.program.errors import ProgramError

SETTLED_WITHIN_S = 180.0
"""After all faults are mended."""
MENDED_WITHIN_S = 120.0
MANAGER_PERIOD_S = 1.0
REST_S = 2.0
"""For which nobody works before memory and descriptors are looked at."""


@dataclass(frozen=True)
class Failure:
    """Something that is not as it must be."""

    day: int
    faults: tuple[int, int]
    """The first and the last fault after the last check that found nothing."""
    check: str
    problem: str


@dataclass
class Played:
    """What a day came to."""

    faults: dict[str, int] = field(default_factory=dict)
    """How many of each kind were made."""
    failures: list[Failure] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)


Progress = Callable[[str, int], None]
"""Is told what goes on, and how many more faults have been made."""


def play(
    day: Day, faults: Mapping[str, Fault], folder: Path, people: Mapping[str, Traveller], tell: Progress
) -> Played:
    """Play a day in `folder`, up to its end or its first failure."""
    played, truth = Played(), Truth()
    tell(f"day {day.number}: the port is set up", 0)
    with port(folder, people, truth) as running, _managed(running), _at_work(running, people, day) as (flow, officers):
        resources = Resources()
        for stretch in day.stretches:
            flow.resume()
            for officer in officers:
                officer.resume()
            problems = _make(running, stretch, faults, played, tell)
            flow.pause()
            for officer in officers:
                officer.pause()
            tell(f"day {day.number}: what came of faults {stretch[0].number} to {stretch[-1].number}", 0)
            problems += _settle(running, officers, played)
            problems += [] if problems else _checks(running, resources, last=stretch is day.stretches[-1])
            if problems:
                span = (stretch[0].number, stretch[-1].number)
                played.failures = [Failure(day.number, span, check, problem) for check, problem in problems]
                break
        _count(running, played)
    return played


@contextmanager
def _managed(running: Port) -> Iterator[None]:
    """Start programs again that ended since something was away, as a service manager does, until the block ends."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(MANAGER_PERIOD_S):
            for program in running.programs:
                program.revive()

    thread = threading.Thread(target=look, name="service manager", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _at_work(running: Port, people: Mapping[str, Traveller], day: Day) -> Iterator[tuple[Flow, list[Officer]]]:
    cameras = [WatchingCamera(plan, running.hosts[name]) for name, plans in HOSTS.items() for plan in plans]
    seed = f"{day.seed}/{day.number}"
    flow = Flow(people, cameras, running.truth, f"{seed}/flow")
    officers = [pc.officer(f"{seed}/{name}") for name, pc in running.pcs.items()]
    for thread in (flow, *officers):
        thread.start()
    try:
        yield flow, officers
    finally:
        flow.close()
        for officer in officers:
            officer.close()


Problems = list[tuple[str, str]]
"""Which check found it, and what."""


def _make(
    running: Port, stretch: Sequence[PlannedFault], faults: Mapping[str, Fault], played: Played, tell: Progress
) -> Problems:
    """Make the faults of a stretch, each on a thread of its own; return when the last one is mended.

    Mending takes the longer the busier the machine is: the next fault of the same part waits for its end.
    """
    problems: Problems = []
    begun_s = time.monotonic()
    busy: dict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)

    def make(planned: PlannedFault) -> None:
        time.sleep(max(0.0, begun_s + planned.at_s - time.monotonic()))
        chance = random.Random(planned.seed)  # noqa: S311  # of a fault, no secret
        fault = faults[planned.kind]
        try:
            with busy[fault.kind.busies, planned.target], fault.make(running, planned.target, chance):
                played.faults[planned.kind] = played.faults.get(planned.kind, 0) + 1
                tell(str(planned), 1)
                time.sleep(planned.hold_s)
        except Exception as error:  # noqa: BLE001  # whatever it was, this fault could not be made or mended
            problems.append(("faults", f"{planned}: {type(error).__name__}: {error}"))

    threads = [threading.Thread(target=make, args=(one,), daemon=True, name=str(one)) for one in stretch]
    for thread in threads:
        thread.start()
    deadline = begun_s + max(one.end_s for one in stretch) + MENDED_WITHIN_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            problems.append(("faults", f"{thread.name} was not mended"))
    return problems


def _settle(running: Port, officers: Sequence[Officer], played: Played) -> Problems:
    """Wait until the port has done all that it has to do; say what it has not."""
    begun_s = time.monotonic()
    if deaths := [("deaths", death) for program in running.programs for death in program.deaths()]:
        return deaths
    try:
        running.wait_until_serving()
    except ProgramError as error:
        return [("servers", str(error))]
    left: Problems = []
    while True:
        asked_s = time.monotonic()
        left = [("officers", f"{one.name} waits for an answer") for one in officers if not one.stands]
        left += [("capture", waits) for host in running.hosts.values() if (waits := host.waits(begun_s))]
        if waiting := running.truth.waiting():
            left.append(("capture", f"{waiting} captures have no receipt"))
        if not left:
            evidence = Evidence.of(running)
            left = [("alerts", problem) for problem in alerts.missing(evidence)]
            left += [("delivery", problem) for problem in delivery.missing(evidence)]
        if not left:
            played.figures["slowest_settling_s"] = max(
                played.figures.get("slowest_settling_s", 0.0), round(asked_s - begun_s, 1)
            )
            return []
        if asked_s - begun_s > SETTLED_WITHIN_S:
            return left
        time.sleep(1.0)


def _checks(running: Port, resources: Resources, *, last: bool) -> Problems:
    evidence = Evidence.of(running)
    problems: Problems = [("complaints", problem) for problem in running.truth.complaints]
    problems += [("capture", f"{host.name} dropped {host.drops}") for host in running.hosts.values() if host.drops]
    problems += [("alerts", problem) for problem in alerts.wrong(evidence)]
    problems += [("delivery", problem) for problem in delivery.wrong(evidence)]
    problems += [("adjudications", problem) for problem in adjudications.wrong(evidence)]
    problems += [("logs", problem) for problem in logs.wrong(program.log_file for program in running.programs)]
    time.sleep(REST_S)
    problems += [("resources", problem) for problem in resources.wrong(running)]
    problems += [("audit", problem) for problem in trail.wrong(running)]
    if last:
        problems += [("privacy", problem) for problem in privacy.wrong(running)]
    return problems


def _count(running: Port, played: Played) -> None:
    passages = running.truth.copied()
    played.figures |= {
        "passages": len(passages),
        "captures": sum(len(one.crops) for one in passages),
        "captures_that_may_be_lost": sum(crop.unsure for one in passages for crop in one.crops),
        "starts_by_the_service_manager": sum(program.revivals for program in running.programs),
        "answers": len(running.truth.copied_answers()),
        "lines_shown": sum(len(pc.lines) for pc in running.pcs.values()),
    }
