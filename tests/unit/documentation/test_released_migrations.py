"""What was released stays as it is: the migrations of a release, held by their hashes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.release.frozen import MIGRATIONS, RECORD, problems, record, recorded_in
from deploy.release.history import git, last_release
from deploy.release.wheel import ReleaseError
from tests.support.repository import ROOT


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with one migration, before its first release."""
    (tmp_path / MIGRATIONS).mkdir(parents=True)
    (tmp_path / MIGRATIONS / "0001_first_tables.py").write_text("first")
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.2.0"\n')
    return tmp_path


def cut_release(tree: Path) -> None:
    (tree / "CHANGELOG.md").write_text("## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n")


def test_released_migrations_are_as_they_were() -> None:
    assert list(problems(ROOT)) == []


def test_the_record_is_that_of_the_last_release() -> None:
    """Whoever edits a migration and the record beside it is found by the history."""
    try:
        commit = last_release(ROOT)
    except ReleaseError as error:
        pytest.skip(str(error))
    if not commit:
        pytest.skip("nothing was released yet")
    released = json.loads(git(ROOT, "show", f"{commit}:{RECORD}"))
    assert {name: recorded_in(ROOT).get(name) for name in released} == released


def test_before_the_first_release_a_migration_is_edited_in_place(tree: Path) -> None:
    (tree / MIGRATIONS / "0001_first_tables.py").write_text("another first")
    assert list(problems(tree)) == []


def test_a_release_records_its_migrations_first(tree: Path) -> None:
    cut_release(tree)
    assert "no migration is recorded" in next(problems(tree))
    record(tree)
    assert list(problems(tree)) == []


def test_after_the_release_a_change_is_a_new_migration(tree: Path) -> None:
    cut_release(tree)
    record(tree)
    (tree / MIGRATIONS / "0001_first_tables.py").write_text("edited")
    assert "write a new migration" in next(problems(tree))
    with pytest.raises(ReleaseError, match="write a new migration"):
        record(tree)
    (tree / MIGRATIONS / "0001_first_tables.py").write_text("first")
    (tree / MIGRATIONS / "0002_more.py").write_text("more")
    assert "0002_more.py is not part of the release 0.2.0" in next(problems(tree))
    (tree / "pyproject.toml").write_text('[project]\nversion = "0.3.0"\n')
    assert list(problems(tree)) == []
