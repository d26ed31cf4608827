"""deploy/container/compose.yaml by the commands of docs/container.md: the server on PostgreSQL, watched by Prometheus.

PostgreSQL and Prometheus are stand-ins of Debian's packages, under the names of the images that compose.yaml wants.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from deploy.container.__main__ import IMAGE, PACKAGES, make_image
from tests.packaging.debian.stand_ins import COMPOSE, POSTGRES, PROMETHEUS
from tests.support.repository import ROOT

pytestmark = pytest.mark.timeout(1800)

VERSION = "trial"
WAIT_S = 240.0
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


class Containers:
    """Containers in a storage of this test's own, below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = folder / "deploy/container"
        shutil.copytree(COMPOSE.parent, self.site)
        shutil.copytree(ROOT / "deploy/monitoring", folder / "deploy/monitoring")
        storage = folder / "storage.conf"
        storage.write_text(
            f'[storage]\ndriver = "{DRIVER}"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n'
        )
        engine = folder / "containers.conf"
        engine.write_text(
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
            f'volume_path = "{folder}/volumes"\ncompose_warning_logs = false\n'
            f'[network]\nnetwork_config_dir = "{folder}/networks"\n'
        )
        self._environment = os.environ | {
            "CONTAINERS_STORAGE_CONF": str(storage),
            "CONTAINERS_CONF_OVERRIDE": str(engine),
            "CEKALWATCH_VERSION": VERSION,
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        }

    def try_(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command where compose.yaml is."""
        return subprocess.run(
            command,
            cwd=self.site,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=WAIT_S * 2,
            stdin=subprocess.DEVNULL,
        )

    def run(self, *command: str | Path) -> str:
        """Run a command that must end well, and return what it printed."""
        done = self.try_(*command)
        assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
        return done.stdout

    def types(self, line: str) -> str:
        """Type a line of the page, as root."""
        return self.run("sh", "-ec", line.replace("sudo ", ""))

    def within(self, service: str, *command: str) -> str:
        """Run a command in the container of a service."""
        return self.run("podman", "compose", "exec", "-T", service, *command)

    def logs(self) -> str:
        """What the containers have said last."""
        names = self.try_("podman", "ps", "--all", "--format", "{{.Names}} {{.Status}}").stdout.splitlines()
        said = (self.try_("podman", "logs", "--tail", "20", name.split()[0]) for name in names)
        return "\n".join([*names, *(one.stdout + one.stderr for one in said)])

    def until(self, happens: Callable[[], bool], what: str) -> None:
        """Wait for it."""
        until = time.monotonic() + WAIT_S
        while not happens():
            assert time.monotonic() < until, f"{what} did not happen\n{self.logs()}"
            time.sleep(1)

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


DRIVER = os.environ.get("CEKALWATCH_TEST_STORAGE_DRIVER", "overlay")


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """A storage with nothing in it; skips where containers cannot run."""
    if missing := [name for name in (*PROGRAMS, *LIBRARIES) if not shutil.which(name)]:
        pytest.skip(f"containers cannot run here: {', '.join(missing)} is missing")
    made = Containers(tmp_path_factory.mktemp("containers"))
    if refused := why_not(made):
        pytest.skip(f"containers cannot run here: {refused}")
    ended = Event()
    asking = Thread(target=ask_for_health, args=(made, ended))
    asking.start()
    try:
        yield made
    finally:
        ended.set()
        asking.join()
        made.try_("podman", "rm", "--all", "--force", "--time", "1")
        for kind in ("network", "volume"):
            made.try_("podman", kind, "prune", "--force")
        made.try_("podman", "rmi", "--all", "--force")


def why_not(containers: Containers) -> str:
    """Return why no container with a network can run; empty when one can."""
    (root := containers.folder / "least").mkdir()
    (root / "least").write_text("#!/no/such/interpreter\n")
    (root / "least").chmod(0o755)
    done = containers.try_("podman", "run", "--rm", "--network", "bridge", "--rootfs", root, "/least")
    # It comes as far as the program, which cannot be started.
    return "" if "exec /least" in done.stderr else done.stderr.strip()


def ask_for_health(containers: Containers, ended: Event) -> None:
    """Do what systemd does where podman has it: have the health of each container looked at again and again."""
    while not ended.wait(3):
        for name in containers.try_("podman", "ps", "--format", "{{.Names}}").stdout.split():
            containers.try_("podman", "healthcheck", "run", name)


@pytest.fixture(scope="module")
def images(containers: Containers, package: Callable[[str], Path]) -> Containers:
    """The storage with the three images: our own comes from its file, as the page says."""
    file = make_image([package(name) for name in PACKAGES], containers.folder / "image", f"{IMAGE}:{VERSION}", 0)
    containers.run("podman", "load", "--input", file)
    for one in (POSTGRES, PROMETHEUS):
        one.make(containers.folder / one.service, containers.run)
    return containers


def test_server_postgresql_and_prometheus_by_the_page(images: Containers) -> None:
    lines = commands("With PostgreSQL and Prometheus")
    secrets = [line for line in lines if "podman" not in line and not line.startswith("database_url")]
    assert secrets[0].startswith("mkdir")
    images.types("\n".join(secrets))
    answers = images.site / "secrets/answers.toml"
    answers.write_text(ANSWERS)
    shutil.chown(answers, 10001)
    answers.chmod(0o600)
    typed = [line for line in lines if line.startswith(("podman compose", "until podman compose"))][:5]
    told = {line: images.types(line) for line in typed}
    (made,) = (said for line, said in told.items() if " init " in line)
    assert "First password of sari, shown only here:" in made
    images.until(images.serving, "serving")
    assert not re.search(r"^FAIL", images.types(typed[-1]), re.MULTILINE)
    images.within("server", "cekalwatch-server", "people", "add", "budi", "--display-name", "Budi", "--role", "officer")
    images.until(lambda: images.scraped() >= 2, "scraping")
    database = "SELECT count(*) FROM person"
    ask = ("psql", "--username=cekalwatch", "--dbname=cekalwatch", "--tuples-only", "--no-align", "--command", database)
    assert images.within("postgres", *ask).strip() == "2"

    before = images.scraped()
    for line in commands("Stopping and starting"):
        images.types(line)
    images.until(images.serving, "serving again")
    assert "budi" in images.within("server", "cekalwatch-server", "people", "list")
    assert "is whole" in images.within("server", "cekalwatch-server", "audit", "verify")
    images.until(lambda: images.scraped() > before, "scraping again, with what was scraped before")
