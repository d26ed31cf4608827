"""`docs/settings.md` is what the code says, and every setting is described."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cekalwatch.program.cli.setting_list import describe
from cekalwatch.program.settings import Settings
from deploy.settings_page import PROGRAMS
from tests.support.repository import ROOT


@pytest.mark.skipif(sys.platform != "linux", reason="the page states the folders of Linux")
def test_the_page_is_up_to_date(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "CEKALWATCH_"))}
    command = [sys.executable, "-m", "deploy.settings_page"]
    printed = subprocess.run(
        command, cwd=ROOT, env=environment | {"HOME": str(tmp_path)}, check=True, capture_output=True, text=True
    ).stdout
    assert (ROOT / "docs" / "settings.md").read_text("utf-8") == printed, "run: make settings-page"


@pytest.mark.parametrize("settings", PROGRAMS.values())
def test_every_setting_says_what_it_means(settings: type[Settings]) -> None:
    described = describe(settings)
    assert len(described) > 8
    assert [one.name for one in described if len(one.meaning) < 10 or not one.meaning.endswith((".", "}."))] == []
