"""What of `requirements.lock` a machine needs: names, versions and hashes for one system and one Python."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from deploy.packages.machines import Machine
from deploy.release.wheel import ReleaseError

UV = Path(sys.executable).parent / "uv"
PYTHON = "3.13"
"""Debian 13's, for which the packages and the bundle are made."""
_LINE = re.compile(r"^([a-z0-9][a-z0-9._-]*==[^\s;\\]+)", re.MULTILINE)


class System(StrEnum):
    """Where wheels are installed, as uv names it."""

    LINUX = "x86_64-manylinux_2_40"
    """Debian 13 has glibc 2.41."""
    WINDOWS = "x86_64-pc-windows-msvc"


def write_machine_lock(root: Path, machine: Machine, system: System, out: Path) -> None:
    """Write to `out` what the machine needs of the lock in `root`. Raises ReleaseError when the lock has not all of it.

    The registries are asked what the locked versions need on that system; hashes are compared with those of the lock.
    """
    command = [str(UV), "pip", "compile", "--quiet", "--python-version", PYTHON, "--python-platform", system]
    command += [part for extra in machine.extras for part in ("--extra", extra)]
    command += ["--constraint", "requirements.lock", "--generate-hashes", "--only-binary", ":all:"]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    done = subprocess.run(
        [*command, "-o", str(out.absolute()), "pyproject.toml"], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ReleaseError(f"What {machine.package} needs on {system.name.lower()} is not known:\n{done.stderr}")
    locked = dict(lock_entries((root / "requirements.lock").read_text()))
    for name, hashes in lock_entries(out.read_text()):
        if not hashes or not hashes <= locked.get(name, frozenset()):
            raise ReleaseError(f"{name}, which {machine.package} needs, is not in requirements.lock with these hashes")


def lock_entries(lock: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield NAME==VERSION of each package with its hashes."""
    for entry in re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE):
        if found := _LINE.match(entry):
            yield found[1], frozenset(re.findall(r"--hash=(\S+)", entry))
