"""Prepares the commit of a release: its version, its date, and the migrations that are not edited any more.

    python -m deploy.release.cut 0.2.0

It changes six files and commits nothing; docs/releases.md says what comes next.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from deploy.release.frozen import CHANGELOG, RECORD, dated_versions, record
from deploy.release.history import git
from deploy.release.sbom import ROOT
from deploy.release.wheel import ReleaseError

PROJECT = "pyproject.toml"
OTHERS = (
    "evaluation/pyproject.toml",
    "extensions/cekalwatch/client/pyproject.toml",
    "deploy/helm/cekalwatch/Chart.yaml",
)
"""The distributions, and the chart, that always have the version of the first."""
UNRELEASED = "## [Unreleased]\n"
_FORM = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)
_VERSION = re.compile(
    r'(?<=^version = ")[^"\n]+(?="$)|(?<=^dependencies = \["cekalwatch\[evaluation\]==)[^"\n]+'
    r"|(?<=^version: )\S+$|(?<=^appVersion: )\S+$",
    re.MULTILINE,
)


def cut(root: Path, version: str, day: date) -> None:
    """Make the tree of the repository `root` that of the release `version`.

    Raises ReleaseError, and changes nothing then: when there are changes, when the version is none or not newer than
    the last one, when CHANGELOG.md tells nothing of it, or when a migration that was released is another one.
    """
    if git(root, "status", "--porcelain"):
        raise ReleaseError("There are changes that are not committed: the commit of a release has nothing else in it")
    if not _FORM.fullmatch(version):
        raise ReleaseError(f"{version} is no version: three numbers with dots, as 0.2.0")
    if released := [one for one in dated_versions(root) if _numbers(one) >= _numbers(version)]:
        raise ReleaseError(f"{version} is not newer than {released[0]}, which was released")
    changelog = root / CHANGELOG
    told = changelog.read_text(encoding="utf-8")
    news = told.partition(UNRELEASED)[2].partition("\n## [")[0]
    if not news.strip():
        raise ReleaseError(f"{CHANGELOG} has nothing below {UNRELEASED.strip()}: a release says what is new")
    record(root)
    changelog.write_text(told.replace(UNRELEASED, f"{UNRELEASED}\n## [{version}] - {day}\n", 1), encoding="utf-8")
    for project in (PROJECT, *OTHERS):
        set_version(root / project, version)


def set_version(project: Path, version: str) -> None:
    """Write the version of a distribution, which all else takes from there."""
    project.write_text(_VERSION.sub(version, project.read_text(encoding="utf-8")), encoding="utf-8")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, and say what to do next, or in one sentence why nothing was changed."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release.cut")
    parser.add_argument("version", help="Three numbers, as 0.2.0.")
    version = parser.parse_args(arguments).version
    try:
        cut(ROOT, version, datetime.now(UTC).date())
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    changed = ", ".join((PROJECT, *OTHERS))
    sys.stdout.write(
        f"{changed}, {CHANGELOG} and {RECORD} are those of {version}. Look at them (git diff), then:\n"
        f"  git add --all && git commit -m 'Release {version}'\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
