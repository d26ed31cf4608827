"""A package repository in a folder: our Debian packages and all that they depend on, for machines without a network."""

from __future__ import annotations

import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from deploy.release.wheel import ReleaseError, sha256

INSTALLER = Path(__file__).parent / "install.sh"
BESIDE = ("sudo", "minisign", "postgresql")
"""What the guides use beside our packages, and a fresh Debian may lack."""
RELEASE = "CODENAME"
"""File with the code name of the Debian that the packages are for."""


def make_repository(packages: Sequence[Path], folder: Path, made_at: datetime) -> None:
    """Put `packages`, all of Debian's that they depend on, their index and the installer into `folder`.

    The packages of Debian are those of this machine's release and sources, with the signatures that apt checks. Nothing
    is taken as installed: what is in the folder is enough for any machine of that release. `made_at`, in UTC, is the
    date of the index. Raises ReleaseError.
    """
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        state = Path(scratch)
        archives = state / "archives"
        for needed in (state / "lists" / "partial", archives / "partial"):
            needed.mkdir(parents=True)
        (state / "status").touch()
        settings = {
            "Dir::State": state,
            "Dir::State::lists": state / "lists",
            "Dir::State::status": state / "status",
            "Dir::Cache": state,
            "Dir::Cache::archives": archives,
            "Debug::NoLocking": "true",
            # Where root runs this, apt's own account may not write to our folder.
            "APT::Sandbox::User": "root",
        }
        apt = ["apt-get", "-q", *(part for name, value in settings.items() for part in ("-o", f"{name}={value}"))]
        _run(*apt, "update")
        chosen = [*(str(package.resolve()) for package in packages), *BESIDE]
        _run(*apt, "install", "--yes", "--no-install-recommends", "--download-only", *chosen)
        for archive in archives.glob("*.deb"):
            # A version's epoch is `%3a` in the names of apt; in an address it would have to be `%253a`.
            shutil.move(archive, folder / archive.name.replace("%3a", "."))
    for package in packages:
        _link(package, folder / package.name)
    index = _run("dpkg-scanpackages", "--multiversion", "--hash", "sha256", ".", cwd=folder)
    (folder / "Packages").write_text(index, encoding="utf-8")
    # With it, apt looks for the index in this form only, and compares its hash.
    described = f"Date: {made_at:%a, %d %b %Y %H:%M:%S UTC}\nSHA256:\n {sha256(folder / 'Packages')}"
    (folder / "Release").write_text(f"{described} {(folder / 'Packages').stat().st_size} Packages\n", encoding="utf-8")
    (folder / RELEASE).write_text(platform.freedesktop_os_release()["VERSION_CODENAME"] + "\n", encoding="utf-8")
    shutil.copy(INSTALLER, folder)


def _link(file: Path, target: Path) -> None:
    """Copy a large file, without its bytes where both are on one disk."""
    try:
        target.hardlink_to(file)
    except OSError:
        shutil.copy(file, target)


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
