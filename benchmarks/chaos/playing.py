"""Plays a day of the schedule: travellers pass, officers work, faults are made, and what came of it is checked."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.checks import (
    adjudications,
    alerts,
    delivery,
    exercises,
    lists,
    logs,
    privacy,
    reports,
    rings,
    screens,
    trail,
)
from benchmarks.chaos.checks.dead_pc import DeadPc
from benchmarks.chaos.checks.orphans import Orphans, adopted
from benchmarks.chaos.checks.resources import Resources
from benchmarks.chaos.evidence import Evidence
from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.flow import Flow, WatchingCamera
from benchmarks.chaos.machines.officers_pc import Officer
from benchmarks.chaos.people import Traveller
from benchmarks.chaos.reported import Reported
from benchmarks.chaos.schedule import Day, PlannedFault
from benchmarks.chaos.sites.installation import Installation, installation
from benchmarks.chaos.sites.plans import GROUPING_WINDOW_S
from benchmarks.chaos.sites.running_site import RunningSite
from cekalwatch.program.errors import ProgramError

SETTLED_WITHIN_S = 180.0
"""After all faults are mended."""
TOLD_EVERY_S = 20.0
"""While it settles: what it waits for."""
MENDED_WITHIN_S = 120.0
MANAGER_PERIOD_S = 1.0
LAST_ALERT_S = 1.0
"""After who passes last officers go: one claims the alert."""
EXERCISE_EVERY_S = 3.0
"""While faults are made."""
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
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each part took."""

    def spent(self, on: str, since_s: float) -> None:
        """Note that a part has taken the time since then."""
        self.seconds[on] = round(self.seconds.get(on, 0.0) + time.monotonic() - since_s, 1)

    @contextmanager
    def timed(self, on: str) -> Iterator[None]:
        """Note how long the block takes."""
        begun_s = time.monotonic()
        try:
            yield
        finally:
            self.spent(on, begun_s)


Progress = Callable[[str, int], None]
"""Receives a text about the progress, and the number of further faults made."""


def play(
    day: Day,
    faults: Mapping[str, Fault],
    folder: Path,
    people: Mapping[str, Traveller],
    pictures: Sequence[bytes],
    tell: Progress,
) -> Played:
    """Play a day in `folder`, up to its end or its first failure; `pictures` are those of exercises."""
    played = Played()
    tell(f"day {day.number}: the centre and the port are set up", 0)
    with adopted() as orphans:
        begun_s = time.monotonic()
        with (
            installation(folder, people, pictures) as there,
            _managed(there),
            _at_work(there, people, day) as (flow, officers),
        ):
            played.spent("setting up", begun_s)
            resources = Resources()
            for stretch in day.stretches:
                chance = random.Random(f"{day.seed}/{day.number}/{stretch[0].number}")  # noqa: S311  # no secret
                for site in there.sites:
                    exercises.plan(site, stretch[-1].at_s, EXERCISE_EVERY_S, chance.choice)
                flow.resume()
                for officer in officers:
                    officer.resume()
                with played.timed("faults"):
                    problems = _make(there, stretch, faults, played, tell)
                tell(f"day {day.number}: exercises", 0)
                if not problems:
                    with played.timed("exercises"):
                        problems += _exercise(there, flow, officers)
                rested_s = _end_work(there, flow, officers)
                tell(f"day {day.number}: what came of faults {stretch[0].number} to {stretch[-1].number}", 0)
                with played.timed("settling"):
                    problems += _settle(there, officers, played, tell)
                if not problems:
                    with played.timed("PCs that die"):
                        problems += _pcs_die(there, flow, officers, rested_s)
                if not problems:
                    with played.timed("settling"):
                        problems += _settle(there, officers, played, tell, claims=True)
                if not problems:
                    problems += _checks(there, officers, resources, orphans, played, last=stretch is day.stretches[-1])
                if problems:
                    span = (stretch[0].number, stretch[-1].number)
                    played.failures = [Failure(day.number, span, check, problem) for check, problem in problems]
                    break
            _count(there, played)
            programs = list(there.programs)
        left = orphans.wrong(programs)
        played.failures += [Failure(day.number, (1, day.faults), "orphans", problem) for problem in left]
    return played


@contextmanager
def _managed(there: Installation) -> Iterator[None]:
    """Start programs again that ended since something was away, as a service manager does, until the block ends."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(MANAGER_PERIOD_S):
            for program in there.programs:
                program.revive()

    thread = threading.Thread(target=look, name="service manager", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _at_work(there: Installation, people: Mapping[str, Traveller], day: Day) -> Iterator[tuple[Flow, list[Officer]]]:
    cameras = [
        WatchingCamera(plan, site.hosts[name], site.truth)
        for site in there.sites
        for name, plans in site.plan.hosts.items()
        for plan in plans
    ]
    seed = f"{day.seed}/{day.number}"
    flow = Flow(people, cameras, f"{seed}/flow")
    officers = [pc.officer(f"{seed}/{name}") for site in there.sites for name, pc in site.pcs.items()]
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
    there: Installation, stretch: Sequence[PlannedFault], faults: Mapping[str, Fault], played: Played, tell: Progress
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
            with busy[fault.kind.busies, planned.target], fault.make(there, planned.target, chance):
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


def _exercise(there: Installation, flow: Flow, officers: Sequence[Officer]) -> Problems:
    """Have one exercise judged at each site at once, among strangers, and one give way; return what failed."""
    quiet = [exercises.QuietExercises(site, flow.pass_listed) for site in there.sites]
    with ThreadPoolExecutor(len(quiet)) as workers:
        flow.resume(only_strangers=True)
        judged = [one for found in workers.map(lambda one: list(one.are_judged()), quiet) for one in found]
        flow.pause()
        for officer in officers:
            officer.pause()
        gave_way = (
            [] if judged else [one for found in workers.map(lambda one: list(one.give_way()), quiet) for one in found]
        )
    for officer in officers:
        officer.resume()
    return [("exercises", one) for one in (*judged, *gave_way)]


def _end_work(there: Installation, flow: Flow, officers: Sequence[Officer]) -> float:
    """Let all go home, and who passes last be left claimed; return when nobody passed any more."""
    flow.pause()
    for site in there.sites:
        flow.pass_listed(site.plan.cameras[0].camera_id)
    rested_s = time.monotonic()
    time.sleep(LAST_ALERT_S)
    for officer in officers:
        officer.pause()
    return rested_s


def _pcs_die(there: Installation, flow: Flow, officers: Sequence[Officer], rested_s: float) -> Problems:
    """Let a PC die at both sites at once, after the faces that passed are forgotten; return what failed."""
    time.sleep(max(0.0, rested_s + GROUPING_WINDOW_S + 1.0 - time.monotonic()))
    at = {officer.pc.plan: officer for officer in officers}
    played = [DeadPc(site, at[site.plan.lone[0]], flow.pass_listed) for site in there.sites]
    with ThreadPoolExecutor(len(played)) as workers:
        return [("dead PC", one) for found in workers.map(lambda one: list(one.problems()), played) for one in found]


def _settle(
    there: Installation, officers: Sequence[Officer], played: Played, tell: Progress, *, claims: bool = False
) -> Problems:
    """Wait until both sites have done all that they have to do; say what they have not.

    With `claims`, until the claims have ended too: nobody works who would renew them.
    """
    begun_s = time.monotonic()
    if deaths := [("deaths", death) for program in there.programs for death in program.deaths()]:
        return deaths
    try:
        for site in there.sites:
            site.wait_until_serving()
    except ProgramError as error:
        return [("servers", str(error))]
    left: Problems = []
    told_s = begun_s
    while True:
        asked_s = time.monotonic()
        left = [("officers", f"{one.name} waits for an answer") for one in officers if not one.stands]
        for site in there.sites:
            left += [("capture", waits) for host in site.hosts.values() if (waits := host.waits(begun_s))]
            if waiting := site.truth.waiting():
                left.append(("capture", f"{waiting} captures at {site.key} have no receipt"))
        left = left or _missing(there, claims=claims)
        if not left:
            played.figures["slowest_settling_s"] = max(
                played.figures.get("slowest_settling_s", 0.0), round(asked_s - begun_s, 1)
            )
            return []
        if asked_s - begun_s > SETTLED_WITHIN_S:
            return left
        if asked_s > told_s + TOLD_EVERY_S:
            told_s = asked_s
            tell(f"waits after {asked_s - begun_s:.0f} s: {': '.join(left[0])}", 0)
        time.sleep(1.0)


def _missing(there: Installation, *, claims: bool) -> Problems:
    """Say what has not come to its end yet."""
    reported = Reported.to(there.centre)
    left: Problems = []
    for site in there.sites:
        evidence = Evidence.of(site)
        left += [("alerts", f"{site.key}: {problem}") for problem in alerts.missing(evidence.real)]
        left += [("delivery", f"{site.key}: {problem}") for problem in delivery.missing(evidence)]
        held = [one.alert_id for one in evidence.alerts.values() if claims and one.state == "CLAIMED"]
        left += [("claims", f"{site.key}: nobody works, and alert {one} is claimed") for one in held]
        if site is there.port:
            left += [("reports", problem) for problem in reports.missing(evidence.real, reported)]
    return left + [("lists", problem) for problem in lists.missing(there)]


def _checks(
    there: Installation,
    officers: Sequence[Officer],
    resources: Resources,
    orphans: Orphans,
    played: Played,
    *,
    last: bool,
) -> Problems:
    begun_s = time.monotonic()
    reported = Reported.to(there.centre)  # before the port's own evidence, which may go on
    problems: Problems = []
    for site in there.sites:
        evidence = Evidence.of(site)
        problems += _checks_of(site, evidence)
        supervisor = next(one for one in officers if one.pc.plan is site.plan.supervisor)
        if (listed := supervisor.owing()) != (due := screens.owed(evidence)):
            problems.append(
                ("owed", f"{site.key}: references of {sorted(due)} are owed, and {sorted(listed)} are listed")
            )
    problems += [("reports", problem) for problem in reports.wrong(Evidence.of(there.port).real, reported)]
    problems += [("logs", problem) for problem in logs.wrong(program.log_file for program in there.programs)]
    problems += [("orphans", problem) for problem in orphans.wrong(there.programs)]
    time.sleep(REST_S)
    problems += [("resources", problem) for problem in resources.wrong(there.programs)]
    problems += [("audit", problem) for site in there.sites for problem in trail.wrong(site)]
    played.spent("checks", begun_s)
    if last:
        with played.timed("check of privacy"):
            problems += [("privacy", problem) for problem in privacy.wrong(there)]
    return problems


def _checks_of(site: RunningSite, evidence: Evidence) -> Problems:
    problems: Problems = [("complaints", problem) for problem in site.truth.complaints]
    problems += [("capture", f"{host.name} dropped {host.drops}") for host in site.hosts.values() if host.drops]
    for check, found in (
        ("alerts", alerts.wrong(evidence.real)),
        ("exercises", exercises.wrong(evidence)),
        ("delivery", delivery.wrong(evidence)),
        ("adjudications", adjudications.wrong(evidence)),
        ("rings", rings.wrong(evidence)),
        ("screens", screens.wrong(evidence)),
    ):
        problems += [(check, f"{site.key}: {problem}") for problem in found]
    return problems


def _count(there: Installation, played: Played) -> None:
    passages = [passage for site in there.sites for passage in site.truth.copied()]
    played.figures |= {
        "passages": len(passages),
        "captures": sum(len(one.crops) for one in passages),
        "captures_that_may_be_lost": sum(crop.unsure for one in passages for crop in one.crops),
        "starts_by_the_service_manager": sum(program.revivals for program in there.programs),
        "answers": sum(len(site.truth.copied_answers()) for site in there.sites),
        "lines_shown": sum(len(pc.lines) for site in there.sites for pc in site.pcs.values()),
        "passages_at_the_port": len(there.port.truth.copied()),
    }
    if not played.failures:  # else the database may be away
        played.figures["events_reported"] = len(Reported.to(there.centre).events)
        for one in (one for site in there.sites for one in Evidence.of(site).exercises.values()):
            name = f"exercises_{(one.end or 'put off').lower()}{'' if one.alert_id else '_before_an_alert'}"
            played.figures[name] = played.figures.get(name, 0) + 1
