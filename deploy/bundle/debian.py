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
KEY = "archive-key.asc"
"""The public key with which apt checks the index."""
RELEASE = "CODENAME"
"""File with the code name of the Debian that the packages are for."""


def make_repository(packages: Sequence[Path], folder: Path, made_at: datetime, key: Path | None = None) -> None:
    """Put `packages`, all of Debian's that they depend on, their index and the installer into `folder`.

    The packages of Debian are those of this machine's release and sources, with the signatures that apt checks. Nothing
    is taken as installed: what is in the folder is enough for any machine of that release. `made_at`, in UTC, is the
    date of the index, which `key` signs. Raises ReleaseError.
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
    write_index(folder, made_at, key)
    (folder / RELEASE).write_text(platform.freedesktop_os_release()["VERSION_CODENAME"] + "\n", encoding="utf-8")
    shutil.copy(INSTALLER, folder)


def write_index(folder: Path, made_at: datetime, key: Path | None = None) -> None:
    """Write the index of the packages in `folder`, signed with the secret OpenPGP key `key`.

    Without one, a key is made that nobody keeps: this index is all that it ever signs. Raises ReleaseError.
    """
    index = folder / "Packages"
    index.write_text(_run("dpkg-scanpackages", "--multiversion", "--hash", "sha256", ".", cwd=folder), encoding="utf-8")
    # With it, apt looks for the index in this form only, and compares its hash.
    described = (
        f"Date: {made_at:%a, %d %b %Y %H:%M:%S UTC}\nSHA256:\n {sha256(index)} {index.stat().st_size} Packages\n"
    )
    with tempfile.TemporaryDirectory() as home:
        gpg = ("gpg", "--homedir", home, "--batch", "--yes", "--faked-system-time", f"{made_at:%Y%m%dT%H%M%S}")
        if key:
            _run(*gpg, "--import", str(key.resolve()))
        else:
            options = ("--passphrase", "", "--quick-generate-key")
            _run(*gpg, *options, "cekalwatch-bundle", "ed25519", "sign", "never")
        (release := Path(home, "Release")).write_text(described, encoding="utf-8")
        _run(*gpg, "--output", str(folder / "InRelease"), "--clearsign", str(release))
        _run(*gpg, "--armor", "--output", str(folder / KEY), "--export")
        _run("gpgconf", "--homedir", home, "--kill", "all")


def _link(file: Path, target: Path) -> None:
    """Copy a large file, without its bytes where both are on one disk."""
    try:
        target.hardlink_to(file)
    except OSError:
        shutil.copy(file, target)


def _run(*command: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ReleaseError(f"{command[0]} cannot be started: {error.strerror}") from None
    if done.returncode:
        raise ReleaseError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
