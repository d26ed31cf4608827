"""deploy/container/compose.yaml by the commands of docs/container.md: the server on PostgreSQL, watched by Prometheus.

PostgreSQL and Prometheus are stand-ins of Debian's packages, under the names of the images that compose.yaml wants.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest

from deploy.container.__main__ import ACCOUNT_ID
from tests.packaging.debian.containers import WAIT_S, Containers, containers_or_skip
from tests.packaging.debian.stand_ins import COMPOSE, make_stand_ins
from tests.support.repository import ROOT

pytestmark = pytest.mark.timeout(1800)

VERSION = version("cekalwatch")
PROGRAMS = ("podman", "podman-compose", "buildah", "runc", "nft")
LIBRARIES = ("/usr/lib/podman/netavark", "/usr/lib/podman/aardvark-dns")
ANSWERS = """\
office = "Kantor Imigrasi Batam"
hosts = ["localhost"]
administrator = "sari"
administrator_name = "Sari Dewi"
database_url = "postgresql://cekalwatch@postgres/cekalwatch?passfile=/run/secrets/pgpass"

[[sites]]
site = "batam-center"
time_zone = "Asia/Jakarta"

[[cameras]]
camera_id = "departure-1"
site = "batam-center"
counter = "D1"
direction = "DEPARTURE"
"""


def commands(heading: str) -> list[str]:
    """The commands of a part of the page, in their order."""
    page = (ROOT / "docs/container.md").read_text()
    (part,) = re.findall(rf"^## {heading}\n((?:(?!^## ).*\n)*)", page, re.MULTILINE)
    return re.findall(r"^ {4,}(\S.*)$", part, re.MULTILINE)


class Compose:
    """compose.yaml in a folder as its page wants it, and what is typed there."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers
        self.site = containers.folder / "deploy/container"
        shutil.copytree(COMPOSE.parent, self.site)
        shutil.copytree(ROOT / "deploy/monitoring", containers.folder / "deploy/monitoring")

    def try_(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command where compose.yaml is."""
        return self._containers.try_(*command, cwd=self.site)

    def run(self, *command: str) -> str:
        """Run a command that must end well, and return what it printed."""
        return self._containers.run(*command, cwd=self.site)

    def types(self, line: str) -> str:
        """Type a line of the page, as root."""
        return self.run("sh", "-ec", line.replace("sudo ", ""))

    def within(self, service: str, *command: str) -> str:
        """Run a command in the container of a service."""
        return self.run("podman", "compose", "exec", "-T", service, *command)

    def until(self, happens: Callable[[], bool], what: str) -> None:
        """Wait for it."""
        self._containers.until(happens, what)

    def serving(self) -> bool:
        """Whether the server's page of its health says so, as the image asks for it."""
        ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9465/healthz', timeout=8).read().decode())"
        python = "/usr/lib/cekalwatch-server/bin/python"
        said = self.try_("podman", "compose", "exec", "-T", "server", python, "-I", "-c", ask)
        return said.returncode == 0 and "SERVING" in said.stdout and "NOT_SERVING" not in said.stdout

    def scraped(self) -> int:
        """How many times Prometheus has found the server up."""
        query = 'sum_over_time(up{job="cekalwatch-server"}[1h])'
        said = self.try_(
            *("podman", "compose", "exec", "-T", "prometheus", "promtool", "query", "instant"),
            *("http://127.0.0.1:9090", query),
        )
        found = re.search(r"=> (\d+)", said.stdout)
        return int(found[1]) if found else 0


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """A storage with nothing in it; skips where containers cannot run."""
    folder = tmp_path_factory.mktemp("containers") / "own"
    with containers_or_skip(folder, *PROGRAMS, *LIBRARIES, CEKALWATCH_VERSION=VERSION) as made:
        yield made


def ask_for_health(containers: Containers, ended: Event) -> None:
    """Do what systemd does where podman has it: look at the health of containers until they are healthy."""
    while not ended.wait(3):
        starting = containers.try_("podman", "ps", "--filter", "health=starting", "--format", "{{.Names}}").stdout
        for name in starting.split():
            containers.try_("podman", "healthcheck", "run", name)


@pytest.fixture(scope="module")
def images(containers: Containers) -> Containers:
    """The storage with the three images: our own by `make image`, whose archive is loaded as the page says."""
    with ThreadPoolExecutor() as pool:
        stand_ins = pool.submit(make_stand_ins, containers, ROOT / "build/stand-ins")
        made = [pool.submit(containers.load_server_image), stand_ins]
    for one in made:
        one.result()
    return containers


@pytest.fixture
def compose(images: Containers) -> Iterator[Compose]:
    """The folder of compose.yaml before the first command of the page."""
    ended = Event()
    asking = Thread(target=ask_for_health, args=(images, ended))
    asking.start()
    yield Compose(images)
    ended.set()
    asking.join()


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.packaging.debian.containers import own_containers

with own_containers(Path(sys.argv[1])) as containers:
    pod = containers.run("podman", "pod", "create", "--infra=false", "--name=killed")
    print(pod, containers.run(*containers.least("--detach", "--pod=killed"), "/usr/bin/sleep", sys.argv[2]), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.usefixtures("containers")
def test_nothing_is_left_of_containers_whose_test_was_killed(tmp_path: Path) -> None:
    folder, seconds = tmp_path / "containers", "86399.25"
    run = [sys.executable, "-c", KILLED, str(folder), seconds]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    numbers = done.stdout.split()
    assert [len(number) for number in numbers] == [64, 64]

    def left() -> list[str]:
        programs = [one.info["name"] for one in psutil.process_iter(["name", "cmdline"])
                    if {seconds, str(folder)} & {*(one.info["cmdline"] or ())}]  # fmt: skip
        groups = (group for number in numbers for group in Path("/sys/fs/cgroup").glob(f"**/*{number}*"))
        return [*programs, *map(str, groups), *map(str, tmp_path.iterdir())]

    until = time.monotonic() + WAIT_S
    while found := left():
        assert time.monotonic() < until, found
        time.sleep(0.5)


def test_server_postgresql_and_prometheus_by_the_page(compose: Compose) -> None:
    lines = commands("With PostgreSQL and Prometheus")
    secrets = [line for line in lines if "podman" not in line and not line.startswith("database_url")]
    assert secrets[0].startswith("mkdir")
    compose.types("\n".join(secrets))
    answers = compose.site / "secrets/answers.toml"
    answers.write_text(ANSWERS)
    shutil.chown(answers, ACCOUNT_ID)
    answers.chmod(0o600)
    typed = [line for line in lines if line.startswith(("podman compose", "until podman compose"))][:5]
    told = {line: compose.types(line) for line in typed}
    (made,) = (said for line, said in told.items() if " init " in line)
    assert "First password of sari, shown only here:" in made
    compose.until(compose.serving, "serving")
    assert not re.search(r"^FAIL", compose.types(typed[-1]), re.MULTILINE)
    added = ("people", "add", "budi", "--display-name", "Budi", "--role", "officer")
    compose.within("server", "cekalwatch-server", *added)
    compose.until(lambda: compose.scraped() >= 2, "scraping")
    database = "SELECT count(*) FROM person"
    ask = ("psql", "--username=cekalwatch", "--dbname=cekalwatch", "--tuples-only", "--no-align", "--command", database)
    assert compose.within("postgres", *ask).strip() == "2"

    before = compose.scraped()
    for line in commands("Stopping and starting"):
        compose.types(line)
    compose.until(compose.serving, "serving again")
    assert "budi" in compose.within("server", "cekalwatch-server", "people", "list")
    assert "is whole" in compose.within("server", "cekalwatch-server", "audit", "verify")
    compose.until(lambda: compose.scraped() > before, "scraping again, with what was scraped before")
