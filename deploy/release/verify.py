"""Builds a received release again from the sources, and says in plain words what is the same and what is not.

    python -m deploy.release.verify FOLDER

FOLDER has what was received: a release, Debian packages, an offline bundle. The commit of the release is checked out
here, and `make setup` has installed the tools of its lock, because they decide about the bytes too. The signature is
not checked: docs/releases.md has the two commands for that.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from cekalwatch.program.errors import ProgramError
from deploy.demo.stack import install_standard
from deploy.packages.__main__ import MODELS, PACK, build_packages, time_of
from deploy.packages.machines import MACHINES
from deploy.release.__main__ import SUMS, export
from deploy.release.differences import differences
from deploy.release.history import git
from deploy.release.sbom import ROOT, write_sbom
from deploy.release.wheel import ReleaseError, build_distributions, sha256

ATTESTATION = ".attestation.json"
LISTS = (SUMS, f"{SUMS}.minisig", "Packages", "Release", "CODENAME")


class Verdict(Enum):
    """How a received file compares; the heading under which it is shown."""

    DIFFERENT = "DIFFERENT from what this commit gives"
    SAME = "the same, byte for byte, as what this commit gives"
    LOCKED = "from other makers, with the hash that requirements.lock names"
    NOT_BUILT = "not built here"


@dataclass(frozen=True)
class Finding:
    """What is known of one received file."""

    name: str
    """Below the folder that was received."""
    verdict: Verdict
    details: tuple[str, ...] = ()


def verify(root: Path, folder: Path, level: int = 12) -> list[Finding]:
    """Build what is in `folder` again from the commit of `root`; `level` is the one of zstd in the Debian packages.

    Raises ReleaseError when that is not possible.
    """
    if git(root, "status", "--porcelain"):
        raise ReleaseError("There are changes that are not committed: a release is built from a commit alone")
    received = sorted(path for path in folder.rglob("*") if path.is_file())
    for attestation in (file for file in received if file.name.endswith(ATTESTATION)):
        _require_commit(attestation, git(root, "rev-parse", "HEAD"))
    with tempfile.TemporaryDirectory() as scratch:
        source, new = Path(scratch) / "source", Path(scratch) / "built"
        export(root, source)
        built = _build(root, source, new, received, level)
        known = {sha256(file) for place in (source, root / "build" / "models" / PACK) for file in _files(place)}
        lock = (source / "requirements.lock").read_text(encoding="utf-8")
        return [
            Finding(file.relative_to(folder).as_posix(), *_judge(file, built, known, lock))
            for file in received
            if file.name not in LISTS and file.suffix != ".pub"
        ]


def _require_commit(attestation: Path, head: str) -> None:
    commit = json.loads(attestation.read_text(encoding="utf-8"))["predicate"]["buildDefinition"]["externalParameters"][
        "commit"
    ]
    if commit != head:
        raise ReleaseError(f"The release is of the commit {commit}, and this is {head}: git checkout {commit}")


def _build(root: Path, source: Path, out: Path, received: Sequence[Path], level: int) -> Mapping[str, Path]:
    """Return what was built again of the received files, by name."""
    made_at = time_of(root)
    ours = [file for file in received if file.name.startswith("cekalwatch")]
    built: list[Path] = []
    if any(file.suffix == ".whl" for file in ours):
        built += build_distributions(source, out, int(made_at.timestamp())).values()
    for bill in (file for file in received if file.name.endswith("sbom.json")):
        write_sbom(source, out / bill.name)
        built.append(out / bill.name)
    packages = {file.name.partition("_")[0] for file in ours if file.suffix == ".deb"}
    if packages:
        machines = [one for one in MACHINES if one.package in packages]
        models = root / "build" / "models" if MODELS in packages else None
        if models:
            install_standard(models, root / "build" / "logs")
        built += build_packages(source, out / "packages", machines, models, level, made_at)
    return {file.name: file for file in built}


def _judge(file: Path, built: Mapping[str, Path], known: set[str], lock: str) -> tuple[Verdict, tuple[str, ...]]:
    digest = sha256(file)
    if again := built.get(file.name):
        details = tuple(differences(file, again))
        return (Verdict.DIFFERENT if details else Verdict.SAME), details
    if file.name.endswith(ATTESTATION):
        wrong = tuple(_wrong_subjects(file))
        return (Verdict.DIFFERENT if wrong else Verdict.SAME), wrong
    if digest in known:
        return Verdict.SAME, ()
    if f"sha256:{digest}" in lock:
        return Verdict.LOCKED, ()
    return Verdict.NOT_BUILT, ()


def _wrong_subjects(attestation: Path) -> Iterator[str]:
    """Yield the files whose hash in the attestation is not the one of the file beside it."""
    for one in json.loads(attestation.read_text(encoding="utf-8"))["subject"]:
        file = attestation.with_name(one["name"])
        if not file.is_file() or sha256(file) != one["digest"]["sha256"]:
            yield f"it names another hash than that of {one['name']}"


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def report(findings: Sequence[Finding], commit: str) -> str:
    """Return the findings in words, the different ones first."""
    lines = [f"Built again from the commit {commit}:"]
    for verdict in Verdict:
        found = [one for one in findings if one.verdict is verdict]
        if found:
            lines += ["", f"{len(found)} {'file' if len(found) == 1 else 'files'} {verdict.value}:"]
        for one in found:
            lines += [f"  {one.name}", *(f"    {detail}" for detail in one.details)]
    lines += [
        "",
        "The release is what this commit gives." if passed(findings) else "The release is NOT what this commit gives.",
    ]
    if any(one.verdict is Verdict.NOT_BUILT for one in findings):
        lines.append("Of the files that are not built here, only the signature says who made them.")
    return "\n".join(lines) + "\n"


def passed(findings: Sequence[Finding]) -> bool:
    """Whether something was built again, and nothing differs."""
    verdicts = {one.verdict for one in findings}
    return Verdict.SAME in verdicts and Verdict.DIFFERENT not in verdicts


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it: exit code 0 when nothing differs, 1 when something does, 2 when nothing could be compared."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release.verify")
    parser.add_argument("folder", type=Path, help="What was received.")
    folder = parser.parse_args(arguments).folder
    try:
        findings = verify(ROOT, folder)
    except (ReleaseError, ProgramError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(report(findings, git(ROOT, "rev-parse", "HEAD")))
    return 0 if passed(findings) else 1


if __name__ == "__main__":
    sys.exit(main())
