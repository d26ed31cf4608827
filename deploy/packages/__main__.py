"""Makes the Debian packages of this commit or working tree.

    python -m deploy.packages --out build/packages [cekalwatch-server …]

They are for the Debian that they are built on. What the locked versions need is asked of the registries, unless the
caches of uv have it; every file is held against the hashes of requirements.lock.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from cekalwatch.notifier.desktop.autostart import DESKTOP_FILE, desktop_entry
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.settings import SHIPPED_PACKS
from deploy.demo.stack import install_standard
from deploy.packages.environment import build_environment
from deploy.packages.machines import MACHINES, Machine
from deploy.packages.manual import write_manual
from deploy.packages.wheels import System, write_machine_lock
from deploy.release.sbom import ROOT
from deploy.release.wheel import ReleaseError, build_reproducibly

MODELS = "cekalwatch-models"
PACK = "standard"
DEBIAN = Path(__file__).parent / "debian"
AGENT = ("cekalwatch-notifier", "desktop", "--restart")
SETTINGS = '/etc/cekalwatch/notifier.toml "$HOME/.config/cekalwatch/notifier.toml"'
AT_SIGN_IN = ("sh", "-c", f'for file in {SETTINGS}; do test -e "$file" && exec {" ".join(AGENT)}; done')
"""Accounts of a PC that is not set up, and do without settings, start nothing."""


def build_packages(
    root: Path,
    out: Path,
    machines: Sequence[Machine] = MACHINES,
    models: Path | None = None,
    level: int = 12,
    made_at: datetime | None = None,
) -> list[Path]:
    """Build the packages of the sources in `root` into `out`, and return them; `level` is zstd's, 1 to 22.

    With the folder of model packs `models`, that of the standard pack too. `made_at` is the time of all files, in UTC:
    the commit's, unless it is given. Raises ReleaseError.
    What earlier runs left in `out` is replaced.
    """
    names = [*(machine.package for machine in machines), *([MODELS] if models else [])]
    scratch = out / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for older in (file for name in names for file in out.glob(f"{name}_*.deb")):
        older.unlink()
    made_at = made_at or time_of(root)
    wheel = build_reproducibly(root, scratch, int(made_at.timestamp()))
    shutil.copytree(DEBIAN, scratch / "debian")
    (scratch / "debian" / "changelog").write_text(
        f"cekalwatch ({version('cekalwatch')}) unstable; urgency=medium\n\n  * See changelog.md.\n\n"
        f" -- Cekalwatch <cekalwatch@localhost>  {made_at:%a, %d %b %Y %H:%M:%S +0000}\n"
    )
    for machine in machines:
        tree = scratch / "tree" / machine.package
        lock = scratch / f"{machine.package}.lock"
        write_machine_lock(root, machine, System.LINUX, lock)
        build_environment(machine, lock, wheel, tree)
        write_manual(machine, version("cekalwatch"), made_at, tree)
        _write_documents(root, machine, lock, tree)
        if machine.package == AGENT[0]:
            _write_desktop_files(tree)
    if models:
        pack = scratch / "tree" / MODELS / SHIPPED_PACKS.relative_to("/") / PACK
        shutil.copytree(models / PACK, pack)
    _set_times(scratch, made_at)
    built = _to_packages(scratch, names, made_at, level)
    shutil.rmtree(scratch)
    return built


def time_of(root: Path) -> datetime:
    """Return the commit's time; where there is none, the present."""
    done = subprocess.run(
        ("git", "log", "-1", "--format=%ct"), cwd=root, capture_output=True, text=True, check=False
    )  # fmt: skip
    return datetime.fromtimestamp(int(done.stdout) if done.returncode == 0 else time.time(), UTC)


def _write_documents(root: Path, machine: Machine, lock: Path, tree: Path) -> None:
    folder = tree / "usr/share/doc" / machine.package
    folder.mkdir(parents=True)
    for page in (root / "docs").glob("*.md"):
        shutil.copy(page, folder)
    shutil.copytree(root / "docs" / "roles", folder / "roles")
    shutil.copy(root / "CHANGELOG.md", folder / "changelog.md")
    shutil.copy(lock, folder / "requirements.lock")


def _write_desktop_files(tree: Path) -> None:
    for folder, command in (("usr/share/applications", AGENT), ("etc/xdg/autostart", AT_SIGN_IN)):
        file = tree / folder / DESKTOP_FILE
        file.parent.mkdir(parents=True)
        file.write_text(desktop_entry(command), encoding="utf-8")


def _set_times(folder: Path, made_at: datetime) -> None:
    """Give all files one time: dpkg replaces later ones only, and a checkout may be older than its commit."""
    seconds = made_at.timestamp()
    for path in folder.rglob("*"):
        os.utime(path, (seconds, seconds), follow_symlinks=False)


def _to_packages(scratch: Path, names: Sequence[str], made_at: datetime, level: int) -> list[Path]:
    environment = {
        **os.environ,
        "DH_OPTIONS": " ".join(f"-p{name}" for name in names),
        "SOURCE_DATE_EPOCH": str(int(made_at.timestamp())),
        "LEVEL": str(level),
    }
    done = subprocess.run(
        ("fakeroot", "debian/rules", "binary"),
        cwd=scratch,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        umask=0o022,
    )
    if done.returncode:
        raise ReleaseError(f"debhelper failed:\n{done.stdout}{done.stderr}")
    # debhelper writes beside the sources.
    return [made for name in names for made in scratch.parent.glob(f"{name}_*.deb")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, and say in one sentence why there are no packages."""
    parser = argparse.ArgumentParser(prog="python -m deploy.packages")
    parser.add_argument(
        "packages", nargs="*", choices=[[], *(one.package for one in MACHINES), MODELS], help="All when not named."
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "packages")
    parser.add_argument("--level", type=int, default=12, help="Of zstd's compression, 1 to 22.")
    chosen = parser.parse_args(arguments)
    machines = [one for one in MACHINES if not chosen.packages or one.package in chosen.packages]
    models = ROOT / "build" / "models" if not chosen.packages or MODELS in chosen.packages else None
    try:
        if models:
            install_standard(models, ROOT / "build" / "logs")
        built = build_packages(ROOT, chosen.out, machines, models, chosen.level)
    except (ReleaseError, ProgramError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for package in built:
        sys.stdout.write(f"{package}  {package.stat().st_size / 1e6:.0f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
