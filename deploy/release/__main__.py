"""Makes a release from the commit that is checked out, and signs it.

    python -m deploy.release --key ~/.minisign/cekalwatch.key --out dist

In the end `dist` has the wheels, the lock, the bill of materials, the attestation, and SHA256SUMS of all of them with
its signature. Nothing is made when a change is not committed, the commit is not the one that gave the version its date
in CHANGELOG.md, a migration that was released is another one, two builds differ, a vulnerability is known, or the list
of vulnerabilities cannot be read.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from deploy.release.attestation import Origin, statement
from deploy.release.frozen import CHANGELOG, dated_versions, problems, version_of
from deploy.release.history import git, release_commit
from deploy.release.sbom import ROOT, write_sbom
from deploy.release.wheel import DISTRIBUTION, ReleaseError, build_distributions, sha256

AUDIT = (sys.executable, ".ci/audit.py", "--required")
SUMS = "SHA256SUMS"


def release(root: Path, out: Path, key: Path, audit: Sequence[str] = AUDIT) -> None:
    """Make a release of the repository `root` in the new folder `out`; raises ReleaseError, and leaves nothing then."""
    if out.exists():
        raise ReleaseError(f"{out} is there already: a release has a folder of its own")
    if not key.is_file():
        raise ReleaseError(f"There is no secret key of minisign in {key}")
    if git(root, "status", "--porcelain"):
        raise ReleaseError("There are changes that are not committed: a release is a commit's")
    if (version := version_of(root)) not in dated_versions(root):
        raise ReleaseError(f"{CHANGELOG} has no part with a date for {version}: python -m deploy.release.cut {version}")
    commit = git(root, "rev-parse", "HEAD")
    if (dated := release_commit(root, version)) != commit:
        raise ReleaseError(f"{version} was cut with the commit {dated}, and this is {commit}: git checkout {dated}")
    for problem in problems(root):
        raise ReleaseError(problem)
    if subprocess.run(audit, cwd=root, check=False).returncode:
        raise ReleaseError("A vulnerability is known, or the list of vulnerabilities cannot be read: no release")
    origin = Origin(commit, int(git(root, "log", "-1", "--format=%ct")), platform.python_version(), datetime.now(UTC))
    with tempfile.TemporaryDirectory() as scratch:
        source, draft = Path(scratch) / "source", Path(scratch) / "release"
        export(root, source)
        wheels = build_distributions(source, draft, origin.epoch)
        name = f"{DISTRIBUTION}-{version}"
        lock, sbom = draft / "requirements.lock", draft / f"{name}.sbom.json"
        shutil.copy(source / lock.name, lock)
        write_sbom(source, sbom)
        described = draft / f"{name}.attestation.json"
        made = (*wheels.values(), lock, sbom)
        described.write_text(json.dumps(statement(origin, made, lock), indent=2) + "\n")
        files = sorted((*made, described))
        (draft / SUMS).write_text("".join(f"{sha256(file)}  {file.name}\n" for file in files))
        sign(draft / SUMS, key, f"{name} commit {commit}")
        shutil.copytree(draft, out)


def sign(file: Path, key: Path, comment: str) -> None:
    """Sign `file` with minisign, which asks for the key's password itself. `comment` is signed too."""
    command = ("minisign", "-S", "-s", key, "-m", file, "-t", comment)
    if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:
        raise ReleaseError(f"minisign does not sign with {key}")


def export(root: Path, folder: Path) -> None:
    """Write the files of the commit that is checked out in `root` to `folder`."""
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=root, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, and say in one sentence why there is no release."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release")
    parser.add_argument("--key", type=Path, required=True, help="Secret key of minisign.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="A folder that is not there yet.")
    chosen = parser.parse_args(arguments)
    try:
        release(ROOT, chosen.out, chosen.key)
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"The release is in {chosen.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
