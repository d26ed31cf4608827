"""Clean Debian machines with our packages, once for all tests of this folder. `make packages-test` runs them."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.packaging.debian.clean_debian import CleanDebian

Packages = Callable[[str], Path]


@pytest.fixture(scope="session")
def package() -> Packages:
    """Finds a built package by its name."""
    folder = Path(os.environ["CEKALWATCH_PACKAGES"])

    def find(name: str) -> Path:
        (found,) = folder.glob(f"{name}_*.deb")
        return found

    return find


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minimal Debian of this machine's release: what is essential, and apt."""
    made = tmp_path_factory.mktemp("debian") / "debian.tar"
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    done = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=apt", release, made], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="session")
def machine(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], CleanDebian]]:
    """Makes a clean machine, which is gone after the tests: each takes more than a gigabyte."""
    made = []

    def make(name: str) -> CleanDebian:
        made.append(CleanDebian.unpacked(archive, tmp_path_factory.mktemp(name) / "root"))
        return made[-1]

    yield make
    for one in made:
        subprocess.run(["rm", "-rf", "--one-file-system", one.root], check=True)


@pytest.fixture(scope="session")
def server(machine: Callable[[str], CleanDebian], package: Packages) -> CleanDebian:
    """A machine with the server and the model pack, as a technician has installed them."""
    made = machine("server")
    made.install(package("cekalwatch-server"), package("cekalwatch-models"))
    made.works("apt-get", "install", "-q", "-y", "--no-install-recommends", "systemd", "sudo")
    return made


@pytest.fixture(scope="session")
def capture_host(machine: Callable[[str], CleanDebian], package: Packages) -> CleanDebian:
    """A machine with the camera client and the model pack."""
    made = machine("capture-host")
    made.install(package("cekalwatch-camera"), package("cekalwatch-models"))
    made.works("apt-get", "install", "-q", "-y", "--no-install-recommends", "systemd", "sudo")
    return made


@pytest.fixture(scope="session")
def console_host(machine: Callable[[str], CleanDebian], package: Packages) -> CleanDebian:
    """A machine with the web console."""
    made = machine("console-host")
    made.install(package("cekalwatch-console"))
    made.works("apt-get", "install", "-q", "-y", "--no-install-recommends", "systemd", "sudo")
    return made


@pytest.fixture(scope="session")
def gateway_host(machine: Callable[[str], CleanDebian], package: Packages) -> CleanDebian:
    """A machine with the gateway."""
    made = machine("gateway-host")
    made.install(package("cekalwatch-gateway"))
    made.works("apt-get", "install", "-q", "-y", "--no-install-recommends", "systemd", "sudo")
    return made


@pytest.fixture(scope="session")
def officers_pc(machine: Callable[[str], CleanDebian], package: Packages) -> CleanDebian:
    """A PC with the notifier, and an account of an officer."""
    made = machine("pc")
    made.install(package("cekalwatch-notifier"))
    made.works("apt-get", "install", "-q", "-y", "--no-install-recommends", "passwd", "sudo")
    made.works("useradd", "--create-home", "officer")
    return made
