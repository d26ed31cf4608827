"""Containers of a test on a machine of their own: processes, mounts and network that nobody else has.

A guard ends with all of them as soon as the test's process has ended, however that came about, and removes their
folder. Nothing else is asked of this machine than what clean machines need: root, mount and network namespaces.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.repository import ROOT

WAIT_S = 240.0
MAX_BUILD_S = 1200.0
DRIVER = os.environ.get("CEKALWATCH_TEST_STORAGE_DRIVER", "overlay")
# It reads until nobody has its input open any more. As the first of its processes it can end all others.
_GUARD = """
mount --bind "$1" "$1" && mount --bind "$1/tmp" /var/tmp && mount -t tmpfs -o mode=755 tmpfs /run || exit
ip link set lo up || exit
echo ready
exec > /dev/null 2>&1
cat
kill -KILL -1
pods=$(podman pod ps --quiet --no-trunc < /dev/null)
podman rm --all --force --time 0 < /dev/null
podman pod rm --all --force < /dev/null
for pod in $pods; do rmdir /sys/fs/cgroup/*/libpod_parent/"$pod"; done  # podman forgets two of them
umount --recursive --lazy /var/tmp "$1"
rm -rf --one-file-system "$1"
"""


class ContainersRefusedError(Exception):
    """Containers cannot run here; the message says why."""


class Containers:
    """Containers in a storage of this test's own, below `folder`."""

    def __init__(self, folder: Path, environment: Mapping[str, str], namespaces: Sequence[str], network: str) -> None:
        self.folder = folder
        self._environment = environment
        self._namespaces = namespaces
        self._network = network

    def _done(
        self, command: Sequence[str | Path], cwd: Path, namespaces: Sequence[str], wait_s: float
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["nsenter", *namespaces, f"--wdns={cwd}", *command],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=wait_s,
            stdin=subprocess.DEVNULL,
        )

    def try_(self, *command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command where the containers are, in `folder` or in `cwd`."""
        return self._done(command, cwd or self.folder, [*self._namespaces, self._network], WAIT_S * 2)

    def run(self, *command: str | Path, cwd: Path | None = None) -> str:
        """Run a command that must end well, and return what it printed."""
        return _well(self.try_(*command, cwd=cwd))

    def build(self, *command: str | Path, cwd: Path) -> None:
        """Run a command that must end well among their processes and mounts, but with this machine's network."""
        _well(self._done(command, cwd, self._namespaces, MAX_BUILD_S))

    def load_server_image(self) -> None:
        """Make our image by `make image`, and load its archive as its page says."""
        packages, out = os.environ["CEKALWATCH_PACKAGES"], self.folder / "image"
        given = ("--packages", packages, "--out", str(out), "--only", "cekalwatch-server")
        self.build(sys.executable, "-m", "deploy.container", *given, cwd=ROOT)
        self.run("podman", "load", "--input", out / f"cekalwatch-server-{version('cekalwatch')}.tar")

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
            time.sleep(2)

    def least(self, *options: str) -> list[str | Path]:
        """Return how a command begins that runs a program of this machine's own in a container without an image."""
        usual = ("--rm", "--network", "bridge", "--volume", "/usr:/usr:ro")
        return ["podman", "run", *usual, *options, "--rootfs", self.folder / "least"]


def _well(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, f"{' '.join(map(str, done.args))}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def own_containers(folder: Path, **variables: str) -> Iterator[Containers]:
    """Give containers in `folder`, which is made, and gone afterwards; commands there have `variables`.

    Raises ContainersRefusedError.
    """
    environment = os.environ | _settings(folder) | variables
    names = ("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc")
    with subprocess.Popen(
        [*names, "sh", "-c", _GUARD, "-", folder],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # what interrupts the test does not interrupt it
    ) as guard:
        assert guard.stdout
        if (said := guard.stdout.readline()) != "ready\n":
            raise ContainersRefusedError(said.strip())
        of = f"/proc/{guard.pid}/ns"
        inside = (f"--mount={of}/mnt", f"--pid={of}/pid_for_children")
        made = Containers(folder, environment, inside, f"--net={of}/net")
        done = made.try_(*made.least(), "/usr/bin/true")
        if done.returncode:
            raise ContainersRefusedError(done.stderr.strip())
        yield made


@contextmanager
def containers_or_skip(folder: Path, *programs: str, **variables: str) -> Iterator[Containers]:
    """Give containers as `own_containers` does; skip where one of `programs` is missing, or they cannot run."""
    if missing := [name for name in programs if not shutil.which(name)]:
        pytest.skip(f"containers cannot run here: {', '.join(missing)} is missing")
    try:
        with own_containers(folder, **variables) as made:
            yield made
    except ContainersRefusedError as refused:
        pytest.skip(f"containers cannot run here: {refused}")


def _settings(folder: Path) -> dict[str, str]:
    """Write podman's settings, and return the variables by which it finds them."""
    for name in ("tmp", "least/usr"):
        (folder / name).mkdir(parents=True)
    (folder / "tmp").chmod(0o1777)
    for name in ("bin", "lib", "lib64"):
        (folder / "least" / name).symlink_to(f"usr/{name}")
    storage = folder / "storage.conf"
    storage.write_text(f'[storage]\ndriver = "{DRIVER}"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n')
    engine = folder / "containers.conf"
    engine.write_text(
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        f'volume_path = "{folder}/volumes"\ncompose_warning_logs = false\n'
        f'[network]\nnetwork_config_dir = "{folder}/networks"\n'
    )
    return {
        "CONTAINERS_STORAGE_CONF": str(storage),
        "CONTAINERS_CONF_OVERRIDE": str(engine),
        "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        "TMPDIR": "/var/tmp",  # noqa: S108  # of their own mounts: `tmp` of the folder
    }
