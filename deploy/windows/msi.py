"""Makes an installer of a tree of files: with wixl, twice in different places, and the same bytes both times."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

from deploy.release.wheel import ReleaseError, sha256
from deploy.windows.native import compiled
from deploy.windows.product import REGISTRY_KEY, Product
from deploy.windows.source import GIVEN, Build, write_source
from deploy.windows.tree import command_file

_PASS_ON = (
    f"UPDATE `Property` SET `Value`='{';'.join(GIVEN)};WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED' "  # noqa: S608  # a constant
    "WHERE `Property`='SecureCustomProperties'"
)
_SUMMARY = "_SummaryInformation"
_PACKAGE_CODE, _TIMES = 9, (12, 13)
"""Properties of an installer's summary: [MS-OLEPS] and Windows Installer's Summary Property Descriptions."""


def make_reproducibly(product: Product, version: str, tree: Path, made_at: datetime, out: Path) -> Path:
    """Make the installer of `tree` in the folder `out` as `make_installer` does, twice, and return it.

    Raises ReleaseError when the two differ, or are larger than the product may be.
    """
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "another place" / "tree"
        shutil.copytree(tree, copy)
        made = [make_installer(product, version, one, made_at, Path(scratch) / one.parent.name) for one in (tree, copy)]
        if len({sha256(installer) for installer in made}) > 1:
            raise ReleaseError(f"Two installers of {product.title} {version} differ")
        if (size := made[0].stat().st_size / 1e6) > product.max_mb:
            raise ReleaseError(f"The installer of {product.title} has {size:.0f} MB, and may have {product.max_mb}")
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(made[0], out))


def make_installer(product: Product, version: str, tree: Path, made_at: datetime, out: Path) -> Path:
    """Make the installer of `tree` in the folder `out`, and return it; it is not signed. Raises ReleaseError.

    `version` are three numbers. `made_at`, in UTC, is the time of what is in it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        made = _make(product, version, tree, made_at, Path(scratch))
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(made, out))


def _make(product: Product, version: str, tree: Path, made_at: datetime, place: Path) -> Path:
    command = place / f"{product.machine.package}.cmd"
    command.write_text(command_file(product.machine, REGISTRY_KEY), encoding="ascii", newline="")
    os.utime(command, (made_at.timestamp(), made_at.timestamp()))
    build = Build(product, version, tree, _contents(tree))
    actions = compiled("actions.c", place / "actions.dll", "-shared", "-lmsi")
    os.utime(actions, (made_at.timestamp(), made_at.timestamp()))
    write_source(build, command, actions, place / "source.wxs")
    installer = place / f"{product.machine.package}-{version}.msi"
    _run("wixl", "--arch", "x64", "--output", installer.name, "source.wxs", cwd=place)
    # wixl passes on to the elevated part only what it defined itself.
    _run("msibuild", installer.name, "-q", _PASS_ON, cwd=place)
    # wixl takes its own time and a number by chance for them.
    lines = _run("msiinfo", "export", installer.name, _SUMMARY, cwd=place).splitlines()
    (place / f"{_SUMMARY}.idt").write_text(
        "".join(f"{_settled(line, build.code('package'), made_at)}\r\n" for line in lines), newline=""
    )
    _run("msibuild", installer.name, "-i", f"{_SUMMARY}.idt", cwd=place)
    return installer


def _contents(tree: Path) -> str:
    """Return a hash of what an installer brings, and of the code that makes it."""
    lines = (
        f"{path.relative_to(folder).as_posix()} {sha256(path)}"
        for folder in (tree, Path(__file__).parent)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _settled(line: str, package_code: str, made_at: datetime) -> str:
    """Return a line of the summary with the number of the package and the time that it is to have."""
    number = line.partition("\t")[0]
    if number == str(_PACKAGE_CODE):
        return f"{number}\t{{{package_code}}}"
    if number in map(str, _TIMES):
        return f"{number}\t{made_at:%Y/%m/%d %H:%M:%S}"
    return line


def _run(*command: str | Path, cwd: Path) -> str:
    environment = {**os.environ, "TZ": "UTC"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
