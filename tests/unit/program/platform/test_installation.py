"""A program of a PC with Windows finds out that another version was installed in its place."""

from __future__ import annotations

import sys
from pathlib import Path

from cekalwatch.program.platform.installation import Installation


def test_an_installed_version_hands_over_to_what_was_installed_after_it(tmp_path: Path) -> None:
    entered = [str(tmp_path / "1.0.0")]
    this = Installation("notifier", lambda: entered[0], tmp_path / "1.0.0")
    assert this.successor("desktop") is None
    entered[0] = str(tmp_path / "1.1.0")
    python = str(tmp_path / "1.1.0" / Path(sys.executable).name)
    assert this.successor("desktop", "--restart") == (
        python, "-I", "-m", "cekalwatch.notifier", "desktop", "--restart",
    )  # fmt: skip
    entered[0] = ""
    assert this.successor("desktop") == (), "it was removed"


def test_what_was_not_installed_stays(tmp_path: Path) -> None:
    entered = [""]
    this = Installation("notifier", lambda: entered[0], tmp_path / "developer")
    entered[0] = str(tmp_path / "1.1.0")
    assert this.successor("desktop") is None
