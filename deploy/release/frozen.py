"""Migrations that were released are never edited again: their hashes are recorded here, and held by a test.

`deploy.release.cut` records those of the release that is about to be made. Before the first one nothing is recorded,
and the first migration is edited in place.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from deploy.release.wheel import ReleaseError, sha256

CHANGELOG = "CHANGELOG.md"
RECORD = Path("deploy/release/migrations.json")
MIGRATIONS = Path("server/cekalwatch/server/storage/migrations/versions")
_DATED = re.compile(r"^## \[(?P<version>\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", re.MULTILINE | re.ASCII)


def version_of(root: Path) -> str:
    """Return the version that a release of this tree has."""
    return str(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def dated_versions(root: Path) -> list[str]:
    """Return the versions to which CHANGELOG.md gives a date, the newest first."""
    file = root / CHANGELOG
    return dated_in(file.read_text(encoding="utf-8")) if file.exists() else []


def dated_in(changelog: str) -> list[str]:
    """Return the versions to which a text of CHANGELOG.md gives a date, the newest first."""
    return _DATED.findall(changelog)


def problems(root: Path) -> Iterator[str]:
    """Yield what is wrong with the migrations of a tree, in sentences."""
    recorded, present = recorded_in(root), _present(root)
    yield from _changed(recorded, present)
    dated = dated_versions(root)
    if dated and not recorded:
        yield "CHANGELOG.md has a release, and no migration is recorded: cut it with python -m deploy.release.cut"
    elif version_of(root) in dated:
        for name in sorted(present.keys() - recorded.keys()):
            yield f"{name} is not part of the release {version_of(root)}: raise `version` in pyproject.toml"


def record(root: Path) -> None:
    """Record all migrations. Raises ReleaseError when one that was released is another one now."""
    present = _present(root)
    for problem in _changed(recorded_in(root), present):
        raise ReleaseError(problem)
    file = root / RECORD
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(present, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _changed(recorded: dict[str, str], present: dict[str, str]) -> Iterator[str]:
    for name, digest in recorded.items():
        if present.get(name) != digest:
            yield f"{name} was released and is another one now: put it back, and write a new migration"


def recorded_in(root: Path) -> dict[str, str]:
    """Return the SHA-256 of each migration that was released, by the names of their files."""
    file = root / RECORD
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def _present(root: Path) -> dict[str, str]:
    return {file.name: sha256(file) for file in sorted((root / MIGRATIONS).glob("[0-9]*.py"))}
