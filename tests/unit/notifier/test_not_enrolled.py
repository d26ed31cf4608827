"""The agent of a PC that an installer prepared and nobody enrolled."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekalwatch.notifier.cli.app import app
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.platform.installation import Installation


def test_it_says_that_the_pc_is_not_enrolled_and_not_that_a_server_is_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Installation, "is_there", True)
    (tmp_path / "notifier.toml").write_text(f'tls_dir = "{tmp_path / "tls"}"\n')
    done = CliRunner().invoke(app, ["desktop", "--config", str(tmp_path / "notifier.toml")])
    assert isinstance(done.exception, ProgramError)
    assert "not enrolled yet: an administrator runs cekalwatch-notifier init" in str(done.exception)
    assert done.exception.exit_code is Exit.CONFIG, "it is not started again and again"
