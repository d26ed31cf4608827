"""The report of a day on a real PC."""

from __future__ import annotations

import getpass
import io
import json
from pathlib import Path

import pytest
import typer

from cekalwatch.camera import checks as camera_checks
from cekalwatch.notifier import checks as notifier_checks
from cekalwatch.program.checks.results import CheckResult, CheckVerdict
from cekalwatch.program.checks.this_pc import IN_GENERAL, REPORT, report_this_pc

KEY = CheckResult("secrets", CheckVerdict.OK, f"only {getpass.getuser()} reads {Path.home()}/key.pem")


def reported(
    answers: str, monkeypatch: pytest.MonkeyPatch, folder: Path, *results: CheckResult, modules: tuple[str, ...] = ()
) -> dict[str, object]:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.stdin", io.StringIO(answers))
    report_this_pc("cekalwatch-notifier", results, modules, ("Did the window come?", "And the sound?"))
    found: dict[str, object] = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    return found


def test_a_report_has_what_was_found_and_what_a_person_saw_and_nobodys_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    report = reported("y\n\nlate, after 3 s\n", monkeypatch, tmp_path, KEY, modules=("json",))
    assert report["answers"] == {"Did the window come?": "y", IN_GENERAL[0]: "late, after 3 s"}
    assert [one["subject"] for one in report["results"]] == ["secrets", "libraries"]  # type: ignore[attr-defined]
    text = (tmp_path / REPORT).read_text(encoding="utf-8")
    assert "only ACCOUNT reads ~/key.pem" in text
    assert str(Path.home()) not in text


def test_a_library_that_the_pc_lacks_fails_and_is_in_the_report_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(typer.Exit):
        reported("", monkeypatch, tmp_path, KEY, modules=("no_such_library",))
    assert "no_such_library cannot be loaded" in (tmp_path / REPORT).read_text(encoding="utf-8")


@pytest.mark.parametrize("checks", [camera_checks, notifier_checks])
def test_what_is_loaded_there_is_loaded_here(checks: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    report = reported("", monkeypatch, tmp_path, modules=checks.LIBRARIES)  # type: ignore[attr-defined]
    assert len(report["results"]) == len(checks.LIBRARIES)  # type: ignore[attr-defined,arg-type]
