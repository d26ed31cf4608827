"""`cekalwatch-server settings` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.app import app


def test_each_setting_says_where_its_value_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "server.toml"
    file.write_text('database_url = "postgresql://cekal:hidden@db/cekal"\n[legal]\nurgent_days = 14\n')
    monkeypatch.setenv("CEKALWATCH_SERVER_WATCHLIST__SYNC__PERIOD_SECONDS", "60")
    arguments = ["settings", "--config", str(file), "--data-dir", str(tmp_path), "--format", "json"]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == Exit.OK
    assert "hidden" not in outcome.output
    found = {one["name"]: (one["value"], one["from"]) for one in json.loads(outcome.stdout)}
    assert found["legal.urgent_days"] == (14, "file")
    assert found["watchlist.sync.period_seconds"] == (60, "environment")
    assert found["data_dir"] == (str(tmp_path), "option")
    assert found["openid"] == (None, "default")


def test_a_wrong_configuration_is_refused_as_by_every_command(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text("[legal]\nurgent_day = 14\n")
    outcome = CliRunner().invoke(app, ["settings", "--config", str(file)])
    assert isinstance(outcome.exception, ProgramError)
    assert "legal.urgent_day: there is no such setting" in str(outcome.exception)
    assert outcome.exception.exit_code is Exit.CONFIG
