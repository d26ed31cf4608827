"""The wheels of a machine in one folder, with a requirements file of their hashes, and the proof that all are there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deploy.packages.machines import MACHINES, Machine
from deploy.packages.wheels import PYTHON, UV, System, lock_entries, write_machine_lock
from deploy.release.wheel import DISTRIBUTION, EVALUATION, ReleaseError, sha256

MACHINES_WITH_WHEELS: tuple[Machine, ...] = (
    *MACHINES,
    Machine(EVALUATION, ("evaluation", "postgres"), "cekalwatch.server.cli.app:app"),
)
"""What other Linux systems than Debian can be, by the wheels of a bundle."""
_PLATFORMS = {
    System.LINUX: ("manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(17, 41))),
    System.WINDOWS: ("win_amd64",),
}
"""As pip names what their wheels may be for; 2.40 is the glibc of `System.LINUX`."""


def fetch_wheels(root: Path, machine: Machine, system: System, ours: Mapping[str, Path], folder: Path) -> Path:
    """Put our wheels and all else that the machine needs into `folder`/wheels, and return the requirements file.

    `ours` has them by distribution; a machine needs `cekalwatch`, and the one of its own name where there is one. The
    versions and hashes of the others are those of the lock in `root`. Raises ReleaseError when a wheel is missing or
    another one, and when what is in the folder is not enough for that system.
    """
    wheels = folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        lock = Path(scratch) / "lock"
        write_machine_lock(root, machine, system, lock)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        command += ["--require-hashes", "--requirement", str(lock), "--python-version", PYTHON, "--dest", str(wheels)]
        command += [part for platform in _PLATFORMS[system] for part in ("--platform", platform)]
        _run(command, f"The wheels of {machine.package} for {system.name.lower()} cannot be had")
        here = {f"sha256:{sha256(file)}" for file in wheels.glob("*.whl")}
        lines = [
            f"{name} --hash={' --hash='.join(sorted(hashes & here))}" for name, hashes in lock_entries(lock.read_text())
        ]
    for requirement, distribution in ((machine.requirement, DISTRIBUTION), (machine.package, machine.package)):
        if wheel := ours.get(distribution):
            shutil.copy(wheel, wheels)
            lines.append(f"{requirement}=={wheel.name.split('-')[1]} --hash=sha256:{sha256(wheel)}")
    requirements = folder / f"requirements-{machine.package.removeprefix('cekalwatch-')}.txt"
    requirements.write_text("\n".join(lines) + "\n", encoding="utf-8")
    prove_complete(requirements, system)
    return requirements


def prove_complete(requirements: Path, system: System) -> None:
    """Install a requirements file from the wheels beside it alone, for that system. Raises ReleaseError.

    Not as a dry run, which compares no hashes. What packages need on some systems only uv judges for that system; pip
    would judge it for this one.
    """
    with tempfile.TemporaryDirectory() as empty:
        install_wheels(requirements, system, Path(empty))


def install_wheels(requirements: Path, system: System, folder: Path) -> None:
    """Install what a requirements file lists, for `system`, into `folder`, only from the wheels beside it.

    Every wheel is compared with its hash. Raises ReleaseError.
    """
    command = [str(UV), "pip", "install", "--quiet", "--no-config", "--offline", "--no-index"]
    command += ["--no-cache", "--find-links", str(requirements.parent / "wheels"), "--only-binary", ":all:"]
    command += ["--python-version", PYTHON, "--python-platform", system, "--target", str(folder)]
    command += ["--require-hashes", "--requirement", str(requirements)]
    _run(command, f"{requirements.name} cannot be installed from its wheels", without_settings())


def without_settings() -> dict[str, str]:
    """Return the environment without what tells pip and uv where else to look."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    return kept | {"PIP_CONFIG_FILE": os.devnull}


def _run(command: list[str], otherwise: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{otherwise}:\n{done.stdout}{done.stderr}")
