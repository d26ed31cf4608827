"""Cutting a release, and finding its commit again in any clone: by CHANGELOG.md, without tags."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import pytest

from deploy.release.cut import cut
from deploy.release.frozen import MIGRATIONS, problems, record, recorded_in, version_of
from deploy.release.history import git, last_release, release_commit
from deploy.release.wheel import ReleaseError

pytestmark = pytest.mark.slow

DAY = date(2026, 11, 27)
CLIENT = "extensions/cekalwatch/client/pyproject.toml"
FIRST_TABLES = MIGRATIONS / "0001_first_tables.py"
NEWS = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Alerts.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository before its first release."""
    made = tmp_path / "cekalwatch"
    (made / MIGRATIONS).mkdir(parents=True)
    (made / FIRST_TABLES).write_text("first")
    (made / "CHANGELOG.md").write_text(NEWS)
    (made / "pyproject.toml").write_text('[project]\nname = "cekalwatch"\nversion = "0.1.0"\ndependencies = []\n')
    (made / "evaluation").mkdir()
    (made / "evaluation" / "pyproject.toml").write_text(
        '[project]\nversion = "0.1.0"\ndependencies = ["cekalwatch[evaluation]==0.1.0"]\n'
    )
    (made / CLIENT).parent.mkdir(parents=True)
    (made / CLIENT).write_text('[project]\nversion = "0.1.0"\n')
    chart = made / "deploy/helm/cekalwatch/Chart.yaml"
    chart.parent.mkdir(parents=True)
    chart.write_text("apiVersion: v2\nversion: 0.1.0\nappVersion: 0.1.0\n")
    git(made, "init", "-q")
    commit(made, "Begin")
    return made


def commit(root: Path, message: str) -> str:
    """Commit all that is there, and return the commit."""
    git(root, "add", "--all")
    who = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    git(root, *who, "commit", "-q", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD")


def released(root: Path, version: str) -> str:
    """Cut a release, commit it, and return the commit."""
    cut(root, version, DAY)
    return commit(root, f"Release {version}")


def test_a_release_has_its_version_its_day_and_its_migrations(root: Path) -> None:
    cut(root, "0.2.0", DAY)
    assert version_of(root) == "0.2.0"
    assert '\nname = "cekalwatch"\nversion = "0.2.0"\ndependencies' in (root / "pyproject.toml").read_text()
    chart = (root / "deploy/helm/cekalwatch/Chart.yaml").read_text()
    assert chart == "apiVersion: v2\nversion: 0.2.0\nappVersion: 0.2.0\n"
    told = (root / "CHANGELOG.md").read_text()
    assert told == NEWS.replace("## [Unreleased]\n", "## [Unreleased]\n\n## [0.2.0] - 2026-11-27\n")
    assert list(recorded_in(root)) == [FIRST_TABLES.name]
    assert list(problems(root)) == []
    changed = git(root, "status", "--porcelain").splitlines()
    assert (root / "evaluation" / "pyproject.toml").read_text() == (
        '[project]\nversion = "0.2.0"\ndependencies = ["cekalwatch[evaluation]==0.2.0"]\n'
    )
    assert (root / CLIENT).read_text() == '[project]\nversion = "0.2.0"\n'
    assert len(changed) == 6, "nothing else belongs to the commit of a release"


def test_its_commit_is_found_without_tags_whatever_comes_after(root: Path, tmp_path: Path) -> None:
    assert last_release(root) == ""
    first = released(root, "0.2.0")
    assert last_release(root) == first
    file = root / "CHANGELOG.md"
    file.write_text(file.read_text().replace("## [Unreleased]\n", "## [Unreleased]\n\n- Since [0.2.0] more.\n"))
    (root / "pyproject.toml").write_text('[project]\nversion = "0.3.0"\n')
    commit(root, "Begin 0.3.0")
    assert last_release(root) == first
    subprocess.run(["git", "clone", "-q", "--no-tags", root, tmp_path / "clone"], check=True)
    assert last_release(tmp_path / "clone") == first
    second = released(root, "0.3.0")
    assert last_release(root) == second
    assert release_commit(root, "0.2.0") == first
    assert release_commit(root, "0.4.0") == ""


def test_one_that_was_taken_back_and_cut_again_is_the_later_one(root: Path) -> None:
    released(root, "0.2.0")
    git(root, "-c", "user.name=test", "-c", "user.email=test@localhost", "revert", "--no-edit", "HEAD")
    assert last_release(root) == ""
    again = released(root, "0.2.0")
    assert last_release(root) == again


def test_while_one_is_cut_the_last_one_is_the_one_before(root: Path) -> None:
    first = released(root, "0.2.0")
    file = root / "CHANGELOG.md"
    file.write_text(file.read_text().replace("## [Unreleased]\n", "## [Unreleased]\n\n- More.\n"))
    commit(root, "Add more")
    cut(root, "0.3.0", DAY)
    assert last_release(root) == first


def test_a_clone_that_does_not_reach_back_says_so(root: Path, tmp_path: Path) -> None:
    released(root, "0.2.0")
    commit(root, "Go on")
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth", "1", root.as_uri(), shallow], check=True)
    with pytest.raises(ReleaseError, match="git fetch --unshallow"):
        last_release(shallow)


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("0.2", "three numbers"),
        ("0.2.0rc1", "three numbers"),
        ("0.2.0", "not newer than 0.2.0"),
        ("0.1.9", "not newer than 0.2.0"),
    ],
)
def test_a_version_that_is_none_or_not_newer_is_refused(root: Path, version: str, why: str) -> None:
    released(root, "0.2.0")
    refused(root, version, why)


def test_a_release_without_news_is_refused(root: Path) -> None:
    released(root, "0.2.0")
    refused(root, "0.3.0", "a release says what is new")


def test_a_release_with_other_changes_is_refused(root: Path) -> None:
    (root / "README.md").write_text("something else")
    refused(root, "0.2.0", "not committed")


def test_a_release_that_edits_what_was_released_is_refused(root: Path) -> None:
    record(root)
    (root / FIRST_TABLES).write_text("edited")
    commit(root, "Edit")
    refused(root, "0.2.0", "write a new migration")


def refused(root: Path, version: str, why: str) -> None:
    """It is, and nothing has changed."""
    before = git(root, "status", "--porcelain")
    with pytest.raises(ReleaseError, match=why):
        cut(root, version, DAY)
    assert git(root, "status", "--porcelain") == before
