"""Every command of the server where there is no site: it makes nothing, and says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.app import app
from tests.support.tools.commands import commands_of

FOUNDING = frozenset({"init", "restore", "serve"})
"""They may make a site."""
NEEDS_NONE = frozenset({"backup-key", "check", "settings", "size"})
"""They need nothing of what there is."""
WITHOUT_DATA = frozenset({"drill outage", "pki init", "models import", "models install", "models list"})
"""They can be used once there are settings, and before there are data."""
REQUIRED = {
    "explanation": "ten letters and more",
    "source": "file:{folder}/fresh.key",
    "pack": "other",
    "name": "budi",
    "path": "{folder}",
    "display_name": "Budi",
    "group": "cn=officers",
    "state": "new",
    "site": "batam-center",
    "role": "camera",
    "run": "{folder}",
    "value": "0.4",
    "folder": "{folder}",
    "subject_id": "S-1",
    "agency": "KPK",
    "seen": "1a2b3c4d5e6f7a8b",
    "reason": "trial",
    "row": "{folder}/row.toml",
    "kind": "CEGAH",
    "day": "2026-01-02",
    "counsel": "Contoh",
    "photographs": "{folder}/face.jpg",
    "consent": "W.1",
    "until": "2026-12-30",
    "shifts": "07:00-15:00",
    "archive": "{folder}/backup.age",
    "identity": "{folder}/backup.key",
    "signer": "key",
    "sheets": "{folder}/sheets",
    "since": "2026-12-01",
    "known": "2026-12-31",
    "new": "budi.santoso",
    "to": "postgresql://127.0.0.1:1/cekalwatch",
}
"""A value for each option and argument that a command must have."""
ROLES = {"people": "officer"}


COMMANDS = {name: command for name, command in commands_of(app) if name not in FOUNDING}


def typed(name: str, folder: Path) -> list[str]:
    """Return the command with all that it requires."""
    words = name.split()
    for parameter in COMMANDS[name].params:
        if not parameter.required or parameter.name is None:
            continue
        value = REQUIRED[parameter.name].format(folder=folder)
        if parameter.name == "role":
            value = ROLES.get(words[0], value)
        words += [parameter.opts[0], value] if parameter.param_type_name == "option" else [value]
    return words


@pytest.fixture
def empty(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the commands are typed, on a machine that has nothing of this program."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CEKALWATCH_SERVER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CEKALWATCH_SERVER_LISTEN", "127.0.0.1:1")  # nobody serves there
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path_factory.getbasetemp() / "matplotlib"))
    return folder


def made(folder: Path) -> list[Path]:
    return [path for path in folder.parent.rglob("*") if path not in {folder, folder.parent / "server.toml"}]


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - NEEDS_NONE))
def test_without_settings_it_names_where_they_would_be(name: str, empty: Path) -> None:
    outcome = CliRunner().invoke(app, typed(name, empty))
    assert isinstance(outcome.exception, ProgramError), outcome.output
    assert outcome.exception.exit_code in {Exit.CONFIG, Exit.NO_INPUT}
    if outcome.exception.exit_code is Exit.CONFIG:
        assert "cekalwatch-server init" in str(outcome.exception)
        assert "/etc/cekalwatch/server.toml" in str(outcome.exception)
        assert "--config" in str(outcome.exception)
    assert made(empty) == []


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - NEEDS_NONE - WITHOUT_DATA))
def test_with_settings_and_no_data_it_makes_none(name: str, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = empty.parent / "server.toml"
    config.write_text("[[cameras]]\ncamera_id = 'budi'\nsite = 'batam-center'\ncounter = '1'\ndirection = 'ARRIVAL'\n")
    monkeypatch.setenv("CEKALWATCH_SERVER_CONFIG", str(config))
    outcome = CliRunner().invoke(app, typed(name, empty))
    assert isinstance(outcome.exception, ProgramError), outcome.output
    assert outcome.exception.exit_code in {Exit.CONFIG, Exit.NO_INPUT, Exit.USAGE, Exit.DATA_PROBLEMS}
    assert made(empty) == []
    if outcome.exception.exit_code is not Exit.USAGE:
        assert f"Using {empty.parent / 'data'}; settings: {config}" in outcome.stderr


def test_every_command_is_walked() -> None:
    assert COMMANDS.keys() > {
        "people add",
        "pki init",
        "audit verify",
        "evaluate alerts",
        "watchlist sync now",
        "check",
    }


def test_a_check_of_nothing_makes_nothing_and_fails(empty: Path) -> None:
    outcome = CliRunner().invoke(app, ["check", "--json"])
    assert outcome.exit_code == Exit.FAILED
    found = {one["subject"]: one for one in json.loads(outcome.stdout)}
    assert found["folder"]["verdict"] == "FAIL"
    assert "cekalwatch-server init" in found["folder"]["text"]
    assert made(empty) == []


def test_settings_that_are_found_are_said(empty: Path) -> None:
    config = empty.parent / "config" / "cekalwatch" / "server.toml"
    config.parent.mkdir(parents=True)
    config.write_text("threads = 3\n")
    outcome = CliRunner().invoke(app, ["settings", "--format", "json"])
    assert '"value": 3' in outcome.stdout
    assert f"settings: {config}" in outcome.stderr
