"""The last release, or another version of the programs, built from this repository into an environment of its own.

All other packages are those of the environment that runs the tests, so that no network is needed: a version that needs
others skips the test. Commits that are not in this clone do so as well.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.parser import Parser
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from deploy.release.cut import set_version
from deploy.release.frozen import MIGRATIONS
from deploy.release.history import git, last_release
from deploy.release.wheel import FIRST, ReleaseError, build
from tests.support.repository import ROOT

RELEASE_VARIABLE = "CEKALWATCH_TEST_RELEASE"
"""Names another commit or tag than the last release."""
EXTRAS = ("", "server", "postgres", "camera", "notifier", "console")
WAIT_S = 240.0
ENVIRONMENT = "environment"
_SCRIPTS = Path("web_console/cekalwatch/console/static/vendor")
_STATED = re.compile(r"^Version: .*$", re.MULTILINE)


@dataclass(frozen=True)
class OtherVersion:
    """Programs of another version, installed."""

    commit: str
    folder: Path

    @property
    def python(self) -> Path:
        """The interpreter that finds that version: `python -m cekalwatch.server …` runs it."""
        return self._scripts / "python"

    def program(self, name: str) -> Path:
        """Return the program `cekalwatch-NAME`."""
        return self._scripts / f"cekalwatch-{name}"

    @property
    def packages(self) -> Path:
        """Where it is installed; every file of other packages is shared with this environment."""
        return Path(sysconfig.get_path("purelib", "venv", {"base": str(self.folder)}))

    def copied(self, folder: Path) -> OtherVersion:
        """Return a copy of it in `folder`, whose files are shared: who changes one writes another in its place."""
        _share(self.folder, folder)
        return OtherVersion(self.commit, folder)

    def call_itself(self, version_name: str) -> None:
        """Let it say that it is that version."""
        (metadata,) = self.packages.glob("cekalwatch-*.dist-info/METADATA")
        text = _STATED.sub(f"Version: {version_name}", metadata.read_text(), count=1)
        metadata.unlink()
        metadata.write_text(text)

    @property
    def _scripts(self) -> Path:
        return Path(sysconfig.get_path("scripts", "venv", {"base": str(self.folder)}))

    def run(
        self, name: str, *arguments: str | Path, typed: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `cekalwatch-NAME` to its end, with these variables beside those of this process."""
        return subprocess.run(
            [self.program(name), *arguments],
            input=typed,
            cwd=self.folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=WAIT_S,
        )


def released_commit() -> str:
    """Return the commit of the last release, or what CEKALWATCH_TEST_RELEASE names.

    Before the first release it is the commit that gave the migrations their present form. Skips the test where this
    clone does not reach back to the release.
    """
    if chosen := os.environ.get(RELEASE_VARIABLE):
        return chosen
    try:
        return last_release(ROOT) or git(ROOT, "log", "-1", "--format=%H", "--", str(MIGRATIONS))
    except ReleaseError as error:
        pytest.skip(str(error))


def has_present_tables(commit: str) -> bool:
    """Whether its migrations are those of these sources, so that `upgrade` has nothing to change."""
    return subprocess.run(["git", "diff", "--quiet", commit, "--", MIGRATIONS], cwd=ROOT, check=False).returncode == 0


def kept_version(folder: Path, install: Callable[[Path], OtherVersion]) -> OtherVersion:
    """Return the version that `install` makes in `folder`, which another process of the tests may have made already."""
    folder.mkdir(exist_ok=True)
    made = folder / "commit"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            made.write_text(install(folder).commit)
    return OtherVersion(made.read_text(), folder / ENVIRONMENT)


def install_version(commit: str, folder: Path) -> OtherVersion:
    """Build the sources of a commit or tag, and install them in `folder`; takes some seconds."""
    _sources_of(commit, folder / "sources")
    return _install(commit, folder)


def install_as(version_name: str, folder: Path) -> OtherVersion:
    """Do the same with the present sources, which say that they are the version `version_name`."""
    sources = folder / "sources"
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).is_file():
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, sources / name)
    _take_scripts(sources)
    set_version(sources / "pyproject.toml", version_name)
    return _install("HEAD", folder)


def _install(commit: str, folder: Path) -> OtherVersion:
    wheel = build(folder / "sources", folder / "wheels", FIRST, int(git(ROOT, "log", "-1", "--format=%ct", commit)))
    if unmet := list(_unmet(wheel)):
        pytest.skip(f"{commit} needs other packages than are installed here: {', '.join(unmet)}")
    environment = folder / ENVIRONMENT
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    other = OtherVersion(commit, environment)
    # Confined programs may read what is below their environment, so that a path to the other one would not do.
    own = other.packages
    shutil.rmtree(own)
    _share(Path(sysconfig.get_path("purelib")), own)
    for present in (*own.glob("cekalwatch*"), *own.glob("_cekalwatch.pth")):
        shutil.rmtree(present) if present.is_dir() else present.unlink()
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(other.python)]
    subprocess.run([*command, "install", "--no-deps", "--no-index", str(wheel)], check=True)
    return other


def later_version(*, minor: int = 0, patch: int = 0) -> str:
    """Return the version that is so many minor versions, or patches of the same one, after that of these sources."""
    major, own_minor, own_patch = (int(part) for part in version("cekalwatch").split(".")[:3])
    return f"{major}.{own_minor + minor}.{patch if minor else own_patch + patch}"


def _sources_of(commit: str, folder: Path) -> None:
    known = ["git", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"]
    if subprocess.run(known, cwd=ROOT, check=False, capture_output=True).returncode:
        pytest.skip(f"the commit {commit} is not in this clone: git fetch --unshallow --tags")
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    _take_scripts(folder)


def _take_scripts(sources: Path) -> None:
    """Give the build the console's scripts, which it would fetch; it looks whether they are those that it wants."""
    if (ROOT / _SCRIPTS).is_dir():
        shutil.copytree(ROOT / _SCRIPTS, sources / _SCRIPTS, dirs_exist_ok=True)


def _share(folder: Path, copy: Path) -> None:
    """Make `copy` of a folder, whose files are the same ones; copies of them where it is on another disk."""
    done = subprocess.run(["cp", "--archive", "--link", folder, copy], check=False, capture_output=True)
    if done.returncode:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy, symlinks=True)


def _unmet(wheel: Path) -> Iterator[str]:
    """Yield what the programs of a wheel need and this environment has not."""
    with ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    for text in metadata.get_all("Requires-Dist", []):
        wanted = Requirement(text)
        needed = wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in EXTRAS)
        if not needed or wanted.name == "cekalwatch":
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            found = ""
        if not (found and wanted.specifier.contains(found, prereleases=True)):
            yield str(wanted)
