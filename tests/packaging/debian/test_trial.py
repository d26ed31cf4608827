"""A technician's trial: two ports from nothing to the first alert at each, by docs/two-ports.md alone.

Every command is typed as it stands there, on the machine that its chapter is about. What is different: cameras are
clips; PCs have no screen, so that two show alerts in a terminal, for programs, and one draws its windows nowhere; the
units are started as they say, by the test in place of systemd. In the short form machines have their packages already,
as for other tests of this folder, and `apt` finds nothing left to do; with CEKALWATCH_TRIAL=full (`make trial`) it
begins with clean machines.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.vision.manifest import load_pack
from deploy.demo.faces import built_in_people
from deploy.demo.people import Person, Role
from deploy.demo.scene import people_passing, write_video
from deploy.demo.watchlist import write_watchlist
from tests.packaging.debian.clean_debian import CleanDebian
from tests.packaging.debian.guide import Chapter, chapters
from tests.packaging.debian.services import WAIT_S, Service, own_network
from tests.support.repository import ROOT
from tests.support.tools.packs import light_pack

FULL = os.environ.get("CEKALWATCH_TRIAL") == "full"
MAX_S = 20 * 60.0
OFFICER = "officer"
HOME = {"HOME": f"/home/{OFFICER}", "QT_QPA_PLATFORM": "offscreen"}
HOSTS = f"127.0.0.1 localhost cekal.batam.local konsol.batam.local {socket.gethostname()}\n"
CLIP, OTHER_CLIP = "/srv/departures.mp4", "/srv/arrivals.mp4"
PORTS = {
    "Batam Center": ("batam-host", "counter-d1", "supervisor", "console"),
    "Sekupang": ("sekupang-host", "counter-a1"),
}
NAMES = ("server", "batam-host", "sekupang-host", "counter-d1", "supervisor", "counter-a1", "console")

Machines = dict[str, CleanDebian]


@pytest.fixture
def machines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machines]:
    """The seven machines, of one network and with one USB stick, before the first command of the page."""
    packages = Path(os.environ["CEKALWATCH_PACKAGES"])
    stick = tmp_path / "stick"
    stick.mkdir()
    for package in packages.glob("*.deb"):
        shutil.copy(package, stick)
    with own_network() as network:
        made = _clean(request) if FULL else _installed(request, tmp_path)
        for name, machine in made.items():
            made[name] = replace(machine, network=network, stick=stick)
            machine.write("/etc/hosts", HOSTS)
            machine.write("/etc/apt/apt.conf.d/90trial", 'APT::Get::Assume-Yes "true";\n')
        yield made
        for machine in made.values():
            if machine.root.is_relative_to(tmp_path):
                subprocess.run(["rm", "-rf", "--one-file-system", machine.root], check=True)


def _clean(request: pytest.FixtureRequest) -> Machines:
    make: Callable[[str], CleanDebian] = request.getfixturevalue("machine")
    made = {name: make(f"trial-{name}") for name in NAMES}
    for machine in made.values():
        machine.works("apt-get", "update", "-q")
        machine.works("apt-get", "install", "-q", "-y", "--no-install-recommends", "sudo", "passwd")
        machine.works("useradd", "--create-home", OFFICER)
    return made


def _installed(request: pytest.FixtureRequest, folder: Path) -> Machines:
    server, host, pc, console = map(request.getfixturevalue, ("server", "capture_host", "officers_pc", "console_host"))
    other, *pcs = (one.copied(folder / name) for one, name in ((host, "host"), (pc, "supervisor"), (pc, "counter-a1")))
    return dict(zip(NAMES, (server, host, other, pc, *pcs, console), strict=True))


@dataclass(frozen=True)
class Step:
    """What was done on one machine."""

    what: str
    machine: str
    seconds: float


@dataclass
class Technician:
    """Who types the page's commands, and how long each took."""

    machines: Machines
    log: Path
    running: ExitStack
    services: dict[str, Service] = field(default_factory=dict)
    """The service of each machine that has one."""
    took: list[Step] = field(default_factory=list)

    def follow(self, chapter: Chapter, name: str, typed: str = "", **instead: str) -> dict[str, str]:
        """Type all of a chapter on one machine, and return what each command printed.

        `typed` is what `sign-in` asks for; `instead` has what is typed in place of a part of a command.
        """
        machine = self.machines[name]
        with self.timed(f"{chapter.number}. {chapter.title}", name):
            for path, content in chapter.files:
                machine.write(path, content)
            return {line: self._types(machine, name, line, typed, instead) for line in chapter.commands}

    @contextmanager
    def timed(self, what: str, machine: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.took.append(Step(what, machine, time.monotonic() - began))

    def seconds(self, *names: str) -> float:
        """What has been done up to now on these machines, on all when none is named."""
        return sum(step.seconds for step in self.took if step.machine in (names or NAMES))

    def types(self, name: str, line: str) -> str:
        """Type a command that the page tells of in passing, and return what it printed."""
        return self._types(self.machines[name], name, line, "", {})

    def _types(self, machine: CleanDebian, name: str, line: str, typed: str, instead: dict[str, str]) -> str:
        for given, other in instead.items():
            line = line.replace(given, other)
        if started := re.fullmatch(r"sudo systemctl start (\S+)", line):
            service = Service(machine, started[1], self.log / f"{name}.log")
            self.services[name] = self.running.enter_context(service)
            return ""
        if line.startswith("cekalwatch-notifier desktop"):
            self._shows(machine, name, line if name == "supervisor" else "cekalwatch-notifier console --format jsonl")
            return ""
        account = "root" if line.startswith("sudo ") else OFFICER
        network = None if "apt install" in line else machine.network  # Debian's mirror, for what packages depend on
        at = replace(machine, network=network)
        typed = typed if line.endswith("sign-in") else ""
        return at.works("sh", "-c", line, account=account, typed=typed, environment=HOME if account == OFFICER else {})

    def _shows(self, machine: CleanDebian, name: str, line: str) -> None:
        shown = self.log / f"{name}.log"
        program = machine.start(*line.split(), account=OFFICER, log=shown, environment=HOME)

        def end() -> None:
            alive = program.poll() is None
            program.terminate()
            program.wait(WAIT_S)
            assert alive, shown.read_text()

        self.running.callback(end)


def first_password(told: dict[str, str], name: str) -> str:
    (line,) = (line for line in told if f"people add {name} " in line)
    return told[line].strip().split()[-1]


def no_fail(told: dict[str, str]) -> None:
    """The chapter has a `check`, in which nothing fails."""
    checks = [text for line, text in told.items() if line.endswith(" check")]
    assert checks
    assert not any(re.search(r"^FAIL", text, re.MULTILINE) for text in checks), checks


@pytest.fixture(scope="module")
def passing() -> dict[str, Person]:
    """Who is on the list and passes: at departures somebody who may not leave, at arrivals one who may not come in."""
    people = built_in_people(open_engine(load_pack(light_pack()), threads=1).detector)
    return {one.role.name: one for one in reversed(people) if one.role in {Role.LISTED, Role.TANGKAL}}


@pytest.mark.timeout(45 * 60)
def test_two_ports_from_nothing_to_the_first_alert_at_each_by_the_page(
    machines: Machines, passing: dict[str, Person], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    page = chapters(ROOT / "docs/two-ports.md")
    leaving, coming = passing["LISTED"], passing["TANGKAL"]
    stick = machines["server"].stick
    assert stick
    write_watchlist([leaving, coming], stick / "list", datetime.now(ZoneInfo("Asia/Jakarta")).date())
    for name, clip, person in (("batam-host", CLIP, leaving), ("sekupang-host", OTHER_CLIP, coming)):
        write_video(people_passing([person]), [person], machines[name].root / clip.lstrip("/"))
    logs = tmp_path / "logs"
    logs.mkdir()
    done = set[int]()
    with ExitStack() as running:
        technician = Technician(machines, logs, running)

        def follow(number: int, name: str, typed: str = "", **instead: str) -> dict[str, str]:
            done.add(number)
            return technician.follow(page[number], name, typed, **instead)

        told = follow(1, "server")
        no_fail(told)
        (made,) = (text for line, text in told.items() if " init " in line)
        assert "First password of 198503122010121001, shown only here:" in made
        people = follow(2, "server")
        follow(3, "server")
        subprocess.run(["chmod", "-R", "a+rX", stick], check=True)  # as a stick without modes shows its files
        no_fail(follow(4, "batam-host", **{"rtsp://10.0.0.7/1": CLIP}))
        other = {"batam-center-camera-departure-1": "sekupang-camera-arrival-1", "rtsp://10.0.0.7/1": OTHER_CLIP}
        no_fail(follow(4, "sekupang-host", **other))
        pcs = (
            ("counter-d1", "batam-center", "budi"),
            ("supervisor", "batam-center", "rina"),
            ("counter-a1", "sekupang", "agus"),
        )
        for name, site, who in pcs:
            password = secrets.token_urlsafe(16)
            typed = f"{who}\n{first_password(people, who)}\n{password}\n{password}\n"
            no_fail(follow(5, name, typed, **{"batam-center-notifier-counter-d1": f"{site}-notifier-{name}"}))
        no_fail(follow(6, "console"))
        alerts = dict[str, str]()
        for name in ("counter-d1", "counter-a1"):
            with technician.timed("first alert", name):
                alerts[name] = rung(logs / f"{name}.log", logs)
        at_port = {port: technician.seconds("server", *names) for port, names in PORTS.items()}
        for name in ("batam-host", "sekupang-host"):
            technician.services[name].stop()  # each further passage raises the alert's version, which refuses a look
        for name, _, _ in pcs:
            (listed,) = follow(7, name).values()
            mine, others = (coming, leaving) if name == "counter-a1" else (leaving, coming)
            assert mine.name not in listed
            assert others.name not in listed
            if name in alerts:
                shown = technician.types(name, f"cekalwatch-notifier alerts show {alerts[name]}")
                assert mine.name not in shown
                seen = f"--seen {version(shown)}"
                technician.types(name, f"cekalwatch-notifier alerts look {alerts[name]} {seen} --finding REFERRED")
                known = technician.types(name, "cekalwatch-notifier alerts list")
                assert mine.name in known
                assert others.name not in known
        follow(8, "server")
        assert not machines["server"].has("var/lib/cekalwatch/hand-over")
        assert not (stick / "hand-over").exists()
    assert done == set(page), "a chapter was left out"
    with capsys.disabled():
        form = "full" if FULL else "short"
        lines = [f"{step.seconds:7.1f} s  {step.what}, {step.machine}" for step in technician.took]
        lines += [f"{seconds:7.1f} s  from nothing to the first alert at {port}" for port, seconds in at_port.items()]
        print(f"\nThe trial, {form} form: {technician.seconds():.0f} s", *lines, sep="\n")  # noqa: T201
    assert technician.seconds() < MAX_S


def version(shown: str) -> str:
    """Return the alert's version from what `alerts show` has printed, in Indonesian as PCs do by default."""
    (found,) = re.findall(r"^Versi +(\d+)", shown, re.MULTILINE)
    return str(found)


def rung(log: Path, logs: Path) -> str:
    """Wait until a PC rings for an alert, whose subject it does not name before a look; return the alert's key.

    The alert may have been raised before the PC connected.
    """
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        for line in log.read_text().splitlines():
            if '"rings":true' in line:
                alert = json.loads(line)
                assert alert["subject_id"] is None
                return str(alert["alert_id"])
        time.sleep(0.2)
    raise AssertionError("\n".join(f"{one.name}\n{one.read_text()[-3000:]}" for one in sorted(logs.iterdir())))
